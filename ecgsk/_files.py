"""Replace files and folders atomically: a kill leaves the old or the new one whole.

The new one is written beside the old one under a hidden name (``.new-model``) and renamed
into place. A folder cannot be renamed over another: the old one is first moved aside
(``.old-model``), and `find_folder` brings it back after a kill between the two renames.
A lock (``.lock-model``) admits one writer. Files that it finds under a hidden name are left
from a killed writer, and are removed. The system releases the locks of killed writers.
"""

import errno
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path

from filelock import FileLock, Timeout

from ecgsk.exceptions import ECGError

# Writing a model or a checkpoint takes less time; after it, an error names the writer.
_SECONDS_TO_WAIT = 20.0

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
# Windows refuses to replace a file that is open or mapped into memory, with EACCES too.
_OPEN_FILES_STAY = sys.platform == "win32"


@contextmanager
def replace_file(path: str | PathLike) -> Iterator[Path]:
    """Yield a temporary path with the same suffix; rename it to `path` at the end.

    On an error the temporary file is removed and `path` is unchanged. A symlink stays, and
    the file it points to is replaced. Parents are created.

    Raises
    ------
    ECGError
        If the disk is full, the folder is read-only, another process has been writing
        `path` for longer than 20 s, or `path` is not a regular file.
    """
    path = _resolve(path)
    if os.path.exists(path) and not path.is_file():
        raise ECGError(f"Expected a regular file to write, got {path}. Choose another path.")
    with sole_writer(path), _explained(path):
        new = _hidden(path, "new")
        _remove(new)
        try:
            yield new
            sync(new)
            _keep_permissions(path, new)
            os.replace(new, path)
            sync(path.parent)
        finally:
            _remove(new)


@contextmanager
def replace_folder(path: str | PathLike, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty temporary folder; rename it to `path` at the end.

    With `overwrite`, everything in the old folder is deleted: callers check first that
    it holds nothing else. On an error the temporary folder is removed and `path` is
    unchanged. A symlink stays, and the folder it points to is replaced. Parents are created.

    Raises
    ------
    ECGError
        If `path` exists, is not empty and `overwrite` is False; if it is a file or holds
        the current folder; or as in `replace_file`.
    """
    path = _resolve(path)
    new, old = _hidden(path, "new"), _hidden(path, "old")
    with sole_writer(path), _explained(path):
        _bring_back(path, old)
        _check_folder(path, overwrite)
        _remove(new)
        new.mkdir()
        try:
            yield new
            _sync_tree(new)
            _keep_permissions(path, new)
            _swap(new, path, old)
            sync(path.parent)
        finally:
            _remove(new)
        _remove(old)


def find_folder(path: str | PathLike) -> Path:
    """Return the folder to read in place of `path`, symlinks resolved.

    Where a writer was killed between its two renames, the old folder is renamed to `path`
    again. Without permission to do so, its hidden path is returned. A folder that was
    never there is returned as it is.
    """
    path = Path(os.path.realpath(path))
    # Unlike Path.exists, False instead of an error in a folder that may not be entered.
    if os.path.exists(path) or not os.path.exists(old := _hidden(path, "old")):
        return path
    try:
        with sole_writer(path):  # wait for a writer that is alive
            _bring_back(path, old)
    except ECGError:
        return path if os.path.exists(path) else old
    return path


@contextmanager
def sole_writer(path: str | PathLike, seconds: float | None = None) -> Iterator[None]:
    """Hold the lock of `path` against other threads, processes and machines.

    `seconds` is the time to wait for another writer (default 20). Parents are created.

    Raises
    ------
    ECGError
        If another writer holds the lock, or the folder is read-only.
    """
    path = _resolve(path)
    lock = FileLock(_hidden(path, "lock"), timeout=_SECONDS_TO_WAIT if seconds is None else seconds)
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            raise ECGError(
                f"Another process or thread is writing {path}{_signature(lock.lock_file)}. "
                "Wait until it has finished, or choose another path."
            ) from error
    try:
        _sign(lock.lock_file)
        yield
    finally:
        # While the lock is held: a waiter then finds its file without a name and tries again.
        with suppress(OSError):
            os.unlink(lock.lock_file)
        lock.release()


def check_writable(folder: str | PathLike, *, name: str) -> None:
    """Raise ECGError unless files can be written into a folder, absent or not.

    For before hours of work; `name` is the writer. Parents are created.
    """
    with sole_writer(folder, seconds=0):
        if os.path.exists(folder) and not os.access(folder, os.W_OK):
            raise ECGError(f"{name}: no permission to write into {folder}. Choose another.")


def _sign(lock: str) -> None:
    """Write process and machine of the holder into a lock file."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    with suppress(OSError):  # Windows forbids writing into a held lock file
        Path(lock).write_text(f"process {os.getpid()} on {platform.node()} since {since}", "utf-8")


def _signature(lock: str) -> str:
    for _ in range(20):  # a new holder writes its name within milliseconds
        with suppress(OSError, ValueError):
            if text := Path(lock).read_text("utf-8"):
                return f" ({text[:200]})"
        time.sleep(0.01)
    return ""


def _resolve(path: str | PathLike) -> Path:
    try:
        resolved = Path(path).resolve()
    except (OSError, RuntimeError) as error:  # symlinks in a circle
        raise ECGError(f"Cannot follow {path}: {error}. Choose another path.") from error
    if not resolved.name:
        raise ECGError(f"{resolved} cannot be replaced. Choose another path.")
    return resolved


def _hidden(path: Path, role: str) -> Path:
    # The name stays at the end: writers choose formats by the suffix.
    return path.with_name(f".{role}-{path.name}")


def _check_folder(path: Path, overwrite: bool) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise ECGError(f"Expected a folder to write, got the file {path}. Choose another path.")
    with suppress(OSError):  # the current folder may be gone
        if Path.cwd().is_relative_to(path):
            raise ECGError(
                f"{path} is the current folder or holds it, and cannot be replaced. "
                "Change to another folder, or choose another path."
            )
    if not overwrite and any(path.iterdir()):
        raise ECGError(f"{path} exists. Choose another path, or pass overwrite=True.")


def _swap(new: Path, path: Path, old: Path) -> None:
    try:
        if path.exists():
            os.rename(path, old)
        os.rename(new, path)
    except BaseException:
        _bring_back(path, old)
        raise


def _bring_back(path: Path, old: Path) -> None:
    """Undo or complete the swap of a writer that was killed."""
    if path.exists():
        _remove(old)
    elif old.exists():
        os.rename(old, path)


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _keep_permissions(old: Path, new: Path) -> None:
    with suppress(OSError):  # the old one is absent, or another user's
        shutil.copymode(old, new)


def _sync_tree(folder: Path) -> None:
    for parent, _, names in os.walk(folder):
        for name in names:
            sync(Path(parent, name))
        sync(Path(parent))


def sync(path: Path) -> None:
    """Wait until a file or the names in a folder are on disk."""
    if path.is_dir():
        # Windows opens no folders, and some network folders cannot be synchronised.
        with suppress(OSError):
            _sync_descriptor(path, os.O_RDONLY)
    else:
        _sync_descriptor(path, os.O_RDWR)


def _sync_descriptor(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise the system's errors about `path` as ours; leave those about other files."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ECGError) or not _is_about(error, path):
            raise
        if error.errno in _FULL:
            mend = "Free some space, or choose a folder on another disk."
        elif error.errno in _FORBIDDEN:
            mend = "Choose a folder that you may write to."
            if _OPEN_FILES_STAY:
                mend = f"Close what reads it, such as an ECG column of this folder. {mend}"
        else:
            mend = "Choose another path."
        raise ECGError(
            f"Cannot write {path} ({error}). What was there is unchanged. {mend}"
        ) from error


def _is_about(error: OSError, path: Path) -> bool:
    if error.filename is None:  # of an open file: being full or broken concerns the one written
        return error.errno in _FULL | {errno.EIO, errno.EROFS}
    if not isinstance(error.filename, str | PathLike):
        return False
    named = Path(error.filename)
    hidden = (path, *(_hidden(path, role) for role in ("new", "old", "lock")))
    return path.is_relative_to(named) or any(named.is_relative_to(place) for place in hidden)
