"""Storage of records in WFDB files, read on demand."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar
from warnings import warn

import numpy as np

from ecgsk._stored_files import state_of_files
from ecgsk.exceptions import SignalQualityWarning
from ecgsk.io._wfdb_header import (
    RecordHeader,
    RecordLayout,
    Segment,
    record_files,
    segment_state,
    shown,
)
from ecgsk.io._wfdb_samples import read_blocks
from ecgsk.io.record_storage import RecordStorage


class WFDBStorage(RecordStorage):
    """Samples in WFDB records; it holds and pickles paths and layouts, not samples.

    Leads are found by name in each record and units are converted to millivolts. A record
    at another rate is resampled, a longer one is cropped at its end, a shorter one padded
    there with NaN.

    Gains and positions come from the headers: a record whose files have changed since, in
    size or time, is an error. Samples that are read whole are compared with the checksums of
    the header.

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

    _per_record: ClassVar = ("paths", "layouts", "checksums", "_states")

    def __init__(
        self,
        headers: Iterable[RecordHeader],
        leads: Sequence[str],
        sampling_rate: float,
        n_samples: int,
    ):
        headers = list(headers)
        super().__init__([header.path for header in headers], leads, sampling_rate, n_samples)
        # Equal ones are kept once: a folder of 800,000 records has a few.
        known: dict[RecordLayout, RecordLayout] = {}
        self.layouts = tuple(known.setdefault(h.layout, h.layout) for h in headers)
        self.checksums = np.array([header.checksums for header in headers], np.uint16)
        # Size and time of the files, to detect a later change; about 5 us each.
        self._states = self._find_states()
        #: Leads that differ from the checksums of their header, by row, of the records read.
        self.differing: dict[int, tuple[str, ...]] = {}

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ecgsk.signals.ECGStorage.read`."""
        return self.read_part(rows, np.zeros(len(rows), np.int64), self.n_samples)

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each record; see `ecgsk.signals.ECGStorage.read_part`."""
        out = np.empty((len(rows), len(self.leads), n_samples), np.float32)
        differing = {}
        for place, row in enumerate(rows):
            if leads := self.read_record(row, out[place], int(starts[place])):
                differing[int(row)] = leads
        has_warned = bool(self.differing)
        self.differing |= differing
        if differing and not has_warned:
            row, leads = next(iter(differing.items()))
            warn(
                f"{len(differing)} of {len(rows)} records differ from the checksums of their "
                f"headers, such as {shown(self.paths[row])} in {', '.join(leads)}: download them "
                "again. read_wfdb_folder(..., verify=True) lists all.",
                SignalQualityWarning,
                stacklevel=2,
            )
        return out

    def stored_rate(self, row: int) -> float:
        """Return the sampling rate of a record as stored, in Hz."""
        return self.layouts[row].sampling_rate

    def stored_length(self, row: int) -> int:
        """Return the number of samples per lead of a record as stored."""
        return self.layouts[row].n_samples

    def _read_stored(self, row: int, begin: int, end: int) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return samples in mV, and the leads that differ from their checksums."""
        path, layout = self.paths[row], self.layouts[row]
        if layout.segments is not None:
            return self._read_segments(row, layout.segments, begin, end)
        self._check_unchanged(row, f"{path}.hea", "its signal file or its header")
        if begin == end:  # all of it is beyond the record's end
            return np.empty((len(self.leads), 0)), ()
        signal, differs = _read_in_mv(layout, path, begin, end, self.checksums[row])
        return signal, tuple(np.array(self.leads)[differs].tolist()) if differs.any() else ()

    def _read_segments(
        self, row: int, segments: tuple[Segment, ...], begin: int, end: int
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return samples in mV, NaN where no segment has any, and leads in doubt."""
        signal = np.full((len(self.leads), end - begin), np.nan)
        differing = np.zeros(len(self.leads), bool)
        first = max(bisect_right(segments, begin, key=lambda segment: segment.start) - 1, 0)
        for segment in segments[first:]:
            start, stop = segment.start, segment.start + segment.layout.n_samples
            if start >= end:
                break
            if stop <= begin:
                continue
            now = segment_state(segment.path, segment.layout, self.paths[row])
            if now != segment.state:
                self._raise_changed(row, f"{segment.path}.hea", "a segment or its header")
            begins, ends = max(start, begin), min(stop, end)
            part, differs = _read_in_mv(
                *(segment.layout, segment.path, begins - start, ends - start),
                np.array(segment.checksums, np.uint16),
            )
            signal[list(segment.places), begins - begin : ends - begin] = part
            differing[list(segment.places)] |= differs
        return signal, tuple(np.array(self.leads)[differing].tolist())

    def compact(self, rows: np.ndarray) -> tuple[RecordStorage, np.ndarray]:
        """Keep only the paths in use; see `ecgsk.signals.ECGStorage.compact`."""
        storage, compacted = super().compact(rows)
        if isinstance(storage, WFDBStorage) and storage is not self:
            storage.differing = {}
        return storage, compacted

    def _state(self, row: int) -> int:
        return state_of_files(record_files(self.paths[row], self.layouts[row]))

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"differing": {}}  # a hash is the same after a warning


def _read_in_mv(
    layout: RecordLayout, path: str, begin: int, end: int, stated: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return samples of a record of one segment, and which leads differ from the checksums."""
    signal, sums = read_blocks(layout.blocks, path, end, layout.n_samples, begin)
    if set(layout.millivolts) != {1.0}:
        signal *= np.array(layout.millivolts)[:, None]
    if sums is None:
        return signal, np.zeros(len(signal), bool)
    return signal, (stated != 0) & (stated != sums)
