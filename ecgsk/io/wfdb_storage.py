"""Storage of records in WFDB files, read on demand."""

import hashlib
import math
import os
from collections.abc import Iterable, Sequence
from typing import Any
from warnings import warn

import numpy as np

from ecgsk._stored_files import state_of_files
from ecgsk.exceptions import DurationError, RecordReadError, SignalQualityWarning
from ecgsk.io._wfdb_header import RecordHeader, RecordLayout, shown
from ecgsk.io._wfdb_samples import block_file, read_blocks
from ecgsk.signals import ECGStorage
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.resampling import resample, resampled_length, resampling_ratio
from ecgsk.signals.screening import screen_where_needed

# Read beyond the end of a crop, so that resampling has no edge there.
_MARGIN_SECONDS = 1.0
# Largest record, in samples of all leads before or after resampling: 4 GiB of float64.
_MAX_SAMPLES = 2**29


class WFDBStorage(ECGStorage):
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
        # Size and time of the files, to detect a later change; about 5 us each.
        self._states = self._find_states()
        #: Leads that differ from the checksums of their header, by row, of the records read.
        self.differing: dict[int, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self.paths)

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

    def read_record(self, row: int, out: np.ndarray, start: int = 0) -> tuple[str, ...]:
        """Read a record from a sample on into an array of shape (n_leads, n_samples).

        Returns the leads that differ from the checksums of the header. Raises RecordReadError
        for a record that cannot be read.
        """
        path, layout = self.paths[row], self.layouts[row]
        try:
            signal, sums, n_before = self._read_samples(row, layout, start, start + out.shape[1])
            if signal.size and layout.sampling_rate != self.sampling_rate:
                signal = screen_where_needed(signal[None])[0]
                signal = resample(signal, layout.sampling_rate, self.sampling_rate)
            signal = signal[:, n_before:]
        except RecordReadError:
            raise
        # Damaged files of samples lead to errors of many classes.
        except Exception as error:
            raise RecordReadError(
                f"record {shown(path)}: its samples cannot be read ({type(error).__name__}: "
                f"{error}). Download it again, or leave it out."
            ) from error
        n_kept = min(out.shape[1], signal.shape[1])
        out[:, :n_kept] = signal[:, :n_kept]
        out[:, n_kept:] = np.nan
        if sums is None:
            return ()
        stated = self.checksums[row]
        differs = (stated != 0) & (stated != sums)
        return tuple(np.array(self.leads)[differs].tolist()) if differs.any() else ()

    def _read_samples(
        self, row: int, layout: RecordLayout, start: int, stop: int
    ) -> tuple[np.ndarray, np.ndarray | None, int]:
        """Read what samples `start` to `stop` need, at the record's own rate.

        Returns millivolts as float64, the sums of whole leads, and the number of samples, at
        the storage's rate, before `start`.
        """
        path = self.paths[row]
        # Comparing sizes and times is cheaper than reading the header again.
        if self._state(row) != self._states[row]:
            os.stat(f"{path}.hea")  # raises if it is absent
            raise RecordReadError(
                f"record {shown(path)}: its samples cannot be read, as its signal file or its "
                "header has changed since it was read. Read the folder again."
            )
        margin = 0 if layout.sampling_rate == self.sampling_rate else _MARGIN_SECONDS
        seconds = stop / self.sampling_rate + margin
        end = min(round(seconds * layout.sampling_rate), layout.n_samples)
        # Samples of both rates coincide at each multiple of the ratio's numerator.
        ratio = resampling_ratio(layout.sampling_rate, self.sampling_rate)
        n_steps = max(start - math.ceil(margin * self.sampling_rate), 0) // ratio.numerator
        begin = min(n_steps * ratio.denominator, end)
        n_before = start - n_steps * ratio.numerator
        if begin == end:  # all of it is beyond the record's end
            return np.empty((len(self.leads), 0)), None, 0
        n_read = resampled_length(end - begin, layout.sampling_rate, self.sampling_rate)
        n_read = max(end - begin, n_read)
        if n_read * len(self.leads) > _MAX_SAMPLES:
            raise RecordReadError(
                f"record {shown(path)}: expected at most {_MAX_SAMPLES:,} samples of all "
                f"leads, got {n_read:,} of {len(self.leads)} leads. Pass duration= to read its "
                "beginning."
            )
        signal, sums = read_blocks(layout.blocks, path, end, layout.n_samples, begin)
        if set(layout.millivolts) != {1.0}:
            signal *= np.array(layout.millivolts)[:, None]
        return signal, sums, n_before

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Keep only the paths in use; see `ecgsk.signals.ECGStorage.compact`."""
        used, compacted = np.unique(rows, return_inverse=True)
        if len(used) == len(self):
            return self, rows
        # Not a copy, which would ask for the state of every record.
        storage = object.__new__(type(self))
        storage.__dict__ |= self.__dict__
        storage.paths = tuple(self.paths[row] for row in used)
        storage.layouts = tuple(self.layouts[row] for row in used)
        storage.checksums, storage._states = self.checksums[used], self._states[used]
        storage.differing = {}
        return storage, compacted

    def _find_states(self) -> np.ndarray:
        """Return a number for each record that changes with its files."""
        return np.fromiter(map(self._state, range(len(self))), np.int64, len(self))

    def _state(self, row: int) -> int:
        path = self.paths[row]
        names = [block_file(block, path) for block in self.layouts[row].blocks]
        return state_of_files([f"{path}.hea", *names])

    def identity(self) -> tuple[Any, ...]:
        """Return paths, states and description; see `ecgsk.signals.ECGStorage.identity`."""
        states = self._states.tobytes()
        return (self.paths, self.leads, self.sampling_rate, self.n_samples, states)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {
            "_states_now": hashlib.blake2b(self._find_states().tobytes(), digest_size=16).digest(),
            "differing": {},  # a hash is the same before and after a warning
        }
