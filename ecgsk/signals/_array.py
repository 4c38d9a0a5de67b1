"""Pandas extension array of ECGs: row numbers over a storage."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, take
from pandas.api.indexers import check_array_indexer
from pandas.api.types import is_integer, is_list_like, pandas_dtype

from ecgsk.signals._dtype import ECGDtype
from ecgsk.signals._record import ECGRecord
from ecgsk.signals.concat import merge_views
from ecgsk.signals.storage import (
    ArrayStorage,
    ECGStorage,
    NpyStorage,
    StorageProperties,
    check_gain,
    select_leads,
)
from ecgsk.signals.units import to_millivolt

if TYPE_CHECKING:
    from collections.abc import Callable

_COMPARED_RECORDS = 64  # records in memory at once while comparing


class ECGArray(StorageProperties, ExtensionArray):
    """ECGs as a pandas column: row numbers over a storage.

    Slicing, shuffling, masking, merging and splitting change row numbers and copy
    no samples. A pickled view holds the samples of its rows, or only the path of a
    file-backed storage.

    .. versionadded:: 0.1

    Parameters
    ----------
    storage : ECGStorage
        Storage of the samples.
    rows : array-like of int, shape (n,), optional
        Row numbers in the storage, -1 for a missing record; all rows by default.

    See Also
    --------
    ECGArray.from_numpy : Create one from samples in memory.
    ECGArray.from_npy : Create one from a file that `numpy.save` wrote.

    Examples
    --------
    >>> import numpy as np, pandas as pd, ecgsk.signals
    >>> ecg = ECGArray.from_numpy(np.zeros((3, 12, 1000), "float32"),
    ...                           leads=ecgsk.signals.STANDARD_12_LEADS, sampling_rate=100)
    >>> X = pd.DataFrame({"ecg": ecg, "age": [70, 51, 64]})
    >>> X["ecg"]
    0    12x1000
    1    12x1000
    2    12x1000
    Name: ecg, dtype: ecg[12x1000, 100 Hz]
    >>> X[X["age"] > 60]["ecg"].ecg.to_numpy().shape
    (2, 12, 1000)
    """

    _readonly = False  # pandas >= 3 sets it on arrays that it returns

    def __init__(self, storage: ECGStorage, rows: Any = None):
        if not isinstance(storage, ECGStorage):
            raise TypeError(
                f"ECGArray: expected an ECGStorage, got {type(storage).__name__}. "
                "Convert samples in memory with ECGArray.from_numpy(...)."
            )
        n_rows = len(storage)
        rows = np.arange(n_rows) if rows is None else np.array(rows)
        if rows.size == 0:
            rows = rows.astype(np.int64)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise TypeError(
                "ECGArray: expected one-dimensional integer row numbers, got shape "
                f"{rows.shape} of {rows.dtype}. Pass row numbers of the storage."
            )
        if len(rows) and (rows.min() < -1 or rows.max() >= n_rows):
            raise IndexError(
                f"ECGArray: expected row numbers from -1 (missing) to {n_rows - 1}, got "
                f"{rows.min()} to {rows.max()}. Pass row numbers of the storage."
            )
        self._storage = storage
        self._rows = rows.astype(np.int64, copy=False)

    @classmethod
    def from_numpy(
        cls,
        x: np.ndarray,
        *,
        sampling_rate: float,
        leads: Sequence[str],
        unit: str = "mV",
        gain: float | None = None,
    ) -> Self:
        """Create a column from samples in memory, without copying them.

        Parameters
        ----------
        x : ndarray, shape (n_records, n_leads, n_samples)
            float32 or float16 in `unit`, or int16 with a gain. A missing sample is
            NaN, or -32768 in int16. Do not change the array afterwards.
        sampling_rate : float
            Hz.
        leads : sequence of str
            Lead names, in the order of the second axis.
        unit : str
            Unit of the samples: ``"mV"``, ``"uV"``, ``"V"`` or ``"nV"``.
        gain : float, optional
            Steps of `x` per `unit`; required for int16.

        Returns
        -------
        ECGArray

        Raises
        ------
        LeadMismatchError, SamplingRateError, DurationError, UnitError
            If the samples do not match the parameters.

        Examples
        --------
        >>> import numpy as np
        >>> x = np.full((1, 1, 4), 250.0)
        >>> ECGArray.from_numpy(x, sampling_rate=4, leads=["II"], unit="uV").read()
        array([[[0.25, 0.25, 0.25, 0.25]]], dtype=float32)
        """
        x = np.asarray(x)
        scale = check_gain(x.dtype, gain, "ECGArray.from_numpy") / to_millivolt(unit)
        return cls(ArrayStorage(x, leads, sampling_rate, gain=scale))

    @classmethod
    def from_npy(
        cls,
        path: str | Path,
        *,
        sampling_rate: float,
        leads: Sequence[str],
        gain: float | None = None,
    ) -> Self:
        """Create a column from a memory-mapped ``.npy`` file.

        Parameters
        ----------
        path : path-like
            File that `numpy.save` wrote, shape (n_records, n_leads, n_samples).
        sampling_rate : float
            Hz.
        leads : sequence of str
            Lead names, in the order of the second axis.
        gain : float, optional
            Steps per mV; required for int16.

        Returns
        -------
        ECGArray

        Raises
        ------
        RecordReadError
            If the file cannot be read.
        """
        return cls(NpyStorage(path, leads, sampling_rate, gain=gain))

    # -- samples and their description -------------------------------------------------

    @property
    def storage(self) -> ECGStorage:
        """Storage of the samples; views of one array share it."""
        return self._storage

    @property
    def rows(self) -> np.ndarray:
        """Row numbers in the storage, -1 for a missing record (a copy)."""
        return self._rows.copy()

    def read(self, rows: Any = None) -> np.ndarray:
        """Read samples into memory.

        Parameters
        ----------
        rows : int array, boolean mask or slice, optional
            Positions in this array; all of it by default.

        Returns
        -------
        ndarray of float32, shape (n, n_leads, n_samples)
            Millivolts, NaN where missing; every sample of a missing record is NaN.
        """
        numbers = self._rows if rows is None else self[rows]._rows
        if len(numbers) == 0 or numbers.min() >= 0:
            return self._storage.read(numbers)
        out = np.full((len(numbers), len(self.leads), self.n_samples), np.nan, np.float32)
        out[numbers >= 0] = self._storage.read(numbers[numbers >= 0])
        return out

    def read_raw(self, rows: np.ndarray) -> tuple[np.ndarray, float]:
        """Read samples in their stored dtype; int16 takes half the memory of float32.

        Parameters
        ----------
        rows : ndarray of int
            Positions in this array.

        Returns
        -------
        samples : ndarray of int16 or float32, shape (n, n_leads, n_samples)
            Missing samples are -32768 in int16, NaN in float32.
        gain : float
            Units of the samples per millivolt.
        """
        numbers = self._rows[rows]
        if len(numbers) and numbers.min() < 0:
            return self.read(rows), 1.0
        return self._storage.read_raw(numbers)

    def select_leads(self, leads: Sequence[str]) -> Self:
        """Select and order leads by name, without copying samples.

        Parameters
        ----------
        leads : sequence of str
            Names, in any case.

        Returns
        -------
        ECGArray

        Raises
        ------
        LeadMismatchError
            If a lead is unknown, repeated or missing.
        """
        return self._over(select_leads(self._storage, leads), self._rows.copy())

    @classmethod
    def _over(cls, storage: ECGStorage, rows: np.ndarray) -> Self:
        """Create a view from valid row numbers, without copying them."""
        array = cls.__new__(cls)
        array._storage, array._rows = storage, rows
        return array

    # -- pandas interface --------------------------------------------------------------

    @property
    def dtype(self) -> ECGDtype:
        """Leads, sampling rate and length."""
        return ECGDtype(self.leads, self.sampling_rate, self.n_samples)

    @property
    def nbytes(self) -> int:
        """Bytes of the row numbers and of samples in memory; other views may share these."""
        return self._rows.nbytes + self._storage.nbytes

    def __len__(self) -> int:
        return len(self._rows)

    def isna(self) -> np.ndarray:
        """Return which records are missing."""
        return self._rows < 0

    def __getitem__(self, item: Any) -> Any:
        item = check_array_indexer(self, _without_ellipsis(item))
        rows = self._rows[item]
        if is_integer(item):
            return ECGRecord._over(self._storage, rows) if rows >= 0 else self.dtype.na_value
        view = self._over(self._storage, rows)
        if self._readonly and np.shares_memory(rows, self._rows):
            view._readonly = True
        return view

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._readonly:
            raise ValueError("Cannot modify read-only array")
        key = check_array_indexer(self, _without_ellipsis(key))
        storage, rows, new = self._merged(value)
        if storage is not self._storage:
            # The rows refer to the new storage now: stop sharing them with other views.
            self._storage, self._rows = storage, rows.copy()
        self._rows[key] = new if is_list_like(value) else new[0]

    def _merged(self, value: Any) -> tuple[ECGStorage, np.ndarray, np.ndarray]:
        """Return one storage for own and new records, and the row numbers of both."""
        others = value if is_list_like(value) else [value]
        other = self._from_sequence(others, dtype=self.dtype)
        if (other._rows < 0).all():
            return self._storage, self._rows, other._rows
        storage, (rows, new) = merge_views(
            [(self._storage, self._rows), (other._storage, other._rows)]
        )
        return storage, rows, new

    def take(self, indices: Any, *, allow_fill: bool = False, fill_value: Any = None) -> Self:
        """Take records by position; see `pandas.api.extensions.ExtensionArray.take`."""
        storage, rows, fill = self._storage, self._rows, -1
        if allow_fill and isinstance(fill_value, ECGRecord):
            storage, rows, (fill,) = self._merged(fill_value)
        taken = take(rows, np.asarray(indices, np.intp), allow_fill=allow_fill, fill_value=fill)
        return self._over(storage, np.asarray(taken))

    def copy(self) -> Self:
        """Copy the row numbers; the samples are read-only and shared."""
        return self._over(self._storage, self._rows.copy())

    def view(self, dtype: Any = None) -> Any:
        """Return another array over the same row numbers."""
        if dtype is not None and pandas_dtype(dtype) != self.dtype:
            raise NotImplementedError(dtype)  # pandas expects this for a dtype change
        view = self._over(self._storage, self._rows)
        view._readonly = self._readonly
        return view

    @classmethod
    def _from_sequence(cls, scalars: Any, *, dtype: Any = None, copy: bool = False) -> Self:
        dtype = None if dtype is None else pandas_dtype(dtype)
        if isinstance(scalars, (pd.Series, pd.Index)):
            scalars = scalars.array
        if isinstance(scalars, cls):
            array = scalars if dtype is None else scalars._as(dtype)
            return array.copy() if copy or array is scalars else array
        # Group by identity: comparing storages, such as long lists of paths, can be slow.
        records: dict[int, tuple[ECGStorage, list[int], list[int]]] = {}
        scalars = list(scalars)
        for position, scalar in enumerate(scalars):
            if isinstance(scalar, ECGRecord):
                storage = scalar._storage
                _, positions, numbers = records.setdefault(id(storage), (storage, [], []))
                positions.append(position)
                numbers.append(scalar._row)
            elif is_list_like(scalar) or not pd.isna(scalar):
                raise TypeError(
                    f"{cls.__name__}: expected ECGRecord or missing (pd.NA), got {scalar!r:.60} "
                    f"({type(scalar).__name__}). Create records with from_numpy(...)."
                )
        arrays = [cls._over(storage, np.array(rows)) for storage, _, rows in records.values()]
        if dtype is None:
            if not arrays:
                raise ValueError(
                    f"{cls.__name__}: expected a record or dtype=, got neither. Pass dtype=."
                )
            dtype = arrays[0].dtype
        out = np.full(len(scalars), -1, np.int64)
        if not arrays:
            return cls._over(_no_records(dtype), out)
        arrays = [array._as(dtype) for array in arrays]
        storage, merged = merge_views([(array._storage, array._rows) for array in arrays])
        for (_, positions, _), rows in zip(records.values(), merged, strict=True):
            out[positions] = rows
        return cls._over(storage, out)

    def _as(self, dtype: ECGDtype) -> Self:
        """Cast to another ECG dtype, which may differ in the order of leads only."""
        if dtype == self.dtype:
            return self
        dtype.check_joins(self.dtype)
        return self.select_leads(dtype.leads)

    @classmethod
    def _from_factorized(cls, values: Any, original: Self) -> Self:
        return cls._from_sequence(values, dtype=original.dtype)

    @classmethod
    def _concat_same_type(cls, to_concat: Sequence[Self]) -> Self:
        storage, rows = merge_views([(array._storage, array._rows) for array in to_concat])
        return cls._over(storage, np.concatenate(rows))

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        """Cast to another ECG dtype (leads by name), to ``object`` or to ``str``."""
        dtype = pandas_dtype(dtype)
        if isinstance(dtype, ECGDtype):
            array = self._as(dtype)
            return array.copy() if copy and array is self else array
        return super().astype(dtype, copy=copy)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("ECGArray: expected copy=None or True, as records must be copied.")
        out = np.empty(len(self), dtype=object)
        out[:] = list(self)
        return out if dtype is None else out.astype(dtype, copy=False)

    def to_numpy(
        self, dtype: Any = None, copy: bool = False, na_value: Any = pd.api.extensions.no_default
    ) -> np.ndarray:
        """Return a 1-D object array of records; use `read` for samples."""
        out = np.asarray(self, dtype=dtype)  # always a new array, so it may be changed
        if na_value is not pd.api.extensions.no_default:
            out[self.isna()] = na_value
        return out

    def argsort(self, **kwargs: Any) -> Any:
        """Raise a TypeError: records have no order."""
        raise TypeError("ECGArray: ECG records have no order. Sort by another column.")

    def __arrow_array__(self, type: Any = None) -> Any:
        raise TypeError(
            f"ECGArray: cannot write a column of {self.dtype} to parquet or Arrow, which would "
            "lose leads, sampling rate and unit. Write the cohort with "
            "ecgsk.datasets.write_cohort(cohort, folder), or drop the column first."
        )

    def __eq__(self, other: object) -> Any:
        if isinstance(other, (pd.Series, pd.Index, pd.DataFrame)):
            return NotImplemented
        if isinstance(other, ECGRecord):
            other = self._over(other._storage, np.full(len(self), other._row))
        if isinstance(other, ECGArray):
            return self._equal(other)
        if is_list_like(other) and isinstance(other, Iterable):
            others = list(other)
            _check_same_length(self, others)
            pairs = zip(self, others, strict=True)
            return np.array([isinstance(b, ECGRecord) and bool(a == b) for a, b in pairs], bool)
        return np.zeros(len(self), bool)

    def __ne__(self, other: object) -> Any:
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else ~equal

    def _equal(self, other: "ECGArray") -> np.ndarray:
        _check_same_length(self, other)
        both = ~self.isna() & ~other.isna()
        if self.dtype != other.dtype:
            return np.zeros(len(self), bool)
        if self._storage == other._storage:
            equal = both & (self._rows == other._rows)
        else:
            equal = np.zeros(len(self), bool)
        undecided = np.flatnonzero(both & ~equal)
        for start in range(0, len(undecided), _COMPARED_RECORDS):
            batch = undecided[start : start + _COMPARED_RECORDS]
            a, b = self.read(batch), other.read(batch)
            equal[batch] = ((a == b) | (np.isnan(a) & np.isnan(b))).all(axis=(1, 2))
        return equal

    def _formatter(self, boxed: bool = False) -> "Callable[[Any], str | None]":
        return str

    def __getstate__(self) -> dict[str, Any]:
        known = self._rows >= 0
        storage, compacted = self._storage.compact(self._rows[known])
        rows = np.full(len(self._rows), -1, np.int64)
        rows[known] = compacted
        return {"_storage": storage, "_rows": rows}


ECGDtype._array_type = ECGArray


def _no_records(dtype: ECGDtype) -> ECGStorage:
    """Return the storage of a column in which every record is missing."""
    shape = (0, len(dtype.leads), dtype.n_samples)
    return ArrayStorage(np.empty(shape, np.float32), dtype.leads, dtype.sampling_rate)


def _without_ellipsis(item: Any) -> Any:
    """Remove an ellipsis, as in ``array[..., :3]``: the array has one axis."""
    if item is Ellipsis:
        return slice(None)
    if isinstance(item, tuple):
        item = tuple(part for part in item if part is not Ellipsis) or (slice(None),)
        if len(item) > 1:
            raise IndexError("too many indices for array: an ECGArray has one axis.")
        return item[0]
    return item


def _check_same_length(a: Any, b: Any) -> None:
    if len(a) != len(b):
        raise ValueError(f"Lengths must match to compare: {len(a)} and {len(b)}")
