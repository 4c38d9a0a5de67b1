"""Whole batches, gathered from the storage in one call."""

from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ecgsk.signals.storage import INT16_NAN

Batch = tuple[dict[str, Tensor], Tensor]


class SignalReader(Protocol):
    """What the loader needs of signals: an ``ECGArray`` is one."""

    def __len__(self) -> int: ...

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return float32 of shape (n_rows, n_leads, n_samples), NaN where absent."""

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Return samples as they are stored, and their units per millivolt."""


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

    def __getitem__(self, i: int) -> Batch:
        return self.__getitems__([i])

    def __getitems__(self, indices: Any) -> Batch:
        inputs, targets = self.beside_signals(indices)
        if self.signals is not None:
            ecg = torch.from_numpy(self.signals.read(self._rows(indices)))
            inputs = {"ecg": ecg, **inputs}
        return inputs, targets

    def raw_signals(self, indices: Any) -> tuple[Tensor, float]:
        """Return signals as they are stored, for :func:`decode` on the device."""
        assert self.signals is not None
        raw, gain = self.signals.read_raw(self._rows(indices))
        return torch.from_numpy(raw), gain

    def beside_signals(self, indices: Any) -> Batch:
        """Return table, patients and targets of a batch."""
        rows = self._rows(indices)
        inputs = {}
        if self.table is not None:
            inputs["table"] = torch.from_numpy(self.table[rows])
        if self.patients is not None:
            inputs["patients"] = torch.from_numpy(self.patients[rows])
        if self.targets is None:
            return inputs, torch.zeros(len(rows))
        return inputs, torch.from_numpy(self.targets[rows])

    def _rows(self, indices: Any) -> np.ndarray:
        return self.rows[np.asarray(indices, dtype=np.intp)]


def decode(raw: Tensor, gain: float) -> Tensor:
    """Return millivolts, NaN where missing, from samples as they are stored.

    Parameters
    ----------
    raw : Tensor of int16 or float32, shape (n_records, n_leads, n_samples)
        On any device.
    gain : float
        Units of the samples per millivolt.

    Examples
    --------
    >>> import torch
    >>> decode(torch.tensor([[[200, -32768]]], dtype=torch.int16), gain=200.0)
    tensor([[[1., nan]]])
    """
    if raw.dtype != torch.int16:
        return raw
    return (raw.float() * (1 / gain)).masked_fill_(raw == INT16_NAN, float("nan"))
