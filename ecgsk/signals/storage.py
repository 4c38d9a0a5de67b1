"""Where samples live: a storage reads rows, and is never copied to make a view."""

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

#: Stands for NaN in int16 samples, as in WFDB format 16.
INT16_NAN = np.iinfo(np.int16).min
_BLOCK = 32  # rows converted at once: small enough to stay in the cache


class ECGStorage(ABC):
    """Samples of equally long records that share leads and sampling rate.

    A subclass sets the three attributes, and gives ``__len__`` and ``read``.
    It must pickle; one that holds only paths pickles only those.

    Attributes
    ----------
    leads : tuple of str
        Canonical lead names, in the order of the samples' second axis.
    sampling_rate : float
        Hz.
    n_samples : int
        Samples per lead.
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
            Millivolts, NaN where missing; C-contiguous and the caller's to change.
        """

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read records as they are stored, for a device that scales them itself.

        Returns
        -------
        samples : ndarray of int16 or float32, shape (n, n_leads, n_samples)
            int16 is missing at -32768, float32 at NaN; the caller's to change.
        gain : float
            Units of the samples per millivolt.
        """
        return self.read(rows), 1.0

    @property
    def nbytes(self) -> int:
        """Bytes of memory held; 0 for what stays on disk."""
        return 0

    def compact(self, rows: np.ndarray) -> tuple["ECGStorage", np.ndarray]:
        """Shrink to what some rows need, for pickling.

        Parameters
        ----------
        rows : ndarray of int, shape (n,)
            Row numbers in use.

        Returns
        -------
        storage : ECGStorage
        rows : ndarray of int, shape (n,)
            The same records, numbered in the returned storage.
        """
        return self, rows


def read_scaled(data: "np.ndarray | FileRows", rows: np.ndarray, gain: float) -> np.ndarray:
    """Gather rows as float32 millivolts: samples over gain, int16 minimum as NaN."""
    if data.dtype == np.float32 and gain == 1.0:
        return np.ascontiguousarray(data[rows])
    out = np.empty((len(rows), *data.shape[1:]), np.float32)
    for start in range(0, len(rows), _BLOCK):
        block, part = np.asarray(data[rows[start : start + _BLOCK]]), out[start : start + _BLOCK]
        # Copy, then scale in place: faster than one call that does both through a buffer.
        part[...] = block
        part *= np.float32(1 / gain)
        # The minimum is found far faster than every place of it.
        if block.dtype == np.int16 and block.min() == INT16_NAN:
            part[block == INT16_NAN] = np.nan
    return out


def check_gain(dtype: np.dtype, gain: float | None, name: str) -> float:
    """Gain as a float, after making sure that samples of that dtype have one."""
    if dtype != np.int16 and dtype.kind != "f":
        raise UnitError(
            f"{name}: expected samples of dtype float32, float16 or int16 (with gain=), got "
            f"{dtype}. Convert them, such as x.astype('float32')."
        )
    if gain is None:
        if dtype == np.int16:
            raise UnitError(
                f"{name}: int16 samples are ADC units, and their gain is not stated. "
                "Give gain= in ADC units per millivolt, such as gain=200."
            )
        return 1.0
    if not (np.ndim(gain) == 0 and np.isfinite(gain) and gain > 0):
        raise UnitError(f"{name}: expected one positive gain in ADC units per mV, got {gain!r}.")
    return float(gain)


def check_shape(shape: tuple[int, ...], leads: tuple[str, ...], name: str) -> None:
    """Raise unless the shape is (n_records, n_leads, n_samples) with the leads named."""
    if len(shape) != 3:
        raise DurationError(
            f"{name}: expected samples of shape (n_records, n_leads, n_samples), got {shape}. "
            "Reshape them; one record is x[None], one lead is x[:, None, :]."
        )
    if shape[1] != len(leads):
        hint = " The axes look swapped: try x.transpose(0, 2, 1)." if shape[2] == len(leads) else ""
        raise LeadMismatchError(
            f"{name}: {len(leads)} leads are named ({', '.join(leads)}), but samples of shape "
            f"{shape} have {shape[1]} leads. Name the leads in the order of the second axis.{hint}"
        )
    if shape[2] == 0:
        raise DurationError(f"{name}: records of shape {shape} have no samples.")


class ArrayStorage(ECGStorage):
    """Samples in memory.

    Parameters
    ----------
    data : ndarray, shape (n_records, n_leads, n_samples)
        float32 or float16 in mV times `gain`, or int16 ADC units, in which
        -32768 means NaN. It is neither copied nor changed.
    leads : sequence of str
        Lead names, in the order of the second axis.
    sampling_rate : float
        Hz.
    gain : float, optional
        Units of `data` per millivolt; required for int16.

    Examples
    --------
    >>> import numpy as np
    >>> storage = ArrayStorage(np.full((1, 2, 3), 100, "int16"), ["I", "II"], 500, gain=200)
    >>> storage.read(np.array([0]))[0, 0]
    array([0.5, 0.5, 0.5], dtype=float32)
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
        # A view of a shared storage must not be a way to change other views.
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
        """Read records as they are stored; see `ECGStorage.read_raw`."""
        if self.data.dtype != np.int16:
            return self.read(rows), 1.0
        return self.data[rows], self.gain

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Keep the rows in use alone; see `ECGStorage.compact`."""
        used, compacted = np.unique(rows, return_inverse=True)
        if len(used) == len(self):
            return self, rows
        storage = ArrayStorage(self.data[used], self.leads, self.sampling_rate, gain=self.gain)
        return storage, compacted


class FileRows:
    """Rows of a ``.npy`` file, read as they are asked for.

    For a process that may not map the whole file, as its address space is
    limited; half as fast as a map.
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
            raise ValueError("samples in Fortran order cannot be read row by row")
        self._row_bytes = self.dtype.itemsize * math.prod(self.shape[1:])

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        with self._path.open("rb", buffering=0) as file:
            for place, row in enumerate(rows):
                file.seek(self._start + int(row) * self._row_bytes)
                if file.readinto(out[place].view(np.uint8)) != self._row_bytes:
                    raise RecordReadError(f"{self._path} ends within row {row}. Copy it again.")
        return out


class NpyStorage(ECGStorage):
    """Samples in a ``.npy`` file, memory-mapped; pickles as its path.

    Parameters
    ----------
    path : path-like
        A file that `numpy.save` wrote, shape (n_records, n_leads, n_samples).
    leads : sequence of str
        Lead names, in the order of the second axis.
    sampling_rate : float
        Hz.
    gain : float, optional
        Units of the samples per millivolt; required for int16.

    Raises
    ------
    RecordReadError
        When the file is absent, not a ``.npy`` file, or changes its shape.
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
        # Workers of a parallel run may stand in another folder.
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
            # A plain ndarray over the map: np.memmap's own indexing is slower.
            return np.load(self.path, mmap_mode="r").view(np.ndarray)
        except (OSError, ValueError) as error:
            if getattr(error, "errno", None) == errno.ENOMEM:
                return FileRows(self.path)
            raise RecordReadError(
                f"NpyStorage: cannot read samples from {self.path}: {error}. "
                "Expected a file written by numpy.save; has it been moved or cut short?"
            ) from error

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ECGStorage.read`."""
        return read_scaled(self._opened(), rows, self.gain)

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read records as they are stored; see `ECGStorage.read_raw`."""
        data = self._opened()
        if data.dtype != np.int16:
            return self.read(rows), 1.0
        return np.asarray(data[rows]), self.gain

    def _opened(self) -> "np.ndarray | FileRows":
        if self._data is None:
            data = self._open()
            if data.shape != self.shape:
                raise RecordReadError(
                    f"NpyStorage: {self.path} held samples of shape {self.shape} and now holds "
                    f"{data.shape}. Read the cohort anew."
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
    """Some leads of a storage, in another order, without copying it.

    Parameters
    ----------
    storage : ECGStorage
        What is read.
    leads : sequence of str
        Names of the leads wanted, in the order wanted.

    Raises
    ------
    LeadMismatchError
        When the storage lacks one of them.
    """

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
        """Bytes that the storage beneath holds."""
        return self.storage.nbytes

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ECGStorage.read`."""
        return np.take(self.storage.read(rows), self.positions, axis=1)

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read records as they are stored; see `ECGStorage.read_raw`."""
        samples, gain = self.storage.read_raw(rows)
        return np.take(samples, self.positions, axis=1), gain

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Compact the storage beneath; see `ECGStorage.compact`."""
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
    """Give the storage seen through some leads: itself when they are all there in order."""
    wanted = canonical_leads(leads)
    if storage.leads == wanted:
        return storage
    if isinstance(storage, LeadSelection) and storage.storage.leads == wanted:
        lead_positions(storage.leads, wanted)
        return storage.storage
    return LeadSelection(storage, wanted)
