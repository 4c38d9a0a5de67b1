"""Storage of signals that are transformed when they are read."""

from collections.abc import Callable
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone

from ecgsk.exceptions import SignalQualityError
from ecgsk.signals import ECGStorage
from ecgsk.signals.screening import screen_where_needed

_RECORDS_PER_BATCH = 16  # records transformed at once; more do not fit the cache


class TransformedStorage(ECGStorage):
    """Records of another storage, each filtered or resampled by itself at every read.

    Only the transformer's parameters are used: it need not be fitted.
    """

    def __init__(self, storage: ECGStorage, transformer: Any):
        self.storage, self.transformer = storage, clone(transformer)
        self.leads = storage.leads
        self.sampling_rate = transformer._sampling_rate_out(storage.sampling_rate)
        self.n_samples = transformer._count_times(storage.n_samples, storage.sampling_rate)

    def __len__(self) -> int:
        return len(self.storage)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the untransformed records take."""
        return self.storage.nbytes

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read and transform records, which must not be infinite; see `ECGStorage.read`."""
        out = np.empty((len(rows), len(self.leads), self.n_samples), np.float32)
        fill_in_batches(out, lambda batch: self._read(rows[batch]), self.transformer.n_jobs)
        return out

    def _read(self, rows: np.ndarray) -> np.ndarray:
        signals = self.storage.read(rows)
        infinite = np.isinf(signals).any(axis=(1, 2))
        if infinite.any():
            raise SignalQualityError(
                f"{type(self.transformer).__name__}: expected finite samples or NaN, got infinite "
                f"ones in row {rows[infinite][0]} of the storage. Make them NaN."
            )
        return self.transformer._filter(screen_where_needed(signals), self.storage.sampling_rate)

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Compact the storage beneath; see `ecgsk.signals.ECGStorage.compact`."""
        storage, compacted = self.storage.compact(rows)
        return TransformedStorage(storage, self.transformer), compacted

    def identity(self) -> tuple:
        """Return the storage beneath and the parameters; see `ECGStorage.identity`."""
        parameters = self.transformer.get_params() | {"n_jobs": None}
        return (self.storage, type(self.transformer), tuple(sorted(parameters.items())))


def fill_in_batches(
    out: np.ndarray, transform: Callable[[slice], np.ndarray], n_jobs: int | None
) -> None:
    """Fill the rows of an array with what `transform` returns of them, in threads."""

    def work(start: int) -> None:
        batch = slice(start, start + _RECORDS_PER_BATCH)
        out[batch] = transform(batch)

    starts = range(0, len(out), _RECORDS_PER_BATCH)
    if len(starts) == 1:  # the set-up of joblib takes as long as a few records
        work(0)
    else:
        Parallel(n_jobs=n_jobs, require="sharedmem")(delayed(work)(start) for start in starts)
