"""Files of an open database, downloaded once, resumed where cut off, checked by SHA-256."""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from ecgsk._progress import progress_bar
from ecgsk.exceptions import DownloadError, ECGError

SUMS = "SHA256SUMS.txt"
_SUMS_LINE = re.compile(r"([0-9a-fA-F]{64})\s+\*?(.+)")
_CHUNK = 1 << 16  # bytes; what a dropped connection loses at most
_HASHED_AT_ONCE = 1 << 22
_TIMEOUT = (10, 60)  # seconds to connect; seconds without a byte
_FRUITLESS = 3  # attempts in a row that bring no byte
_PAUSE = 1.0  # seconds after the first of them, and twice that after the second
# A server that is busy says so, and for how long; lost connections are ours to mend.
_RETRY = Retry(
    total=4,
    connect=0,
    read=0,
    backoff_factor=1,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
)


class Transfer:
    """Brings files of one server into one folder.

    Parameters
    ----------
    base_url : str
        Where the paths of the files begin.
    folder : Path
        Where they are put, under the same paths.
    download_if_missing : bool
        Whether to use the network at all.
    n_connections : int
        Files at a time.
    verify : bool
        Hash files that are already there; otherwise their presence is enough,
        for a file gets its name only once its sum was right.
    progress : bool
        Show a progress bar on a terminal.
    name : str
        Who asks: errors start with it.
    """

    def __init__(
        self,
        base_url: str,
        folder: Path,
        *,
        download_if_missing: bool,
        n_connections: int,
        verify: bool,
        progress: bool,
        name: str,
    ):
        if n_connections < 1:
            raise ECGError(f"{name}: expected n_connections of 1 or more, got {n_connections!r}.")
        self.base_url = base_url.rstrip("/")
        self.folder = folder
        self.download_if_missing = download_if_missing
        self.n_connections = n_connections
        self.verify = verify
        self.progress = progress
        self.name = name

    def fetch(self, sums: Mapping[str, str | None]) -> None:
        """Bring what is missing.

        Parameters
        ----------
        sums : mapping of str to str or None
            SHA-256 sum per path; None where it is not known.

        Raises
        ------
        DownloadError
            When a file cannot be had, or is not the one listed. Those that were
            finished stay, and the rest is resumed by the next call.
        """
        missing = [path for path, stated in sums.items() if not self._have(path, stated)]
        if not missing:
            return
        if not self.download_if_missing:
            raise DownloadError(
                f"{self.name}: expected {len(sums)} files in {self.folder}, {len(missing)} are "
                f"absent, such as {missing[0]}. Pass download_if_missing=True, or data_home= with "
                "the folder that has them."
            )
        bar = progress_bar(total=len(missing), desc="files", unit=" files", show=self.progress)
        stop = threading.Event()
        with ExitStack() as stack:
            stack.enter_context(bar)
            sessions: SimpleQueue[requests.Session] = SimpleQueue()
            for _ in range(min(self.n_connections, len(missing))):
                sessions.put(stack.enter_context(_session()))
            pool = stack.enter_context(ThreadPoolExecutor(self.n_connections))
            # Whatever ends the loop early ends the threads too, before the pool waits for them.
            stack.callback(pool.shutdown, cancel_futures=True)
            stack.callback(stop.set)
            waiting = [
                pool.submit(self._bring, path, sums[path], sessions, stop) for path in missing
            ]
            for done in as_completed(waiting):
                done.result()
                bar.update()

    def _have(self, path: str, stated: str | None) -> bool:
        file = self.folder / path
        return file.is_file() and not (self.verify and stated and sha256(file) != stated)

    def _bring(
        self,
        path: str,
        stated: str | None,
        sessions: "SimpleQueue[requests.Session]",
        stop: threading.Event,
    ) -> None:
        file = self.folder / path
        part = file.with_name(file.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        if stated is None:  # nothing could tell a part of an older version
            part.unlink(missing_ok=True)
        url = f"{self.base_url}/{quote(path)}"
        session = sessions.get()
        try:
            resumed = self._download(session, url, part, stop)
            found = sha256(part)
            if resumed and stated and found != stated:
                # What lay there may have been part of another file.
                part.unlink()
                self._download(session, url, part, stop)
                found = sha256(part)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise DownloadError(
                f"{self.name}: {url} could not be downloaded ({type(error).__name__}: {error}). "
                "Call again to go on from there, or pass base_url= with a mirror."
            ) from error
        finally:
            sessions.put(session)
        if stated and found != stated:
            part.unlink()
            raise DownloadError(
                f"{self.name}: {url} should have the SHA-256 sum {stated} and has {found}; what "
                "came was deleted. Call again; if it stays so, the server's file was changed or "
                "damaged: use another mirror with base_url=, or tell who keeps it."
            )
        os.replace(part, file)

    def _download(
        self, session: requests.Session, url: str, part: Path, stop: threading.Event
    ) -> bool:
        """Fill the part file; whether some of it was there before."""
        before = size = _size(part)
        fruitless = 0
        while True:
            try:
                _continue(session, url, part, stop)
                return before > 0
            except (requests.ConnectionError, requests.Timeout, HTTPError):
                fruitless = 0 if _size(part) > size else fruitless + 1
                size = _size(part)
                if fruitless == _FRUITLESS or stop.wait(fruitless * _PAUSE):
                    raise


def _continue(session: requests.Session, url: str, part: Path, stop: threading.Event) -> None:
    """Ask for what the part file lacks; from the start where the server knows no ranges."""
    have = _size(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            # As long as the whole file already, or longer: its sum tells.
            return
        response.raise_for_status()
        at_end = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        resumed = response.status_code == requests.codes.partial_content and at_end
        if response.status_code == requests.codes.partial_content and not resumed:
            part.unlink()
            raise requests.ConnectionError(f"expected bytes from {have}, got other ones")
        with part.open("ab" if resumed else "wb") as file:
            expected = file.tell() + int(response.headers.get("Content-Length", 0))
            # Undecoded: some servers call a .csv.gz a .csv that they packed for the way.
            for chunk in response.raw.stream(_CHUNK, decode_content=False):
                file.write(chunk)
                if stop.is_set():
                    raise requests.ConnectionError("stopped")
        if _size(part) < expected:
            raise requests.ConnectionError(f"expected {expected} bytes, got {_size(part)}")


def _session() -> requests.Session:
    session = requests.Session()
    # A sum is one of the file as it is, not as packed for the way.
    session.headers["Accept-Encoding"] = "identity"
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
    return session


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def sha256(path: Path) -> str:
    """SHA-256 sum of a file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()


def read_sums(path: Path, *, name: str) -> dict[str, str]:
    """SHA-256 sum per path, from a file in the layout of ``sha256sum``.

    Raises
    ------
    DownloadError
        When a line is something else, or a path leads out of its folder.
    """
    return check_sums(_parse(path, name), name=name)


def _parse(path: Path, name: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        found = _SUMS_LINE.fullmatch(line.strip())
        if not found:
            raise DownloadError(
                f"{name}: expected lines of a SHA-256 sum and a path in {path}, line {number} is "
                f"{line[:80]!r}. Delete the file, so that it is downloaded again."
            )
        yield found[2], found[1]


def check_sums(sums: Mapping[str, str] | Iterator[tuple[str, str]], *, name: str) -> dict[str, str]:
    """Give sums in lower case by path, after making sure that no path leads out of its folder."""
    checked = {}
    for path, stated in dict(sums).items():
        # A list of files from elsewhere must not say where else on this machine to write.
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or "\\" in path or ":" in path:
            raise DownloadError(
                f"{name}: expected paths within the database, got {path!r}. Use another mirror."
            )
        checked[parts.as_posix()] = stated.lower()
    return checked


def select(
    sums: Mapping[str, str], wanted: Callable[[str], object], *, source: str, name: str
) -> dict[str, str]:
    """Give the files wanted alone.

    Raises
    ------
    DownloadError
        When there are none.
    """
    selected = {path: stated for path, stated in sums.items() if wanted(path)}
    if not selected:
        raise DownloadError(
            f"{name}: {source} lists {len(sums)} files, and none of those wanted. "
            "Is it this database's, and of this version?"
        )
    return selected
