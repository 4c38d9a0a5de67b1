"""Concatenation of storages without copying samples."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ecgsk.signals.storage import ECGStorage


class ConcatStorage(ECGStorage):
    """The records of several storages, one storage after the other.

    The parts have the same leads in the same order, sampling rate and length.
    """

    def __init__(self, parts: Sequence[ECGStorage]):
        first = parts[0]
        kinds = {(part.leads, part.sampling_rate, part.n_samples) for part in parts}
        if len(kinds) != 1:
            raise ValueError(
                "ConcatStorage: expected parts with equal leads, sampling rate and length, got "
                f"{kinds}. Select leads or resample first."
            )
        self.parts = tuple(parts)
        self.leads = first.leads
        self.sampling_rate = first.sampling_rate
        self.n_samples = first.n_samples
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the parts hold."""
        return sum(part.nbytes for part in self.parts)

    def split(self, rows: np.ndarray) -> Iterator[tuple[ECGStorage, np.ndarray, np.ndarray]]:
        """Yield each used part, positions in `rows`, and row numbers in the part."""
        part_of_row = np.searchsorted(self._ends, rows, side="right")
        for number in np.unique(part_of_row):
            positions = np.flatnonzero(part_of_row == number)
            part = self.parts[number]
            yield part, positions, rows[positions] - (self._ends[number] - len(part))

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ECGStorage.read`."""
        out = np.empty((len(rows), len(self.leads), self.n_samples), np.float32)
        for part, positions, part_rows in self.split(rows):
            out[positions] = part.read(part_rows)
        return out

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each record; see `ECGStorage.read_part`."""
        out = np.empty((len(rows), len(self.leads), n_samples), np.float32)
        for part, positions, part_rows in self.split(rows):
            out[positions] = part.read_part(part_rows, starts[positions], n_samples)
        return out

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Drop unused parts and compact the others; see `ECGStorage.compact`."""
        storages, compacted, start = [], np.empty_like(rows), 0
        for part, positions, part_rows in self.split(rows):
            storage, compacted_rows = part.compact(part_rows)
            compacted[positions] = compacted_rows + start
            start += len(storage)
            storages.append(storage)
        if not storages:
            return self.parts[0].compact(rows)
        return (storages[0] if len(storages) == 1 else ConcatStorage(storages)), compacted

    def identity(self) -> tuple:
        """Return the parts; see `ECGStorage.identity`."""
        return self.parts


def merge_views(
    views: Iterable[tuple[ECGStorage, np.ndarray]],
) -> tuple[ECGStorage, list[np.ndarray]]:
    """Merge views (storage, row numbers) over different storages into views over one storage.

    Return the shared storage, or a `ConcatStorage` that holds each storage once, and the row
    numbers of each view over it. Row number -1 is a missing record. The storages have equal
    leads, sampling rate and length.
    """
    views = list(views)
    if len({id(storage) for storage, _ in views}) == 1:
        return views[0][0], [rows for _, rows in views]
    starts: dict[ECGStorage, int] = {}
    end = 0
    merged = []
    for storage, rows in views:
        numbers = np.full(len(rows), -1, np.int64)
        known = np.flatnonzero(rows >= 0)
        pieces: Iterable = [(storage, np.arange(len(known)), rows[known])] if len(known) else []
        if isinstance(storage, ConcatStorage):
            pieces = storage.split(rows[known])
        for part, positions, part_rows in pieces:
            if part not in starts:
                starts[part] = end
                end += len(part)
            numbers[known[positions]] = part_rows + starts[part]
        merged.append(numbers)
    parts = list(starts) or [views[0][0]]
    return (parts[0] if len(parts) == 1 else ConcatStorage(parts)), merged
