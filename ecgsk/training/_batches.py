"""Whole batches, gathered from the storage in one call."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import Dataset


class SignalReader(Protocol):
    """What the loader needs of signals: an ``ECGArray`` is one."""

    def __len__(self) -> int: ...

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return float32 of shape (n_rows, n_leads, n_samples), NaN where absent."""


class BatchDataset(Dataset):
    """Rows of signals, table and targets; one call makes one batch.

    Parameters
    ----------
    signals : SignalReader or None
        Where the ECGs are read from.
    table : ndarray of shape (n_records, n_columns) or None
        The scaled clinical table.
    targets : ndarray of shape (n_records, ...) or None
        What is to be predicted; zeros where the objective needs none.
    rows : ndarray of int
        The records that take part, as row numbers of the arrays.
    weight : ndarray of shape (n_records,) or None
        Share of the training epochs in which a record takes part; None is 1.
    patients : ndarray of shape (n_records,) or None
        Whole numbers of the patients, for objectives that compare records.
    """

    def __init__(
        self,
        signals: SignalReader | None,
        table: np.ndarray | None,
        targets: np.ndarray | None,
        rows: np.ndarray,
        weight: np.ndarray | None = None,
        patients: np.ndarray | None = None,
    ):
        self.signals, self.table, self.targets = signals, table, targets
        self.rows = np.asarray(rows, dtype=np.intp)
        self.weight = np.ones(len(self.rows)) if weight is None else weight[self.rows]
        self.patients = None if patients is None else np.asarray(patients, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        return self.__getitems__([i])

    def __getitems__(self, indices: Any) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        rows = self.rows[np.asarray(indices, dtype=np.intp)]
        inputs = {}
        if self.signals is not None:
            inputs["ecg"] = torch.from_numpy(self.signals.read(rows))
        if self.table is not None:
            inputs["table"] = torch.from_numpy(self.table[rows])
        if self.patients is not None:
            inputs["patients"] = torch.from_numpy(self.patients[rows])
        if self.targets is None:
            return inputs, torch.zeros(len(rows))
        return inputs, torch.from_numpy(self.targets[rows])

    def in_order(self, batch_size: int) -> Iterator[dict[str, torch.Tensor]]:
        """Yield the inputs batch by batch, as they stand."""
        for start in range(0, len(self), batch_size):
            yield self.__getitems__(np.arange(start, min(start + batch_size, len(self))))[0]


def as_it_is(batch: Any) -> Any:
    """Collate nothing: ``__getitems__`` has made the batch already."""
    return batch
