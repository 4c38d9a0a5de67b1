"""Storage of records in WFDB files, read on demand."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecgsk._stored_files import state_of_files
from ecgsk.exceptions import RecordReadError
from ecgsk.io._record_state import signal_files
from ecgsk.io._wfdb import load_wfdb
from ecgsk.io._wfdb_header import RecordLayout, read_header, record_path
from ecgsk.io._wfdb_samples import block_file, read_block
from ecgsk.signals import ECGStorage
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.resampling import resample

# Read beyond the end of a crop, so that resampling has no edge there.
_MARGIN_SECONDS = 1.0


class WFDBStorage(ECGStorage):
    """Samples in WFDB records; it holds and pickles paths and layouts, not samples.

    Leads are found by name in each record and units are converted to millivolts. A record
    at another rate is resampled, a longer one is cropped at its end, a shorter one padded
    there with NaN.

    Samples stored as plain integers in one file are read directly, all others by wfdb;
    both give the same bits. Gains come from the layout, so a record whose files have changed
    in size or time since is an error. Without `layouts`, headers are read each time.
    """

    def __init__(
        self,
        paths: Iterable[str | Path],
        leads: Sequence[str],
        sampling_rate: float,
        n_samples: int,
        *,
        layouts: Iterable[RecordLayout] | None = None,
        states: np.ndarray | None = None,
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
        # By which a later reader notices a change of the files.
        self._states = self._find_states() if states is None and self.layouts else states

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
            states=None if self._states is None else self._states[used],
        )
        return storage, compacted

    def _read_record(self, row: int) -> np.ndarray:
        path = self.paths[row]
        layout = self.layouts[row] if self.layouts else read_header(path, self.leads).layout
        seconds = self.n_samples / self.sampling_rate
        same_rate = layout.sampling_rate == self.sampling_rate
        end = round((seconds if same_rate else seconds + _MARGIN_SECONDS) * layout.sampling_rate)
        signal = self._read_samples(row, layout, min(end, layout.n_samples))
        if not same_rate:
            signal = resample(signal, layout.sampling_rate, self.sampling_rate)
        return signal

    def _read_samples(self, row: int, layout: RecordLayout, end: int) -> np.ndarray:
        """Return millivolts as float64, up to a sample."""
        path = self.paths[row]
        try:
            # Comparing sizes and times is cheaper than reading the header again.
            if self._states is not None and self._state(row) != self._states[row]:
                os.stat(f"{path}.hea")  # says so where it is absent
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

    def _find_states(self) -> np.ndarray:
        """Return a number for each record that changes with its files; about 5 us each."""
        return np.fromiter(map(self._state, range(len(self))), np.int64, len(self))

    def _state(self, row: int) -> int:
        path, block = self.paths[row], self.layouts[row].block if self.layouts else None
        names = [block_file(block, path)] if block else _named_files(path)
        return state_of_files([f"{path}.hea", *names])

    def identity(self) -> tuple:
        """Return paths and description; see `ecgsk.signals.ECGStorage.identity`."""
        states = None if self._states is None else self._states.tobytes()
        return (self.paths, self.leads, self.sampling_rate, self.n_samples, states)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_states_now": self._find_states()}


def _changed(path: str) -> RecordReadError:
    return RecordReadError(
        f"record {path}: its samples cannot be read, as its signal file or its header has "
        "changed since it was read. Read the folder again."
    )


def _named_files(path: str) -> list[str]:
    """Return the paths of the files that a header names; none if it cannot be read."""
    try:
        with open(f"{path}.hea", "rb") as file:
            return [os.path.join(os.path.dirname(path), name) for name in signal_files(file.read())]
    except OSError:
        return []


def _fit_length(signal: np.ndarray, out: np.ndarray) -> None:
    """Crop at the end, or pad the end with NaN."""
    n_kept = min(out.shape[1], signal.shape[1])
    out[:, :n_kept] = signal[:, :n_kept]
    out[:, n_kept:] = np.nan
