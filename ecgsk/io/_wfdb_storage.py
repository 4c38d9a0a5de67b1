"""Records in WFDB files, read when asked for."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ecgsk.exceptions import RecordReadError
from ecgsk.io._wfdb import load_wfdb
from ecgsk.io._wfdb_header import read_header, record_path
from ecgsk.signals import ECGStorage, canonical_leads, resample

# Read beyond the end of a crop, so that the resampling filter has neighbours there.
_MARGIN_SECONDS = 1.0


class WFDBStorage(ECGStorage):
    """Samples in WFDB records; holds and pickles paths alone.

    Leads are found by name in each record, whatever order it stores, and units
    become millivolts. A record at another rate is resampled, a longer one is
    cropped at its end, a shorter one padded there with NaN.

    Parameters
    ----------
    paths : iterable of path-like
        Records, with or without ``.hea``.
    leads : sequence of str
        Names of the leads to read, in the order wanted.
    sampling_rate : float
        Hz.
    n_samples : int
        Samples per lead.

    See Also
    --------
    ecgsk.io.read_wfdb_folder : Finds the records and their common rate and length.
    """

    def __init__(
        self,
        paths: Iterable[str | Path],
        leads: Sequence[str],
        sampling_rate: float,
        n_samples: int,
    ):
        self.paths = tuple(record_path(path) for path in paths)
        self.leads = canonical_leads(leads)
        self.sampling_rate = float(sampling_rate)
        self.n_samples = int(n_samples)

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ecgsk.signals.ECGStorage.read`.

        Raises
        ------
        RecordReadError
            When a record has become unreadable.
        """
        out = np.empty((len(rows), len(self.leads), self.n_samples), np.float32)
        for place, row in enumerate(rows):
            out[place] = self._read_record(self.paths[row])
        return out

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Keep the paths in use alone; see `ecgsk.signals.ECGStorage.compact`."""
        used, compacted = np.unique(rows, return_inverse=True)
        if len(used) == len(self):
            return self, rows
        paths = [self.paths[row] for row in used]
        return WFDBStorage(paths, self.leads, self.sampling_rate, self.n_samples), compacted

    def _read_record(self, path: str) -> np.ndarray:
        header = read_header(path, self.leads)
        seconds = self.n_samples / self.sampling_rate
        same_rate = header.sampling_rate == self.sampling_rate
        end = round((seconds if same_rate else seconds + _MARGIN_SECONDS) * header.sampling_rate)
        try:
            record = load_wfdb().rdrecord(path, sampto=min(end, header.n_samples))
        # wfdb has no error of its own for damaged signal files.
        except Exception as error:
            raise RecordReadError(
                f"record {path}: its samples cannot be read ({type(error).__name__}: {error}). "
                "Download it again, or leave it out."
            ) from error
        signal = record.p_signal.T[list(header.channels)] * np.array(header.millivolts)[:, None]
        if not same_rate:
            signal = resample(signal, header.sampling_rate, self.sampling_rate)
        return _fit_length(signal, self.n_samples)

    def _identity(self) -> tuple:
        return (self.paths, self.leads, self.sampling_rate, self.n_samples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WFDBStorage) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


def _fit_length(signal: np.ndarray, n_samples: int) -> np.ndarray:
    """Crop at the end, or pad the end with NaN."""
    out = np.full((len(signal), n_samples), np.nan, np.float32)
    n_kept = min(n_samples, signal.shape[1])
    out[:, :n_kept] = signal[:, :n_kept]
    return out
