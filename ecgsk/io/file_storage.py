"""Storage of records in files of any format, read on demand."""

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from ecgsk._stored_files import state_of_files
from ecgsk.exceptions import RecordReadError
from ecgsk.io.formats.header import FileHeader, read_samples
from ecgsk.io.record_storage import MAX_SAMPLES, RecordStorage
from ecgsk.signals.resampling import resampled_length


class FileStorage(RecordStorage):
    """Samples in files of any format; it holds and pickles headers, not samples.

    Units, scales and derivations come from the headers: a file that has changed since, in
    size or time, is an error. A file is parsed again at every read, as far as its library
    does not read a part of it.

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

    def _read_stored(self, row: int, seconds: float) -> tuple[np.ndarray, tuple[str, ...]]:
        header = self.headers[row]
        self._check_unchanged(row, header.path, "its file")
        end = min(round(seconds * header.sampling_rate), header.n_samples)
        n_read = max(end, resampled_length(end, header.sampling_rate, self.sampling_rate))
        if n_read * len(self.leads) > MAX_SAMPLES:
            raise RecordReadError(
                f"record {header.path}: expected at most {MAX_SAMPLES:,} samples of all leads, "
                f"got {n_read:,} of {len(self.leads)} leads. Pass duration= to read its beginning."
            )
        return read_samples(header, seconds), ()

    def _state(self, row: int) -> int:
        return state_of_files([self.paths[row]])
