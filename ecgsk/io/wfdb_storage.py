"""Storage of records in WFDB files, read on demand."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ecgsk.exceptions import RecordReadError
from ecgsk.io._wfdb import load_wfdb
from ecgsk.io._wfdb_header import RecordLayout, read_header, record_path
from ecgsk.io._wfdb_samples import read_block
from ecgsk.signals import ECGStorage
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.resampling import resample
from ecgsk.signals.screening import screen_where_needed

# Read beyond the end of a crop, so that resampling has no edge there.
_MARGIN_SECONDS = 1.0


class WFDBStorage(ECGStorage):
    """Samples in WFDB records; it holds and pickles paths and layouts, not samples.

    Leads are found by name in each record and units are converted to millivolts. A record
    at another rate is resampled, a longer one is cropped at its end, a shorter one padded
    there with NaN.

    Samples stored as plain integers in one file are read directly, all others by wfdb;
    both give the same bits. Gains come from the layout: a header whose size has changed
    since is an error, an edit that keeps its size is not detected. Without `layouts`,
    headers are read each time.
    """

    def __init__(
        self,
        paths: Iterable[str | Path],
        leads: Sequence[str],
        sampling_rate: float,
        n_samples: int,
        *,
        layouts: Iterable[RecordLayout] | None = None,
    ):
        self.paths = tuple(record_path(path) for path in paths)
        self.leads = canonical_leads(leads)
        self.sampling_rate = float(sampling_rate)
        self.n_samples = int(n_samples)
        # Equal ones are kept once: a folder of 800,000 records has a few.
        known: dict[RecordLayout, RecordLayout] = {}
        self.layouts: tuple[RecordLayout, ...] | None = None
        if layouts is not None:
            self.layouts = tuple(known.setdefault(layout, layout) for layout in layouts)

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ecgsk.signals.ECGStorage.read`."""
        out = np.empty((len(rows), len(self.leads), self.n_samples), np.float32)
        for place, row in enumerate(rows):
            _fit_length(self._read_record(row), out[place])
        return out

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Keep only the paths in use; see `ecgsk.signals.ECGStorage.compact`."""
        used, compacted = np.unique(rows, return_inverse=True)
        if len(used) == len(self):
            return self, rows
        storage = WFDBStorage(
            [self.paths[row] for row in used],
            self.leads,
            self.sampling_rate,
            self.n_samples,
            layouts=self.layouts and [self.layouts[row] for row in used],
        )
        return storage, compacted

    def _read_record(self, row: int) -> np.ndarray:
        path = self.paths[row]
        layout = self.layouts[row] if self.layouts else read_header(path, self.leads).layout
        seconds = self.n_samples / self.sampling_rate
        same_rate = layout.sampling_rate == self.sampling_rate
        end = round((seconds if same_rate else seconds + _MARGIN_SECONDS) * layout.sampling_rate)
        signal = self._read_samples(path, layout, min(end, layout.n_samples))
        if not same_rate:
            signal = screen_where_needed(signal[None])[0]
            signal = resample(signal, layout.sampling_rate, self.sampling_rate)
        return signal

    def _read_samples(self, path: str, layout: RecordLayout, end: int) -> np.ndarray:
        """Return millivolts as float64, up to a sample."""
        try:
            # Comparing sizes is cheaper than reading the header again.
            if os.path.getsize(f"{path}.hea") != layout.header_size:
                raise _changed(path)
            if layout.block:
                signal = read_block(layout.block, path, end)
            else:
                signal = self._read_by_wfdb(path, layout, end)
        except RecordReadError:
            raise
        # numpy and wfdb raise errors of many classes for damaged signal files.
        except Exception as error:
            raise RecordReadError(
                f"record {path}: its samples cannot be read ({type(error).__name__}: {error}). "
                "Download it again, or leave it out."
            ) from error
        if set(layout.millivolts) != {1.0}:
            signal *= np.array(layout.millivolts)[:, None]
        return signal

    def _read_by_wfdb(self, path: str, layout: RecordLayout, end: int) -> np.ndarray:
        record = load_wfdb().rdrecord(path, sampto=end)
        stored = canonical_leads(record.sig_name[channel] for channel in layout.channels)
        if stored != self.leads or record.fs != layout.sampling_rate:
            raise _changed(path)
        return record.p_signal.T[list(layout.channels)]

    def _identity(self) -> tuple:
        return (self.paths, self.leads, self.sampling_rate, self.n_samples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WFDBStorage) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


def _changed(path: str) -> RecordReadError:
    return RecordReadError(
        f"record {path}: its header has changed since it was read. Read the folder again."
    )


def _fit_length(signal: np.ndarray, out: np.ndarray) -> None:
    """Crop at the end, or pad the end with NaN."""
    n_kept = min(out.shape[1], signal.shape[1])
    out[:, :n_kept] = signal[:, :n_kept]
    out[:, n_kept:] = np.nan
