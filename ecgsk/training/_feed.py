"""How batches come to the device: read when asked for, read ahead, or kept there.

On the CPU a batch is gathered in place: its cores are the network's own, and memory that
was just used is still in their cache. To a GPU samples travel ahead of their use, as they
are stored, in int16 half the bytes, and become millivolts there; where a cohort fits into
its memory it travels once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from ecgsk.training._batches import Batch, BatchDataset, decode

T = TypeVar("T")
# Share of a GPU's free memory that records may fill; the rest is the network's.
_MEMORY_FOR_RECORDS = 0.5
_RECORDS_AT_ONCE = 1024


class Feed:
    """Batches of a dataset, on the device; an iterator for skorch.

    Parameters
    ----------
    dataset : BatchDataset
        What is read.
    batch_size : int
        Records per batch.
    device : torch.device or str, default="cpu"
        Where batches are wanted.
    order : iterable of int or None, default=None
        Records of one epoch; asked anew for every epoch. None is as they stand.
    drop_last : bool, default=False
        Leave a smaller last batch out.
    share : tuple of int, default=(0, 1)
        Which share of each batch, of how many: a process's own.
    resident : bool or None, default=None
        Keep all records on the device. None does where they fit on a GPU and are
        read more than once, as training and validation records are.
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
        keep = fits(dataset, self.device) if resident is None else resident
        self.records = Records(dataset, self.device) if keep else None

    def __iter__(self) -> Iterator[Batch]:
        batches = self._batches()
        if self.records is not None:
            yield from map(self.records.batch, batches)
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

    def _gather(self, indices: np.ndarray) -> tuple[Tensor | None, float, Batch]:
        """Read a batch into memory that a GPU copies from by itself."""
        inputs, targets = self.dataset.beside_signals(indices)
        if self.dataset.signals is None:
            return None, 1.0, (inputs, targets)
        raw, gain = self.dataset.raw_signals(indices)
        pinned = raw.pin_memory() if self.device.type == "cuda" else raw
        return pinned, gain, (inputs, targets)


class Records:
    """All records of a dataset on a device, as they are stored.

    Parameters
    ----------
    dataset : BatchDataset
        What is read, once.
    device : torch.device
        Where it is kept.
    """

    def __init__(self, dataset: BatchDataset, device: torch.device):
        inputs, targets = dataset.beside_signals(np.arange(len(dataset)))
        self.inputs, self.targets = to_device(inputs, device), targets.to(device)
        self.device = device
        self.raw, self.gain = None, 1.0
        if dataset.signals is not None:
            self.raw, self.gain = self._read(dataset)

    def _read(self, dataset: BatchDataset) -> tuple[Tensor, float]:
        starts = range(0, len(dataset), _RECORDS_AT_ONCE)
        rows = np.arange(len(dataset))
        batches = [rows[start : start + _RECORDS_AT_ONCE] for start in starts]
        parts = [
            (raw.to(self.device), gain) for raw, gain in read_ahead(dataset.raw_signals, batches)
        ]
        if len({(raw.dtype, gain) for raw, gain in parts}) > 1:  # stored in several ways
            parts = [(decode(raw, gain), 1.0) for raw, gain in parts]
        return torch.cat([raw for raw, _ in parts]), parts[0][1]

    def batch(self, indices: np.ndarray) -> Batch:
        """Gather a batch on the device."""
        rows = torch.from_numpy(indices).to(self.device, non_blocking=True)
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        if self.raw is not None:
            inputs["ecg"] = decode(self.raw[rows], self.gain)
        return inputs, self.targets[rows]


def fits(dataset: BatchDataset, device: torch.device) -> bool:
    """Tell whether a GPU's free memory holds all records beside the network."""
    if device.type != "cuda" or not len(dataset):
        return False
    n_bytes = 0
    if dataset.signals is not None:
        n_bytes = dataset.raw_signals(np.arange(1))[0].nbytes * len(dataset)
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes <= _MEMORY_FOR_RECORDS * free


def to_device(inputs: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Return the tensors on a device."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in inputs.items()}


def read_ahead(read: Callable[[np.ndarray], T], batches: Sequence[np.ndarray]) -> Iterator[T]:
    """Yield ``read(batch)`` of each batch; a thread reads the next one meanwhile."""
    if len(batches) < 2:
        yield from map(read, batches)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="ecgsk-feed") as reader:
        coming = reader.submit(read, batches[0])
        for batch in batches[1:]:
            ready = coming.result()
            coming = reader.submit(read, batch)
            yield ready
        yield coming.result()
