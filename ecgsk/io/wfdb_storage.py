"""Storage of records in WFDB files, read on demand."""

import copy
import os
from collections.abc import Iterable, Sequence
from typing import Any
from warnings import warn

import numpy as np

from ecgsk.exceptions import DurationError, RecordReadError, SignalQualityWarning
from ecgsk.io._wfdb_header import RecordHeader, RecordLayout, shown
from ecgsk.io._wfdb_samples import read_blocks
from ecgsk.signals import ECGStorage
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.resampling import resample, resampled_length

# Read beyond the end of a crop, so that resampling has no edge there.
_MARGIN_SECONDS = 1.0
# Largest record, in samples of all leads before or after resampling: 4 GiB of float64.
_MAX_SAMPLES = 2**29


class WFDBStorage(ECGStorage):
    """Samples in WFDB records; it holds and pickles paths and layouts, not samples.

    Leads are found by name in each record and units are converted to millivolts. A record
    at another rate is resampled, a longer one is cropped at its end, a shorter one padded
    there with NaN.

    Gains and positions come from the headers: a header whose size has changed since is an
    error, an edit that keeps its size is not detected. Samples that are read whole are
    compared with the checksums of the header.

    Parameters
    ----------
    headers : iterable of RecordHeader
        Headers that were all read with these leads.
    leads : sequence of str
        In the order of the samples.
    sampling_rate : float
        Hz.
    n_samples : int
        Per lead, at this rate.
    """

    def __init__(
        self,
        headers: Iterable[RecordHeader],
        leads: Sequence[str],
        sampling_rate: float,
        n_samples: int,
    ):
        headers = list(headers)
        self.leads = canonical_leads(leads)
        self.sampling_rate = float(sampling_rate)
        self.n_samples = int(n_samples)
        if not 1 <= self.n_samples <= _MAX_SAMPLES // len(self.leads):
            raise DurationError(
                f"WFDBStorage: expected records of 1 to {_MAX_SAMPLES // len(self.leads):,} "
                f"samples of {len(self.leads)} leads, got {n_samples:,} at {sampling_rate:g} Hz. "
                "Pass another duration=, in seconds."
            )
        self.paths = tuple(header.path for header in headers)
        # Equal ones are kept once: a folder of 800,000 records has a few.
        known: dict[RecordLayout, RecordLayout] = {}
        self.layouts = tuple(known.setdefault(h.layout, h.layout) for h in headers)
        self.checksums = np.array([header.checksums for header in headers], np.uint16)
        self._has_warned = False

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ecgsk.signals.ECGStorage.read`."""
        out = np.empty((len(rows), len(self.leads), self.n_samples), np.float32)
        differing = {}
        for place, row in enumerate(rows):
            if leads := self.read_record(row, out[place]):
                differing[int(row)] = leads
        if differing and not self._has_warned:
            self._has_warned = True
            row, leads = next(iter(differing.items()))
            warn(
                f"{len(differing)} of {len(rows)} records differ from the checksums of their "
                f"headers, such as {shown(self.paths[row])} in {', '.join(leads)}: download them "
                "again. read_wfdb_folder(..., verify=True) lists all.",
                SignalQualityWarning,
                stacklevel=2,
            )
        return out

    def read_record(self, row: int, out: np.ndarray) -> tuple[str, ...]:
        """Read a record into an array of shape (n_leads, n_samples).

        Returns the leads that differ from the checksums of the header. Raises RecordReadError
        for a record that cannot be read.
        """
        path, layout = self.paths[row], self.layouts[row]
        try:
            signal, sums = self._read_samples(path, layout)
            if layout.sampling_rate != self.sampling_rate:
                signal = resample(signal, layout.sampling_rate, self.sampling_rate)
        except RecordReadError:
            raise
        # Damaged files of samples lead to errors of many classes.
        except Exception as error:
            raise RecordReadError(
                f"record {shown(path)}: its samples cannot be read ({type(error).__name__}: "
                f"{error}). Download it again, or leave it out."
            ) from error
        n_kept = min(self.n_samples, signal.shape[1])
        out[:, :n_kept] = signal[:, :n_kept]
        out[:, n_kept:] = np.nan
        if sums is None:
            return ()
        stated = self.checksums[row]
        differs = (stated != 0) & (stated != sums)
        return tuple(np.array(self.leads)[differs].tolist()) if differs.any() else ()

    def _read_samples(
        self, path: str, layout: RecordLayout
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return millivolts as float64, up to what is needed, and the sums of whole leads."""
        # Comparing sizes is cheaper than reading the header again.
        if os.path.getsize(f"{path}.hea") != layout.header_size:
            raise RecordReadError(
                f"record {shown(path)}: its header has changed since it was read. Read the folder "
                "again."
            )
        same_rate = layout.sampling_rate == self.sampling_rate
        seconds = self.n_samples / self.sampling_rate + (0 if same_rate else _MARGIN_SECONDS)
        end = min(round(seconds * layout.sampling_rate), layout.n_samples)
        n_read = max(end, resampled_length(end, layout.sampling_rate, self.sampling_rate))
        if n_read * len(self.leads) > _MAX_SAMPLES:
            raise RecordReadError(
                f"record {shown(path)}: expected at most {_MAX_SAMPLES:,} samples of all "
                f"leads, got {n_read:,} of {len(self.leads)} leads. Pass duration= to read its "
                "beginning."
            )
        signal, sums = read_blocks(layout.blocks, path, end, layout.n_samples)
        if set(layout.millivolts) != {1.0}:
            signal *= np.array(layout.millivolts)[:, None]
        return signal, sums

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Keep only the paths in use; see `ecgsk.signals.ECGStorage.compact`."""
        used, compacted = np.unique(rows, return_inverse=True)
        if len(used) == len(self):
            return self, rows
        storage = copy.copy(self)
        storage.paths = tuple(self.paths[row] for row in used)
        storage.layouts = tuple(self.layouts[row] for row in used)
        storage.checksums = self.checksums[used]
        return storage, compacted

    def _identity(self) -> tuple[Any, ...]:
        return (self.paths, self.leads, self.sampling_rate, self.n_samples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WFDBStorage) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())
