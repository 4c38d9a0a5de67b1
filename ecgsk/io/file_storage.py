"""Storage of records in files of any format, read on demand."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from ecgsk._stored_files import state_of_files
from ecgsk.io.formats.header import FileHeader, read_samples
from ecgsk.io.record_storage import RecordStorage


class FileStorage(RecordStorage):
    """Samples in files of any format; it holds and pickles headers, not samples.

    Units, scales and derivations come from the headers: a file that has changed since, in
    size or time, is an error. A file is parsed again at every read; of EDF only the data
    records in use are read.

    Parameters
    ----------
    headers : iterable of FileHeader
        Headers with the same leads.
    sampling_rate : float
        Hz.
    n_samples : int
        Per lead, at this rate.
    """

    _per_record: ClassVar = ("paths", "headers", "_states")

    def __init__(self, headers: Iterable[FileHeader], sampling_rate: float, n_samples: int):
        self.headers = tuple(headers)
        paths = [header.path for header in self.headers]
        super().__init__(paths, self.headers[0].leads, sampling_rate, n_samples)
        self._states = self._find_states()

    def stored_rate(self, row: int) -> float:
        """Return the sampling rate of a record as stored, in Hz."""
        return self.headers[row].sampling_rate

    def stored_length(self, row: int) -> int:
        """Return the number of samples per lead of a record as stored."""
        return self.headers[row].n_samples

    def _read_stored(self, row: int, begin: int, end: int) -> tuple[np.ndarray, tuple[str, ...]]:
        header = self.headers[row]
        self._check_unchanged(row, header.path, "its file")
        return read_samples(header, begin, end), ()

    def _state(self, row: int) -> int:
        return state_of_files([self.paths[row]])
