"""Base class of storages whose records have files of their own, read on demand."""

import hashlib
import math
import os
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

import numpy as np

from ecgsk.exceptions import DurationError, RecordReadError
from ecgsk.io._wfdb_header import shown
from ecgsk.signals import ECGStorage
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.resampling import resample, resampled_length, resampling_ratio
from ecgsk.signals.screening import screen_where_needed

# Read beyond the end of a crop, so that resampling has no edge there.
_MARGIN_SECONDS = 1.0
#: Largest record, in samples of all leads before or after resampling: 4 GiB of float64.
MAX_SAMPLES = 2**29


def check_length(path: str, n_samples: int, n_leads: int) -> None:
    """Raise where a record, or a part of it, is too large to be in memory at once."""
    if n_samples * n_leads > MAX_SAMPLES:
        raise RecordReadError(
            f"record {shown(path)}: expected at most {MAX_SAMPLES:,} samples of all leads, got "
            f"{n_samples:,} of {n_leads} leads. Pass duration= to read_ecgs to read its beginning."
        )


class RecordStorage(ECGStorage):
    """Samples in the files of records; it holds and pickles paths, not samples.

    A record at another rate is resampled, a longer one is cropped at its end, a shorter one
    padded there with NaN. A subclass reads the stored samples of a record and states what
    changes with its files; it sets `_states` by `_find_states`.
    """

    #: Attributes with one value per record, tuples or arrays.
    _per_record: ClassVar[tuple[str, ...]] = ("paths", "_states")
    _states: np.ndarray

    def __init__(
        self, paths: Sequence[str], leads: Sequence[str], sampling_rate: float, n_samples: int
    ):
        self.paths = tuple(paths)
        self.leads = canonical_leads(leads)
        self.sampling_rate = float(sampling_rate)
        self.n_samples = int(n_samples)
        if not 1 <= self.n_samples <= MAX_SAMPLES // len(self.leads):
            raise DurationError(
                f"{type(self).__name__}: expected records of 1 to "
                f"{MAX_SAMPLES // len(self.leads):,} samples of {len(self.leads)} leads, got "
                f"{n_samples:,} at {sampling_rate:g} Hz. Pass another duration=, in seconds."
            )

    def __len__(self) -> int:
        return len(self.paths)

    @abstractmethod
    def stored_rate(self, row: int) -> float:
        """Return the sampling rate of a record as stored, in Hz."""

    @abstractmethod
    def stored_length(self, row: int) -> int:
        """Return the number of samples per lead of a record as stored."""

    @abstractmethod
    def _read_stored(self, row: int, begin: int, end: int) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return stored samples of a record in mV at its own rate, and leads in doubt."""

    @abstractmethod
    def _state(self, row: int) -> int:
        """Return a number that changes with the files of a record."""

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ecgsk.signals.ECGStorage.read`."""
        out = np.empty((len(rows), len(self.leads), self.n_samples), np.float32)
        for place, row in enumerate(rows):
            self.read_record(int(row), out[place])
        return out

    def read_record(self, row: int, out: np.ndarray, start: int = 0) -> tuple[str, ...]:
        """Read a record from a sample on into an array of shape (n_leads, n_samples).

        Returns the leads that differ from the checksums of the file. Raises RecordReadError
        for a record that cannot be read.
        """
        try:
            signal, differing = self._read_resampled(row, start, start + out.shape[1])
        except RecordReadError:
            raise
        # Damaged files of samples lead to errors of many classes.
        except Exception as error:
            raise RecordReadError(
                f"record {shown(self.paths[row])}: its samples cannot be read "
                f"({type(error).__name__}: {error}). Download it again, or leave it out."
            ) from error
        n_kept = min(out.shape[1], signal.shape[1])
        out[:, :n_kept] = signal[:, :n_kept]
        out[:, n_kept:] = np.nan
        return differing

    def _read_resampled(
        self, row: int, start: int, stop: int
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return samples `start` to `stop` at the storage's rate, and leads in doubt."""
        rate, length = self.stored_rate(row), self.stored_length(row)
        if rate == self.sampling_rate:
            end = min(stop, length)
            check_length(self.paths[row], end - start, len(self.leads))
            begin = min(start, end)
            return self._read_stored(row, begin, end)
        end = min(round((stop / self.sampling_rate + _MARGIN_SECONDS) * rate), length)
        # Samples of both rates coincide at each multiple of the ratio's numerator.
        ratio = resampling_ratio(rate, self.sampling_rate)
        n_steps = max(start - math.ceil(_MARGIN_SECONDS * self.sampling_rate), 0) // ratio.numerator
        begin = min(n_steps * ratio.denominator, end)
        n_read = end - begin
        n_most = max(n_read, resampled_length(n_read, rate, self.sampling_rate))
        check_length(self.paths[row], n_most, len(self.leads))
        signal, differing = self._read_stored(row, begin, end)
        if signal.size:
            signal = resample(screen_where_needed(signal[None])[0], rate, self.sampling_rate)
        return signal[:, start - n_steps * ratio.numerator :], differing

    def _check_unchanged(self, row: int, needed: str, file: str) -> None:
        """Raise where a record's files, called `file`, have changed in size or time.

        Raises FileNotFoundError where the file `needed` is absent.
        """
        # Comparing sizes and times is cheaper than reading a header again.
        if self._state(row) != self._states[row]:
            self._raise_changed(row, needed, file)

    def _raise_changed(self, row: int, needed: str, file: str) -> NoReturn:
        os.stat(needed)
        raise RecordReadError(
            f"record {shown(self.paths[row])}: its samples cannot be read, as {file} has "
            "changed since it was read. Read the folder again."
        )

    def compact(self, rows: np.ndarray) -> tuple["RecordStorage", np.ndarray]:
        """Keep only the paths in use; see `ecgsk.signals.ECGStorage.compact`."""
        used, compacted = np.unique(rows, return_inverse=True)
        if len(used) == len(self):
            return self, rows
        # Not a copy, which would ask for the state of every record.
        storage = object.__new__(type(self))
        storage.__dict__ |= self.__dict__
        for name in self._per_record:
            values = getattr(self, name)
            kept = values[used] if isinstance(values, np.ndarray) else [values[row] for row in used]
            setattr(storage, name, kept if isinstance(values, np.ndarray) else tuple(kept))
        return storage, compacted

    def _find_states(self) -> np.ndarray:
        """Return a number for each record that changes with its files."""
        return np.fromiter(map(self._state, range(len(self))), np.int64, len(self))

    def identity(self) -> tuple[Any, ...]:
        """Return paths, states and description; see `ecgsk.signals.ECGStorage.identity`."""
        states = self._states.tobytes()
        return (self.paths, self.leads, self.sampling_rate, self.n_samples, states)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {
            "_states_now": hashlib.blake2b(self._find_states().tobytes(), digest_size=16).digest()
        }
