"""Download files of a database, resume interrupted downloads and check SHA-256 sums."""

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
from ecgsk._stored_files import sha256_of
from ecgsk.exceptions import DownloadError, ECGError

SUMS = "SHA256SUMS.txt"
_SUMS_LINE = re.compile(r"([0-9a-fA-F]{64})\s+\*?(.+)")
_CHUNK_BYTES = 1 << 16  # the most that a dropped connection loses
_TIMEOUT = (10, 60)  # seconds to connect; seconds without a byte
_MAX_FAILURES = 3  # attempts in a row without a new byte
_PAUSE_SECONDS = 1.0  # after the first failure, and twice that after the second
# urllib3 retries busy servers; Transfer resumes dropped connections.
_RETRY = Retry(
    total=4,
    connect=0,
    read=0,
    backoff_factor=1,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,
)


class Transfer:
    """Download files of one server into one folder, under the same relative paths.

    Files that exist are trusted unless `verify` is True, because a file is renamed from
    ``.part`` only after its sum was checked. Errors start with `name`.
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
        """Download the missing files; `sums` has the SHA-256 sum per path, None where unknown.

        After a DownloadError finished files are kept, and the next call resumes the rest.
        """
        missing = [path for path, stated in sums.items() if not self._have(path, stated)]
        if not missing:
            return
        if not self.download_if_missing:
            raise DownloadError(
                f"{self.name}: expected {len(sums)} files in {self.folder}, {len(missing)} are "
                f"absent, such as {missing[0]}. Pass download_if_missing=True, or data_home= with "
                "the folder that contains them."
            )
        bar = progress_bar(total=len(missing), desc="files", unit=" files", show=self.progress)
        stop = threading.Event()
        with ExitStack() as stack:
            stack.enter_context(bar)
            sessions: SimpleQueue[requests.Session] = SimpleQueue()
            for _ in range(min(self.n_connections, len(missing))):
                sessions.put(stack.enter_context(_session()))
            pool = stack.enter_context(ThreadPoolExecutor(self.n_connections))
            # On an error, stop the threads before the pool waits for them.
            stack.callback(pool.shutdown, cancel_futures=True)
            stack.callback(stop.set)
            waiting = [
                pool.submit(self._download_checked, path, sums[path], sessions, stop)
                for path in missing
            ]
            for done in as_completed(waiting):
                done.result()
                bar.update()

    def _have(self, path: str, stated: str | None) -> bool:
        file = self.folder / path
        return file.is_file() and not (self.verify and stated and sha256_of(file) != stated)

    def _download_checked(
        self,
        path: str,
        stated: str | None,
        sessions: "SimpleQueue[requests.Session]",
        stop: threading.Event,
    ) -> None:
        file = self.folder / path
        part = file.with_name(file.name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True)
        if stated is None:  # a part of an older version cannot be detected
            part.unlink(missing_ok=True)
        url = f"{self.base_url}/{quote(path)}"
        session = sessions.get()
        try:
            resumed = self._download(session, url, part, stop)
            found = sha256_of(part)
            if resumed and stated and found != stated:
                # The existing part may belong to another file.
                part.unlink()
                self._download(session, url, part, stop)
                found = sha256_of(part)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise DownloadError(
                f"{self.name}: {url} could not be downloaded ({type(error).__name__}: {error}). "
                "Call again to resume, or pass base_url= with a mirror."
            ) from error
        finally:
            sessions.put(session)
        if stated and found != stated:
            part.unlink()
            raise DownloadError(
                f"{self.name}: {url} should have the SHA-256 sum {stated}, got {found}; the "
                "file was deleted. Call again; if that fails, the server's file is damaged: use "
                "another mirror with base_url=, or report it to the server's maintainer."
            )
        os.replace(part, file)

    def _download(
        self, session: requests.Session, url: str, part: Path, stop: threading.Event
    ) -> bool:
        """Complete the part file; return whether it existed before."""
        before = size = _size(part)
        failures = 0
        while True:
            try:
                _resume(session, url, part, stop)
                return before > 0
            except (requests.ConnectionError, requests.Timeout, HTTPError):
                failures = 0 if _size(part) > size else failures + 1
                size = _size(part)
                if failures == _MAX_FAILURES or stop.wait(failures * _PAUSE_SECONDS):
                    raise


def _resume(session: requests.Session, url: str, part: Path, stop: threading.Event) -> None:
    """Request the rest of the part file, or the whole file from a server without ranges."""
    have = _size(part)
    headers = {"Range": f"bytes={have}-"} if have else {}
    with session.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            # Already as long as the whole file, or longer: the caller checks the sum.
            return
        response.raise_for_status()
        at_end = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        resumed = response.status_code == requests.codes.partial_content and at_end
        if response.status_code == requests.codes.partial_content and not resumed:
            part.unlink()
            raise requests.ConnectionError(f"expected bytes from {have}, got others")
        with part.open("ab" if resumed else "wb") as file:
            expected = file.tell() + int(response.headers.get("Content-Length", 0))
            # Undecoded: some servers send a .csv.gz as a .csv with gzip as content encoding.
            for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=False):
                file.write(chunk)
                if stop.is_set():
                    raise requests.ConnectionError("stopped")
        if _size(part) < expected:
            raise requests.ConnectionError(f"expected {expected} bytes, got {_size(part)}")


def _session() -> requests.Session:
    session = requests.Session()
    # Sums are of files without content encoding.
    session.headers["Accept-Encoding"] = "identity"
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
    return session


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def read_sums(path: Path, *, name: str) -> dict[str, str]:
    """Read SHA-256 sums per path from a file in the layout of ``sha256sum``."""
    return check_sums(_parse_sums(path, name), name=name)


def _parse_sums(path: Path, name: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        found = _SUMS_LINE.fullmatch(line.strip())
        if not found:
            raise DownloadError(
                f"{name}: expected lines of a SHA-256 sum and a path in {path}, line {number} is "
                f"{line[:80]!r}. Delete the file to download it again."
            )
        yield found[2], found[1]


def check_sums(sums: Mapping[str, str] | Iterator[tuple[str, str]], *, name: str) -> dict[str, str]:
    """Return sums in lower case by path; raise if a path leads out of its folder."""
    checked = {}
    for path, stated in dict(sums).items():
        # A downloaded list must not write outside its folder.
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
    """Select the sums of the wanted files; raise a DownloadError where there are none."""
    selected = {path: stated for path, stated in sums.items() if wanted(path)}
    if not selected:
        raise DownloadError(
            f"{name}: {source} lists {len(sums)} files, but none of the expected ones. "
            "Is it the list of this database and version?"
        )
    return selected
