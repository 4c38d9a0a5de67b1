"""Storages of samples: a storage reads rows and is shared by views."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecgsk._stored_files import check_regular, size_and_time, state_of_files
from ecgsk.exceptions import DurationError, LeadMismatchError, RecordReadError, UnitError
from ecgsk.signals.file_rows import FileRows, map_samples
from ecgsk.signals.leads import canonical_leads, lead_positions
from ecgsk.signals.units import check_sampling_rate

#: Marks a missing int16 sample, as in WFDB format 16.
INT16_NAN = np.iinfo(np.int16).min
_LOWEST_GAIN, _HIGHEST_GAIN = 1e-30, 1e30
_BLOCK_ROWS = 32  # rows converted at once, few enough for the processor cache


class ECGStorage(ABC):
    """Base class of storages: records of one length with equal leads and sampling rate.

    A subclass sets the three attributes and defines ``__len__`` and ``read``. It must
    support pickle; a subclass that holds paths pickles only these, and names them in
    `files`, so that ``joblib.Memory`` notices a file that was written again.

    .. versionadded:: 0.1

    Attributes
    ----------
    leads : tuple of str
        Canonical lead names, in the order of the samples' second axis.
    sampling_rate : float
        Hz.
    n_samples : int
        Samples per lead.

    Examples
    --------
    A storage that simulates its records:

    >>> import numpy as np
    >>> from ecgsk.signals import ECGArray, ECGStorage
    >>> class SineStorage(ECGStorage):
    ...     leads, sampling_rate, n_samples = ("II",), 100.0, 200
    ...     def __len__(self):
    ...         return 3
    ...     def read(self, rows):
    ...         times = np.arange(self.n_samples) / self.sampling_rate
    ...         return np.sin(times * (1 + rows[:, None, None])).astype(np.float32)
    >>> ECGArray(SineStorage()).read([0, 2]).shape
    (2, 1, 200)
    """

    leads: tuple[str, ...]
    sampling_rate: float
    n_samples: int

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of records."""

    @abstractmethod
    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records.

        Parameters
        ----------
        rows : ndarray of int, shape (n,)
            Row numbers, each in ``range(len(self))``; repeats are allowed.

        Returns
        -------
        ndarray of float32, shape (n, n_leads, n_samples)
            Millivolts, NaN where missing; a new C-contiguous array.
        """

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each record; whole records are read and cut by default.

        Storages that can read fewer samples define it: windows of long records need no more.

        Parameters
        ----------
        rows : ndarray of int, shape (n,)
            As in `read`.
        starts : ndarray of int, shape (n,)
            First sample of each part, in ``range(self.n_samples - n_samples + 1)``.
        n_samples : int
            Samples per lead of a part.

        Returns
        -------
        ndarray of float32, shape (n, n_leads, n_samples)
            As of `read`.
        """
        out = np.empty((len(rows), len(self.leads), n_samples), np.float32)
        for row in np.unique(rows):  # one record in memory at a time
            record = self.read(np.array([row]))[0]
            for place in np.flatnonzero(rows == row):
                out[place] = record[:, starts[place] : starts[place] + n_samples]
        return out

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read records in their stored dtype, for a device that scales them itself.

        Returns
        -------
        samples : ndarray of int16 or float32, shape (n, n_leads, n_samples)
            Missing samples are -32768 in int16, NaN in float32; a new array.
        gain : float
            Units of the samples per millivolt.
        """
        return self.read(rows), 1.0

    @property
    def nbytes(self) -> int:
        """Bytes in memory; 0 for samples on disk."""
        return 0

    def compact(self, rows: np.ndarray) -> tuple["ECGStorage", np.ndarray]:
        """Reduce the storage to some rows, for pickling.

        Parameters
        ----------
        rows : ndarray of int, shape (n,)
            Row numbers to keep.

        Returns
        -------
        storage : ECGStorage
        rows : ndarray of int, shape (n,)
            Row numbers of the same records in the returned storage.
        """
        return self, rows

    def files(self) -> Iterable[str | Path]:
        """Return the files that hold the samples; none by default.

        Their sizes and times of change are part of the pickle, and so of the hash by
        which ``joblib.Memory`` finds earlier results.
        """
        return ()

    def identity(self) -> tuple | None:
        """Return values that are equal for equal samples; None if a storage equals only itself."""
        return None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, ECGStorage):
            return False
        identity = self.identity()
        return identity is not None and identity == other.identity()

    def __hash__(self) -> int:
        identity = self.identity()
        return object.__hash__(self) if identity is None else hash((type(self), identity))

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if files := tuple(self.files()):
            state["_state_of_files"] = state_of_files(files)
        return state


class StorageProperties:
    """Properties of the records in ``_storage``, shared by views of it."""

    __slots__ = ()
    _storage: ECGStorage

    @property
    def leads(self) -> tuple[str, ...]:
        """Lead names."""
        return self._storage.leads

    @property
    def sampling_rate(self) -> float:
        """Samples per second, Hz."""
        return self._storage.sampling_rate

    @property
    def n_samples(self) -> int:
        """Samples per lead."""
        return self._storage.n_samples

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sampling_rate


def read_scaled(data: np.ndarray | FileRows, rows: np.ndarray, gain: float) -> np.ndarray:
    """Read rows as float32 millivolts: divide by the gain, set the int16 minimum to NaN."""
    if data.dtype == np.float32 and gain == 1.0:
        return np.ascontiguousarray(data[rows])
    out = np.empty((len(rows), *data.shape[1:]), np.float32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block, part = (
            np.asarray(data[rows[start : start + _BLOCK_ROWS]]),
            out[start : start + _BLOCK_ROWS],
        )
        # Copy, then scale in place: faster than one buffered call for both.
        part[...] = block
        part *= np.float32(1 / gain)
        # Finding the minimum is much faster than comparing every sample.
        if block.dtype == np.int16 and block.min() == INT16_NAN:
            part[block == INT16_NAN] = np.nan
    return out


def _read_part_scaled(
    data: np.ndarray | FileRows, rows: np.ndarray, starts: np.ndarray, n_samples: int, gain: float
) -> np.ndarray:
    """Read parts of rows as `read_scaled` reads rows."""
    parts = np.empty((len(rows), data.shape[1], n_samples), data.dtype)
    for place, (row, start) in enumerate(zip(rows, starts, strict=True)):
        parts[place] = data[row, :, start : start + n_samples]
    return read_scaled(parts, np.arange(len(rows)), gain)


def check_gain(dtype: np.dtype, gain: float | None, name: str) -> float:
    """Return the gain as a float after checking it against the samples' dtype."""
    if dtype != np.int16 and dtype.kind != "f":
        raise UnitError(
            f"{name}: expected samples of dtype float32, float16 or int16 (with gain=), got "
            f"{dtype}. Convert them, such as x.astype('float32')."
        )
    if gain is None:
        if dtype == np.int16:
            raise UnitError(
                f"{name}: expected gain= for int16 samples, which are ADC units; got None. "
                "Pass ADC units per millivolt, such as gain=200."
            )
        return 1.0
    try:
        value = math.nan if isinstance(gain, str) else float(gain)
    except (TypeError, ValueError):
        value = math.nan
    # Beyond these, float32 samples overflow.
    if not (np.ndim(gain) == 0 and _LOWEST_GAIN < value < _HIGHEST_GAIN):
        raise UnitError(
            f"{name}: expected one positive gain in ADC units per mV, got {gain!r}. "
            "Pass a number, such as gain=200."
        )
    return value


def check_shape(shape: tuple[int, ...], leads: tuple[str, ...], name: str) -> None:
    """Raise unless the shape is (n_records, n_leads, n_samples) with these leads."""
    if len(shape) != 3:
        raise DurationError(
            f"{name}: expected samples of shape (n_records, n_leads, n_samples), got {shape}. "
            "Reshape them; one record is x[None], one lead is x[:, None, :]."
        )
    if shape[1] != len(leads):
        hint = " The axes look swapped: try x.transpose(0, 2, 1)." if shape[2] == len(leads) else ""
        raise LeadMismatchError(
            f"{name}: expected samples of {len(leads)} leads ({', '.join(leads)}), got shape "
            f"{shape} with {shape[1]} leads. Name the leads of the second axis in order.{hint}"
        )
    if shape[2] == 0:
        raise DurationError(
            f"{name}: expected at least one sample per record, got shape {shape}. Drop the records."
        )


class ArrayStorage(ECGStorage):
    """Samples in memory, of shape (n_records, n_leads, n_samples), neither copied nor changed.

    They are float32 or float16 in mV times `gain`, or int16 ADC units, where -32768 is a
    missing sample. `gain` is in units of the samples per mV, and required for int16.
    """

    def __init__(
        self,
        data: np.ndarray,
        leads: Sequence[str],
        sampling_rate: float,
        *,
        gain: float | None = None,
    ):
        name = type(self).__name__
        data = np.asarray(data)
        self.leads = canonical_leads(leads)
        self.sampling_rate = check_sampling_rate(sampling_rate, name=name)
        self.gain = check_gain(data.dtype, gain, name)
        check_shape(data.shape, self.leads, name)
        self.data = data.view()
        # Read-only, as views share the samples.
        self.data.flags.writeable = False
        self.n_samples = data.shape[2]

    def __len__(self) -> int:
        return len(self.data)

    @property
    def nbytes(self) -> int:
        """Bytes of the samples."""
        return self.data.nbytes

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ECGStorage.read`."""
        return read_scaled(self.data, rows, self.gain)

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each record; see `ECGStorage.read_part`."""
        return _read_part_scaled(self.data, rows, starts, n_samples, self.gain)

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read records in their stored dtype; see `ECGStorage.read_raw`."""
        if self.data.dtype != np.int16:
            return self.read(rows), 1.0
        return self.data[rows], self.gain

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Keep only the rows in use; see `ECGStorage.compact`."""
        used, compacted = np.unique(rows, return_inverse=True)
        if len(used) == len(self):
            return self, rows
        storage = ArrayStorage(self.data[used], self.leads, self.sampling_rate, gain=self.gain)
        return storage, compacted


class NpyStorage(ECGStorage):
    """Samples in a ``.npy`` file, memory-mapped; pickles as its path.

    Shape, dtype and gain are those of `ArrayStorage`. A file that is missing or invalid, or
    has changed since the storage was made, raises a `RecordReadError`. One that was replaced
    by another is read to the end as it was, and refused by processes that open it later.

    `checksum` is that of a file whose content is known; storages of another are not equal.
    """

    def __init__(
        self,
        path: str | Path,
        leads: Sequence[str],
        sampling_rate: float,
        *,
        gain: float | None = None,
        checksum: str | None = None,
    ):
        name = type(self).__name__
        # Absolute, as parallel workers may have another working directory.
        self.path = Path(path).resolve()
        self.leads = canonical_leads(leads)
        self.sampling_rate = check_sampling_rate(sampling_rate, name=name)
        self.checksum = checksum
        self._data: np.ndarray | FileRows | None = None
        check_regular(self.path, name=name)
        self._opened_as = size_and_time(self.path)
        data = self._open()
        self.gain = check_gain(data.dtype, gain, name)
        check_shape(data.shape, self.leads, name)
        self.shape = data.shape
        self.n_samples = data.shape[2]
        self._data = data

    def _open(self) -> np.ndarray | FileRows:
        state = check_regular(self.path, name="NpyStorage")
        self._inode = state.st_ino
        self._check_unchanged()
        try:
            return map_samples(self.path)
        # numpy raises errors of many classes for damaged headers.
        except Exception as error:
            raise RecordReadError(
                f"NpyStorage: cannot read samples from {self.path}: {error}. "
                "Expected a complete file that numpy.save wrote; check the path."
            ) from error

    def _check_unchanged(self) -> None:
        """Raise if the open file was written again; one replaced by another stays as it was."""
        try:
            state = os.stat(self.path)
        except OSError:
            return
        replaced = isinstance(self._data, np.ndarray) and state.st_ino != self._inode
        if not replaced and (state.st_size, state.st_mtime_ns) != self._opened_as:
            raise RecordReadError(
                f"NpyStorage: {self.path} has changed since it was opened: it had "
                f"{self._opened_as[0]} bytes and has {state.st_size}. Read it again."
            )

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ECGStorage.read`."""
        return read_scaled(self._opened(), rows, self.gain)

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each record; see `ECGStorage.read_part`."""
        return _read_part_scaled(self._opened(), rows, starts, n_samples, self.gain)

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read records in their stored dtype; see `ECGStorage.read_raw`."""
        data = self._opened()
        if data.dtype != np.int16:
            return self.read(rows), 1.0
        return np.asarray(data[rows]), self.gain

    def _opened(self) -> np.ndarray | FileRows:
        if self._data is None:
            self._data = self._open()
        else:
            self._check_unchanged()
        return self._data

    def files(self) -> Iterable[Path]:
        """Return the path; see `ECGStorage.files`."""
        return (self.path,)

    def identity(self) -> tuple:
        """Return path, description and the state of the file; see `ECGStorage.identity`."""
        description = (self.leads, self.sampling_rate, self.gain)
        return (self.path, *description, self._opened_as, self.checksum)

    def __getstate__(self) -> dict[str, Any]:
        # The inode differs between machines that share a folder.
        return super().__getstate__() | {"_data": None, "_inode": None}


class LeadSelection(ECGStorage):
    """Selected leads of a storage, in a new order, without copying samples."""

    def __init__(self, storage: ECGStorage, leads: Sequence[str]):
        lead_positions(storage.leads, leads)
        self.storage: ECGStorage = (
            storage.storage if isinstance(storage, LeadSelection) else storage
        )
        self.leads = canonical_leads(leads)
        self.positions = lead_positions(self.storage.leads, self.leads)
        self.sampling_rate = storage.sampling_rate
        self.n_samples = storage.n_samples

    def __len__(self) -> int:
        return len(self.storage)

    @property
    def nbytes(self) -> int:
        """Bytes in memory of the underlying storage."""
        return self.storage.nbytes

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ECGStorage.read`."""
        return np.take(self.storage.read(rows), self.positions, axis=1)

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each record; see `ECGStorage.read_part`."""
        return np.take(self.storage.read_part(rows, starts, n_samples), self.positions, axis=1)

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read records in their stored dtype; see `ECGStorage.read_raw`."""
        samples, gain = self.storage.read_raw(rows)
        return np.take(samples, self.positions, axis=1), gain

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Compact the underlying storage; see `ECGStorage.compact`."""
        storage, compacted = self.storage.compact(rows)
        return LeadSelection(storage, self.leads), compacted

    def identity(self) -> tuple:
        """Return the underlying storage and the leads; see `ECGStorage.identity`."""
        return (self.storage, self.leads)


def select_leads(storage: ECGStorage, leads: Sequence[str]) -> ECGStorage:
    """Return a storage of selected leads; the storage itself if the leads are unchanged."""
    wanted = canonical_leads(leads)
    if storage.leads == wanted:
        return storage
    if isinstance(storage, LeadSelection) and storage.storage.leads == wanted:
        lead_positions(storage.leads, wanted)
        return storage.storage
    return LeadSelection(storage, wanted)
