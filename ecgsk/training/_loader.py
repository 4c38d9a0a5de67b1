"""Batches on the device: read when needed, read ahead, or resident.

On the CPU a batch is read when it is needed, so that it is still in the cache. For a GPU it
is read ahead, copied as stored (int16 is half the bytes) and converted to mV there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ecgsk.training.batches import Batch, BatchDataset, decode

T = TypeVar("T")
# Share of a GPU's free memory for a resident dataset; the network uses the rest.
_RESIDENT_SHARE = 0.5
_RECORDS_PER_READ = 1024


class BatchLoader:
    """Iterator over the batches of a dataset, on the device, for skorch.

    `order` is iterated anew for every epoch; None is the dataset's order. `share` is the
    number of this process and the number of processes: each takes its share of a batch.
    With ``resident=None`` all records stay on a GPU where they fit.
    """

    def __init__(
        self,
        dataset: BatchDataset,
        batch_size: int,
        *,
        device: torch.device | str = "cpu",
        order: Iterable[int] | None = None,
        drop_last: bool = False,
        share: tuple[int, int] = (0, 1),
        resident: bool | None = None,
    ):
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.device = torch.device(device)
        self.order, self.share = order, share
        keep = fits_on_gpu(dataset, self.device) if resident is None else resident
        self.resident = ResidentDataset(dataset, self.device) if keep else None

    def __iter__(self) -> Iterator[Batch]:
        batches = self._batches()
        if self.resident is not None:
            yield from map(self.resident.batch, batches)
        elif self.device.type == "cpu":
            yield from map(self.dataset.__getitems__, batches)
        else:
            for raw, gain, (inputs, targets) in read_ahead(self._gather, batches):
                batch = to_device(inputs, self.device), targets.to(self.device, non_blocking=True)
                if raw is not None:
                    batch[0]["ecg"] = decode(raw.to(self.device, non_blocking=True), gain)
                yield batch

    def _batches(self) -> list[np.ndarray]:
        if self.order is None:
            order = np.arange(len(self.dataset))
        else:
            order = np.fromiter(self.order, dtype=np.intp)
        starts = range(0, len(order), self.batch_size)
        batches = [order[start : start + self.batch_size] for start in starts]
        if self.drop_last and batches and len(batches[-1]) < self.batch_size:
            batches.pop()
        rank, n_shares = self.share
        return [batch[rank::n_shares] for batch in batches]

    def _gather(self, rows: np.ndarray) -> tuple[Tensor | None, float, Batch]:
        """Read a batch into memory that a GPU copies from directly."""
        rest = self.dataset.without_signals(rows)
        if self.dataset.signals is None:
            return None, 1.0, rest
        raw, gain = self.dataset.raw_signals(rows)
        return raw.pin_memory() if self.device.type == "cuda" else raw, gain, rest


class ResidentDataset:
    """All records of a dataset on a device, as they are stored; each is read once."""

    def __init__(self, dataset: BatchDataset, device: torch.device):
        inputs, targets = dataset.without_signals(np.arange(len(dataset)))
        self.inputs, self.targets = to_device(inputs, device), targets.to(device)
        self.device = device
        self.raw, self.gain = None, 1.0
        if dataset.signals is not None:
            self.raw, self.gain = self._read(dataset)

    def _read(self, dataset: BatchDataset) -> tuple[Tensor, float]:
        starts = range(0, len(dataset), _RECORDS_PER_READ)
        rows = np.arange(len(dataset))
        batches = [rows[start : start + _RECORDS_PER_READ] for start in starts]
        parts = [
            (raw.to(self.device), gain) for raw, gain in read_ahead(dataset.raw_signals, batches)
        ]
        if len({(raw.dtype, gain) for raw, gain in parts}) > 1:  # stored in several forms
            parts = [(decode(raw, gain), 1.0) for raw, gain in parts]
        return torch.cat([raw for raw, _ in parts]), parts[0][1]

    def batch(self, rows: np.ndarray) -> Batch:
        """Gather a batch on the device."""
        index = torch.from_numpy(rows).to(self.device, non_blocking=True)
        inputs = {name: values[index] for name, values in self.inputs.items()}
        if self.raw is not None:
            inputs["ecg"] = decode(self.raw[index], self.gain)
        return inputs, self.targets[index]


def fits_on_gpu(dataset: BatchDataset, device: torch.device) -> bool:
    """Return whether all records fit into half of a GPU's free memory."""
    if device.type != "cuda" or not len(dataset):
        return False
    n_bytes = 0
    if dataset.signals is not None:
        n_bytes = dataset.raw_signals(np.arange(1))[0].nbytes * len(dataset)
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes <= _RESIDENT_SHARE * free


def to_device(inputs: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Return the tensors on a device."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.items()}


def read_ahead(read: Callable[[np.ndarray], T], batches: Sequence[np.ndarray]) -> Iterator[T]:
    """Yield ``read(batch)`` of each batch; a thread reads the next one meanwhile."""
    if len(batches) < 2:
        yield from map(read, batches)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="ecgsk-loader") as reader:
        coming = reader.submit(read, batches[0])
        for batch in batches[1:]:
            ready = coming.result()
            coming = reader.submit(read, batch)
            yield ready
        yield coming.result()
