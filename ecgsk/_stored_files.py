"""Stored files: regular ones only, the state of files, and JSON under its own checksum."""

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ecgsk.exceptions import DamagedFileError, RecordReadError

_CHECKSUM = "sha256"
_MAX_JSON_BYTES = 2**28


def check_regular(path: str | Path, *, name: str) -> os.stat_result:
    """Return the state of a file; raise unless it is a regular file; `name` is the reader.

    Opening a FIFO or a device can block for ever, so this comes before every open.
    """
    try:
        state = os.stat(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecordReadError(f"{name}: cannot read {path}: {reason}. Check the path.") from error
    if not stat.S_ISREG(state.st_mode):
        raise RecordReadError(
            f"{name}: cannot read {path}: expected a regular file, got "
            f"{'a folder' if stat.S_ISDIR(state.st_mode) else 'a device, pipe or socket'}. "
            "Check the path."
        )
    return state


def size_and_time(path: str | Path) -> tuple[int, int]:
    """Return the size in bytes and the time of the last change in ns; -1 of an absent file."""
    try:
        state = os.stat(path)
    except (OSError, ValueError):  # absent, or a name with a zero byte
        return (-1, -1)
    return (state.st_size, state.st_mtime_ns)


def state_of_files(paths: Iterable[str | Path]) -> int:
    """Return a number that changes with the size or time of change of any file."""
    # Hashes of integers are equal in all processes.
    return hash(tuple(part for path in paths for part in size_and_time(path)))


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 checksum of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with the SHA-256 checksum of its canonical JSON."""
    content = json.loads(json.dumps(content, allow_nan=False))  # as it will be read: keys are text
    return {**content, _CHECKSUM: _checksum(content)}


def unseal(text: bytes) -> dict[str, Any]:
    """Parse JSON that `seal` made; raise ValueError where content and checksum differ."""
    try:
        content = json.loads(text.decode("utf-8"))
        stated = content.pop(_CHECKSUM)
        found = _checksum(content)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no checksum ({type(error).__name__})") from error
    if stated != found:
        raise ValueError("its content does not match its checksum")
    return content


def read_sealed(path: Path, *, name: str, mend: str) -> dict[str, Any]:
    """Read a file of JSON that `seal` made."""
    size = check_regular(path, name=name).st_size
    try:
        if size > _MAX_JSON_BYTES:
            raise ValueError(f"it has {size} bytes, above the limit of {_MAX_JSON_BYTES}")
        return unseal(path.read_bytes())
    except ValueError as error:
        raise DamagedFileError(f"{name}: {path} is damaged: {error}. {mend}") from error
    except OSError as error:
        raise RecordReadError(f"{name}: cannot read {path}: {error.strerror}. {mend}") from error


def _checksum(content: dict[str, Any]) -> str:
    text = json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
