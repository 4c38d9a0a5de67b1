"""Headers and storages of recordings of any format, WFDB and others alike."""

import os
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from ecgsk.io._wfdb_header import Leads, RecordHeader, read_header, read_names, record_path
from ecgsk.io.file_storage import FileStorage
from ecgsk.io.formats.detection import open_recording
from ecgsk.io.formats.header import FileHeader, read_file_header
from ecgsk.io.formats.recording import Declared
from ecgsk.io.record_storage import RecordStorage
from ecgsk.io.wfdb_storage import WFDBStorage

Header: TypeAlias = RecordHeader | FileHeader


def is_wfdb(path: str) -> bool:
    """Return whether a path is that of a WFDB record: it has a header, or is one."""
    if not os.path.exists(f"{record_path(path)}.hea"):
        return path.endswith(".hea")
    return not os.path.isfile(path) or os.path.splitext(path)[1].lower() in (".hea", ".dat", ".mat")


def open_header(
    path: str, leads: Leads, declared: Declared, *, sampling_rate: float | None = None
) -> Header:
    """Read the header of a WFDB record, by its path without suffix, or of another file.

    With `sampling_rate`, the file may hold leads of different rates.
    """
    if _has_header(path):
        return read_header(path, leads)
    return read_file_header(path, leads, declared, sampling_rate=sampling_rate)


def read_lead_names(path: str, declared: Declared) -> tuple[str, ...]:
    """Return the names of all signals of a record; arguments and errors as of `open_header`."""
    if _has_header(path):
        return read_names(path)
    return tuple(channel.name for channel in open_recording(path, declared).channels)


def _has_header(path: str) -> bool:
    return os.path.exists(f"{path}.hea") or not os.path.exists(path)


def open_storage(
    headers: Sequence[Any], leads: Sequence[str], sampling_rate: float, n_samples: int
) -> RecordStorage:
    """Return the storage of records whose headers are of one kind."""
    if isinstance(headers[0], FileHeader):
        return FileStorage(cast(Sequence[FileHeader], headers), sampling_rate, n_samples)
    return WFDBStorage(headers, leads, sampling_rate, n_samples)
