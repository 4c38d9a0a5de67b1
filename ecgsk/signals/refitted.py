"""Records cropped, padded or resampled when they are read."""

import numpy as np

from ecgsk.signals._array import ECGArray
from ecgsk.signals.resampling import resample
from ecgsk.signals.screening import screen_where_needed
from ecgsk.signals.storage import ECGStorage


class RefittedStorage(ECGStorage):
    """Records of another storage at another rate or of another length.

    Longer records are cropped at their end, shorter ones padded there with NaN.
    """

    def __init__(self, storage: ECGStorage, sampling_rate: float, n_samples: int):
        self.storage = storage
        self.leads = storage.leads
        self.sampling_rate, self.n_samples = float(sampling_rate), int(n_samples)

    def __len__(self) -> int:
        return len(self.storage)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the records beneath take."""
        return self.storage.nbytes

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read and refit records; see `ECGStorage.read`."""
        x = self.storage.read(rows)
        if self.storage.sampling_rate != self.sampling_rate:
            x = resample(screen_where_needed(x), self.storage.sampling_rate, self.sampling_rate)
        out = np.full((len(rows), len(self.leads), self.n_samples), np.nan, np.float32)
        n_kept = min(self.n_samples, x.shape[2])
        out[..., :n_kept] = x[..., :n_kept]
        return out

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each record, of records at this rate alone; see `ECGStorage.read_part`."""
        n_stored = self.storage.n_samples
        if self.storage.sampling_rate != self.sampling_rate or n_samples > n_stored:
            return super().read_part(rows, starts, n_samples)
        # A part that begins later is padded.
        latest = np.minimum(starts, n_stored - n_samples)
        out = self.storage.read_part(rows, latest, n_samples)
        for place in np.flatnonzero(starts > latest):
            n_kept = max(n_stored - starts[place], 0)
            out[place, :, :n_kept] = out[place, :, n_samples - n_kept :]
            out[place, :, n_kept:] = np.nan
        return out

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Compact the storage beneath; see `ECGStorage.compact`."""
        storage, compacted = self.storage.compact(rows)
        return RefittedStorage(storage, self.sampling_rate, self.n_samples), compacted

    def identity(self) -> tuple:
        """Return the storage beneath, rate and length; see `ECGStorage.identity`."""
        return (self.storage, self.sampling_rate, self.n_samples)


def refit(ecg: ECGArray, sampling_rate: float, n_samples: int) -> ECGArray:
    """Return the records at a rate and of a length; the array itself if it has both."""
    if (ecg.sampling_rate, ecg.n_samples) == (sampling_rate, n_samples):
        return ecg
    return ECGArray(RefittedStorage(ecg.storage, sampling_rate, n_samples), ecg.rows)
