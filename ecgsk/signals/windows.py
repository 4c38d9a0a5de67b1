"""Windows of long records, read without the rest of the record."""

import numpy as np

from ecgsk.signals.storage import ECGStorage


class WindowStorage(ECGStorage):
    """Windows of the records of another storage, without copying samples.

    Parameters
    ----------
    storage : ECGStorage
        Storage of the long records.
    rows : ndarray of int, shape (n_windows,)
        Row number of each window's record in `storage`.
    starts : ndarray of int, shape (n_windows,)
        First sample of each window.
    n_samples : int
        Samples per lead of a window.
    """

    def __init__(self, storage: ECGStorage, rows: np.ndarray, starts: np.ndarray, n_samples: int):
        if isinstance(storage, WindowStorage):
            starts, rows, storage = (
                starts + storage.starts[rows],
                storage.rows[rows],
                storage.storage,
            )
        self.storage: ECGStorage = storage
        self.rows: np.ndarray = rows
        self.starts: np.ndarray = starts
        self.leads = storage.leads
        self.sampling_rate = storage.sampling_rate
        self.n_samples = int(n_samples)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes in memory of the long records and of the windows' positions."""
        return self.storage.nbytes + self.rows.nbytes + self.starts.nbytes

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read windows; see `ECGStorage.read`."""
        return self.storage.read_part(self.rows[rows], self.starts[rows], self.n_samples)

    def read_part(self, rows: np.ndarray, starts: np.ndarray, n_samples: int) -> np.ndarray:
        """Read a part of each window; see `ECGStorage.read_part`."""
        return self.storage.read_part(self.rows[rows], self.starts[rows] + starts, n_samples)

    def compact(self, rows: np.ndarray) -> tuple[ECGStorage, np.ndarray]:
        """Keep the windows in use, and the records that hold them; see `ECGStorage.compact`."""
        used, compacted = np.unique(rows, return_inverse=True)
        storage, records = self.storage.compact(self.rows[used])
        return WindowStorage(storage, records, self.starts[used], self.n_samples), compacted

    def identity(self) -> tuple:
        """Return the storage and the positions of the windows; see `ECGStorage.identity`."""
        return (self.storage, self.rows.tobytes(), self.starts.tobytes(), self.n_samples)
