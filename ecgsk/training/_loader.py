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
            yield from self.resident.batches(batches)
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
        inputs, targets = self.dataset.without_signals(rows)
        raw, gain = None, 1.0
        if self.dataset.signals is not None:
            raw, gain = self.dataset.raw_signals(rows)
        if self.device.type == "cuda":  # a copy from other memory may wait for the GPU
            inputs = {name: values.pin_memory() for name, values in inputs.items()}
            targets, raw = targets.pin_memory(), None if raw is None else raw.pin_memory()
        return raw, gain, (inputs, targets)


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
        """Read all signals into one tensor: to join parts would take their memory twice."""
        rows = np.arange(len(dataset))
        pieces = [
            rows[start : start + _RECORDS_PER_READ]
            for start in range(0, len(rows), _RECORDS_PER_READ)
        ]
        out, gain = torch.empty(0), 1.0
        for piece, (raw, raw_gain) in zip(
            pieces, read_ahead(dataset.raw_signals, pieces), strict=True
        ):
            if not piece[0]:
                shape = (len(rows), *raw.shape[1:])
                out, gain = torch.empty(shape, dtype=raw.dtype, device=self.device), raw_gain
            elif (raw.dtype, raw_gain) != (out.dtype, gain):  # stored in several forms
                out, raw, gain = decode(out, gain), decode(raw, raw_gain), 1.0
            out[piece[0] : piece[-1] + 1] = raw.to(self.device)
        return out, gain

    def batches(self, batches: Sequence[np.ndarray]) -> Iterator[Batch]:
        """Gather batches on the device; the row numbers of all are copied to it at once."""
        if not batches:
            return
        order = torch.from_numpy(np.concatenate(batches)).to(self.device)
        for index in order.split([len(batch) for batch in batches]):
            inputs = {name: values[index] for name, values in self.inputs.items()}
            if self.raw is not None:
                inputs["ecg"] = decode(self.raw[index], self.gain)
            yield inputs, self.targets[index]


def fits_on_gpu(dataset: BatchDataset, device: torch.device) -> bool:
    """Return whether all records fit into half of a GPU's free memory."""
    if device.type != "cuda" or not len(dataset):
        return False
    inputs, targets = dataset.without_signals(np.arange(1))
    n_bytes = sum(values.nbytes for values in (*inputs.values(), targets))
    if dataset.signals is not None:
        n_bytes += dataset.raw_signals(np.arange(1))[0].nbytes
    free, _ = torch.cuda.mem_get_info(device)
    # Torch keeps the memory of an earlier fit, such as a pre-training, for the next one.
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return n_bytes * len(dataset) <= _RESIDENT_SHARE * free


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
