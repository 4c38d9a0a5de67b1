"""Checksums of compressed tables, verified beside the database."""

import gzip
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

from ecgsk.exceptions import RecordReadError

_CHUNK = 2**20  # bytes


class GzipCheck:
    """Verify the checksums that gzip files hold: DuckDB decompresses without doing so.

    One thread reads the files while the database works; zlib leaves Python's lock alone.
    """

    def __init__(self) -> None:
        self._stop = Event()
        self._pool = ThreadPoolExecutor(1)
        self._found: dict[Path, Future[None]] = {}

    def start(self, path: Path) -> None:
        """Begin to verify a file, once."""
        if path.suffix == ".gz" and path not in self._found:
            self._found[path] = self._pool.submit(_verify, path, self._stop)

    def finish(self) -> None:
        """Wait for all files; raise where one is damaged."""
        for future in self._found.values():
            future.result()

    def close(self) -> None:
        """Stop without a result."""
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)


def _verify(path: Path, stop: Event) -> None:
    try:
        with gzip.open(path) as file:
            while not stop.is_set() and file.read(_CHUNK):
                pass
    except (OSError, EOFError, zlib.error) as error:
        raise RecordReadError(
            f"load_mimic_iv: {path} is damaged: {error}. Download it again."
        ) from error
