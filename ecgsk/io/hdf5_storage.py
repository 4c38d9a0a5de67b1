"""Storage of records in an HDF5 file, read on demand."""

import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecgsk._stored_files import check_regular, size_and_time
from ecgsk.exceptions import DurationError, RecordReadError, UnitError
from ecgsk.signals import ECGStorage
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.storage import check_gain
from ecgsk.signals.units import check_sampling_rate

# Stored bytes per byte of the file; gzip reaches 1,000.
_MAX_COMPRESSION = 10_000


def load_h5py() -> Any:
    """Import h5py, or raise an ImportError that names the extra."""
    try:
        return importlib.import_module("h5py")
    except ImportError as error:
        raise ImportError(
            "Reading HDF5 needs h5py, which is not installed. Use pip install 'ecgsk[hdf5]'."
        ) from error


class HDF5Storage(ECGStorage):
    """Samples in an HDF5 data set of shape (n_records, n_samples, n_leads), of floats.

    Only the requested records are read, and a pickle holds only the path. The file is
    open only during a read, so any number of processes may share it.

    `gain` is stored units per millivolt. With `zero_padded`, zeros in all leads at
    either end of a record are read as NaN.
    """

    def __init__(
        self,
        path: str | Path,
        dataset: str,
        leads: Sequence[str],
        sampling_rate: float,
        *,
        gain: float = 1.0,
        zero_padded: bool = False,
    ):
        # Workers of a parallel run may have another working directory.
        self.path = Path(path).resolve()
        self.dataset = dataset
        self.leads = canonical_leads(leads)
        self.sampling_rate = check_sampling_rate(sampling_rate, name="HDF5Storage")
        self.gain = check_gain(np.dtype(np.float32), gain, "HDF5Storage")
        self.zero_padded = zero_padded
        check_regular(self.path, name="HDF5Storage")
        self._opened_as = size_and_time(self.path)
        with self._open() as file:
            data = self._find(file)
            self._check(data)
            self.shape: tuple[int, int, int] = data.shape
            self.n_samples = data.shape[1]

    def _check(self, data: Any) -> None:
        if data.ndim != 3 or data.shape[2] != len(self.leads) or data.shape[1] == 0:
            raise DurationError(
                f"HDF5Storage: expected {self.dataset!r} in {self.path} of shape (n_records, "
                f"n_samples, {len(self.leads)}), got {data.shape}. Name its leads in order."
            )
        if data.dtype.kind != "f":
            raise UnitError(
                f"HDF5Storage: expected floating-point samples in {self.path}, got "
                f"{data.dtype}. Convert them to float32 millivolts."
            )
        if data.nbytes > _MAX_COMPRESSION * self._opened_as[0]:
            raise RecordReadError(
                f"HDF5Storage: {self.path} of {self._opened_as[0]} bytes states samples of "
                f"{data.nbytes} bytes, more than compression explains. Download it again."
            )

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read records; see `ecgsk.signals.ECGStorage.read`."""
        return self.read_part(rows, np.zeros(len(rows), np.int64), self.n_samples)

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each record; see `ecgsk.signals.ECGStorage.read_part`."""
        out = np.empty((len(rows), len(self.leads), n_samples), np.float32)
        with self._open() as file:
            data = self._find(file)
            # In file order, so that few chunks are decompressed twice.
            for place in np.lexsort((starts, rows)):
                start = int(starts[place])
                record = self._read(data, int(rows[place]), slice(start, start + n_samples))
                np.divide(record.T, np.float32(self.gain), out=out[place], casting="same_kind")
        return out

    def column(self, dataset: str) -> np.ndarray:
        """Read a data set with one value per record, such as its identifier."""
        with self._open() as file:
            try:
                values = np.asarray(file[dataset][:])
            # h5py raises errors of many classes for damaged files.
            except Exception as error:
                raise RecordReadError(
                    f"HDF5Storage: {dataset!r} of {self.path} cannot be read: {error}. "
                    "Download it again."
                ) from error
        if values.shape != (len(self),):
            raise RecordReadError(
                f"HDF5Storage: expected {dataset!r} of {len(self)} records in {self.path}, got "
                f"{values.shape}. Download it again."
            )
        return values

    def _read(self, data: Any, row: int, part: slice) -> np.ndarray:
        try:
            # Where the padding of a record ends is seen in the whole record alone.
            record = data[row] if self.zero_padded else data[row, part]
        # h5py raises errors of many classes for a damaged chunk.
        except Exception as error:
            raise RecordReadError(
                f"HDF5Storage: record {row} of {self.path} cannot be read: {error}. "
                "Download the file again."
            ) from error
        if self.zero_padded:
            present = np.flatnonzero(record.any(axis=1))
            start, stop = (present[0], present[-1] + 1) if len(present) else (0, 0)
            record[:start] = np.nan
            record[stop:] = np.nan
            record = record[part]
        return record

    def _open(self) -> Any:
        check_regular(self.path, name="HDF5Storage")
        if size_and_time(self.path) != self._opened_as:
            raise RecordReadError(
                f"HDF5Storage: {self.path} has changed since it was opened. "
                "Load the data set again."
            )
        try:
            return load_h5py().File(self.path, "r")
        except OSError as error:
            raise RecordReadError(
                f"HDF5Storage: cannot read {self.path}: {error}. "
                "Expected an HDF5 file; has it been moved or cut short?"
            ) from error

    def _find(self, file: Any) -> Any:
        try:
            found = file.get(self.dataset)
            known = hasattr(found, "shape") and found.shape is not None
            names = ", ".join(file) or "none"
        # h5py raises errors of many classes for damaged files.
        except Exception as error:
            raise RecordReadError(
                f"HDF5Storage: {self.path} is damaged ({type(error).__name__}: {error}). "
                "Download it again."
            ) from error
        if not known:
            raise RecordReadError(
                f"HDF5Storage: expected a data set {self.dataset!r} in {self.path}, got "
                f"{names}. Pass dataset= as named in the file."
            )
        return found

    def files(self) -> Iterable[Path]:
        """Return the path; see `ecgsk.signals.ECGStorage.files`."""
        return (self.path,)

    def identity(self) -> tuple:
        """Return path, state and description; see `ecgsk.signals.ECGStorage.identity`."""
        description = (self.dataset, self.leads, self.sampling_rate, self.gain, self.zero_padded)
        return (self.path, self._opened_as, *description)
