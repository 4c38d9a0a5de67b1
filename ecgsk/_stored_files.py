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
MAX_JSON_BYTES = 2**28


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


def seal(content: dict[str, Any], *, indent: int | None = None) -> str:
    """Return ASCII JSON that holds the checksum of its content."""
    content = json.loads(json.dumps(content, allow_nan=False))  # as it will be read: keys are text
    return _render({**content, _CHECKSUM: checksum(content)}, indent)


def checksum(content: dict[str, Any]) -> str:
    """Return the SHA-256 of canonical JSON: sorted keys, no blanks, ASCII."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def unseal(text: bytes, *, kind: tuple[str, int] | None = None) -> dict[str, Any]:
    """Parse JSON that `seal` made; raise ValueError where any digit or letter has changed.

    `kind` is the format and version that it must state. Raises OtherKindError where it is
    intact, or never had a checksum, and states another.
    """
    try:
        content = json.loads(text.decode("utf-8"))
        is_object = isinstance(content, dict)
        # 1e-05 and 1E-05 are one number; a change of letters is refused all the same.
        same = _without_blanks(text) == _without_blanks(_render(content).encode("ascii"))
        stated = content.pop(_CHECKSUM, None) if is_object else None
        same = is_object and same and stated == checksum(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON ({error})") from error
    found = (content.get("format"), content.get("version")) if is_object else ()
    if kind not in (None, found) and (same or stated is None):
        raise OtherKindError(f"expected format and version {kind}, got {found}")
    if not same:
        raise ValueError("it does not match its own checksum: it was changed or damaged")
    return content


class OtherKindError(ValueError):
    """JSON of another format or version."""


def _render(content: Any, indent: int | None = None) -> str:
    return json.dumps(content, indent=indent, allow_nan=False)


def _without_blanks(text: bytes) -> bytes:
    return text.translate(None, b" \n\r\t")  # line ends may change on the way to another system


def read_sealed(path: Path, *, name: str, kind: tuple[str, int], mend: str) -> dict[str, Any]:
    """Read a file of JSON that `seal` made."""
    size = check_regular(path, name=name).st_size
    try:
        if size > MAX_JSON_BYTES:
            raise ValueError(f"it has {size:,} bytes, above the limit of {MAX_JSON_BYTES:,}")
        return unseal(path.read_bytes(), kind=kind)
    except OtherKindError as error:
        raise RecordReadError(
            f"{name}: {path}: {error}. Read it with the ecgsk that wrote it, or write it again."
        ) from error
    except ValueError as error:
        raise DamagedFileError(f"{name}: {path} is damaged: {error}. {mend}") from error
    except OSError as error:
        raise RecordReadError(f"{name}: cannot read {path}: {error.strerror}. {mend}") from error
