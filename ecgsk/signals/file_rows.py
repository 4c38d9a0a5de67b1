"""Rows of a ``.npy`` file: memory-mapped, or read on demand."""

import errno
import math
from pathlib import Path
from typing import Any

import numpy as np

from ecgsk.exceptions import RecordReadError


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

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, tuple):
            row, leads, part = rows
            return self[np.array([row])][0, leads, part]
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        with self._path.open("rb", buffering=0) as file:
            for place, row in enumerate(rows):
                file.seek(self._start + int(row) * self._row_bytes)
                if file.readinto(out[place].view(np.uint8)) != self._row_bytes:
                    raise RecordReadError(f"{self._path} is truncated in row {row}. Copy it again.")
        return out


def map_samples(path: Path) -> np.ndarray | FileRows:
    """Map the samples of a file into memory, or read them on demand where that fails."""
    try:
        # A plain ndarray over the map, as indexing np.memmap is slower.
        return np.load(path, mmap_mode="r").view(np.ndarray)
    except OSError as error:
        if error.errno == errno.ENOMEM:
            return FileRows(path)
        raise
