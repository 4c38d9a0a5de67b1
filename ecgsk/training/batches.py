"""Dataset whose items are whole batches, read from the storage in one call."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ecgsk.signals.storage import INT16_NAN
from ecgsk.training.signals import Signals

Batch = tuple[dict[str, Tensor], Tensor]


class BatchDataset(Dataset):
    """Signals, table and targets of the same records; one call makes one batch.

    The table is scaled, float32. Targets are zeros where the objective needs none. `weight`
    is the share of the epochs in which a record takes part; None is 1. `patients` are patient
    numbers, for objectives that compare records.
    """

    def __init__(
        self,
        signals: Signals | None = None,
        table: np.ndarray | None = None,
        targets: np.ndarray | None = None,
        weight: np.ndarray | None = None,
        patients: np.ndarray | None = None,
    ):
        self.signals, self.table, self.targets = signals, table, targets
        records: Any = table if signals is None else signals
        self.weight = np.ones(len(records)) if weight is None else weight
        self.patients = None if patients is None else np.asarray(patients, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, rows: np.ndarray) -> "BatchDataset":
        """Return the dataset of some records, in order."""
        parts = (self.table, self.targets, self.weight, self.patients)
        table, targets, weight, patients = (p if p is None else p[rows] for p in parts)
        signals = None if self.signals is None else self.signals.take(rows)
        return BatchDataset(signals, table, targets, weight, patients)

    def __getitem__(self, row: int) -> Batch:
        return self.__getitems__([row])

    def __getitems__(self, rows: Sequence[int] | np.ndarray) -> Batch:
        rows = np.asarray(rows, dtype=np.intp)
        inputs, targets = self.without_signals(rows)
        if self.signals is not None:
            inputs = {"ecg": torch.from_numpy(self.signals.read(rows)), **inputs}
        return inputs, targets

    def raw_signals(self, rows: np.ndarray) -> tuple[Tensor, float]:
        """Return signals as they are stored, for :func:`decode` on the device."""
        assert self.signals is not None
        raw, gain = self.signals.read_raw(rows)
        return torch.from_numpy(raw), gain

    def without_signals(self, rows: np.ndarray) -> Batch:
        """Return table, patients and targets of a batch."""
        inputs = {}
        if self.table is not None:
            inputs["table"] = torch.from_numpy(self.table[rows])
        if self.patients is not None:
            inputs["patients"] = torch.from_numpy(self.patients[rows])
        if self.targets is None:
            return inputs, torch.zeros(len(rows))
        return inputs, torch.from_numpy(self.targets[rows])


def decode(raw: Tensor, gain: float) -> Tensor:
    """Convert stored samples to mV, NaN where missing; `gain` is their units per mV.

    Examples
    --------
    >>> import torch
    >>> decode(torch.tensor([[[200, -32768]]], dtype=torch.int16), gain=200.0)
    tensor([[[1., nan]]])
    """
    if raw.dtype != torch.int16:
        return raw
    return (raw.float() * (1 / gain)).masked_fill_(raw == INT16_NAN, float("nan"))
