"""Storages of samples: a storage reads rows and is shared by views."""

import errno
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecgsk.exceptions import DurationError, LeadMismatchError, RecordReadError, UnitError
from ecgsk.signals.leads import canonical_leads, lead_positions
from ecgsk.signals.units import check_sampling_rate

#: Marks a missing int16 sample, as in WFDB format 16.
INT16_NAN = np.iinfo(np.int16).min
_BLOCK_ROWS = 32  # rows converted at once, few enough for the processor cache


class ECGStorage(ABC):
    """Base class of storages: records of one length with equal leads and sampling rate.

    A subclass sets the three attributes and defines ``__len__`` and ``read``. It must
    support pickle; a subclass that holds paths pickles only these.

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


def read_scaled(data: "np.ndarray | FileRows", rows: np.ndarray, gain: float) -> np.ndarray:
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
    if not (np.ndim(gain) == 0 and np.isfinite(gain) and gain > 0):
        raise UnitError(
            f"{name}: expected one positive gain in ADC units per mV, got {gain!r}. "
            "Pass a number, such as gain=200."
        )
    return float(gain)


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


class FileRows:
    """Rows of a ``.npy`` file, read on demand.

    For a process whose limited address space forbids a memory map; half as fast.
    """

    def __init__(self, path: Path):
        self._path = path
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = {
                (1, 0): np.lib.format.read_array_header_1_0,
                (2, 0): np.lib.format.read_array_header_2_0,
            }[version]
            self.shape, fortran_order, self.dtype = read_header(file)
            self._start = file.tell()
        if fortran_order:
            raise ValueError("expected samples in C order, got Fortran order")
        self._row_bytes = self.dtype.itemsize * math.prod(self.shape[1:])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        with self._path.open("rb", buffering=0) as file:
            for place, row in enumerate(rows):
                file.seek(self._start + int(row) * self._row_bytes)
                if file.readinto(out[place].view(np.uint8)) != self._row_bytes:
                    raise RecordReadError(f"{self._path} is truncated in row {row}. Copy it again.")
        return out


class NpyStorage(ECGStorage):
    """Samples in a ``.npy`` file, memory-mapped; pickles as its path.

    Shape, dtype and gain are those of `ArrayStorage`. A file that is missing, invalid or
    changes its shape raises a `RecordReadError`.
    """

    def __init__(
        self,
        path: str | Path,
        leads: Sequence[str],
        sampling_rate: float,
        *,
        gain: float | None = None,
    ):
        name = type(self).__name__
        # Absolute, as parallel workers may have another working directory.
        self.path = Path(path).resolve()
        self.leads = canonical_leads(leads)
        self.sampling_rate = check_sampling_rate(sampling_rate, name=name)
        self._data: np.ndarray | FileRows | None = None
        data = self._open()
        self.gain = check_gain(data.dtype, gain, name)
        check_shape(data.shape, self.leads, name)
        self.shape = data.shape
        self.n_samples = data.shape[2]
        self._data = data

    def _open(self) -> "np.ndarray | FileRows":
        try:
            # A plain ndarray over the map, as indexing np.memmap is slower.
            return np.load(self.path, mmap_mode="r").view(np.ndarray)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.ENOMEM:
                return FileRows(self.path)
            raise RecordReadError(
                f"NpyStorage: cannot read samples from {self.path}: {error}. "
                "Expected a complete file that numpy.save wrote; check the path."
            ) from error

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ECGStorage.read`."""
        return read_scaled(self._opened(), rows, self.gain)

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read records in their stored dtype; see `ECGStorage.read_raw`."""
        data = self._opened()
        if data.dtype != np.int16:
            return self.read(rows), 1.0
        return np.asarray(data[rows]), self.gain

    def _opened(self) -> "np.ndarray | FileRows":
        if self._data is None:
            data = self._open()
            if data.shape != self.shape:
                raise RecordReadError(
                    f"NpyStorage: expected samples of shape {self.shape} in {self.path}, got "
                    f"{data.shape}: the file has changed. Read the cohort again."
                )
            self._data = data
        return self._data

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_data": None}

    def _identity(self) -> tuple:
        return (self.path, self.leads, self.sampling_rate, self.gain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NpyStorage) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


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

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read records in their stored dtype; see `ECGStorage.read_raw`."""
        samples, gain = self.storage.read_raw(rows)
        return np.take(samples, self.positions, axis=1), gain

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Compact the underlying storage; see `ECGStorage.compact`."""
        storage, compacted = self.storage.compact(rows)
        return LeadSelection(storage, self.leads), compacted

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, LeadSelection)
            and self.leads == other.leads
            and self.storage == other.storage
        )

    def __hash__(self) -> int:
        return hash((self.storage, self.leads))


def select_leads(storage: ECGStorage, leads: Sequence[str]) -> ECGStorage:
    """Return a storage of selected leads; the storage itself if the leads are unchanged."""
    wanted = canonical_leads(leads)
    if storage.leads == wanted:
        return storage
    if isinstance(storage, LeadSelection) and storage.storage.leads == wanted:
        lead_positions(storage.leads, wanted)
        return storage.storage
    return LeadSelection(storage, wanted)
