"""States of WFDB records, by which a changed record is noticed."""

import hashlib
import os
from collections.abc import Sequence

from ecgsk._stored_files import size_and_time
from ecgsk.io._wfdb_header import read_header_bytes
from ecgsk.io._wfdb_text import parse_header


def source_stamp(path: str) -> str:
    """Return a digest of a header's bytes, and of size and time of change of its signal files.

    It takes about 50 us a record: a minute for 800,000.
    """
    try:
        raw = read_header_bytes(path)
    except (OSError, ValueError):
        raw = b""
    digest = hashlib.blake2b(raw, digest_size=8)
    for name in _signal_files(raw):
        size, time = size_and_time(os.path.join(os.path.dirname(path), name))
        digest.update(f"\n{name} {size} {time}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _signal_files(raw: bytes) -> Sequence[str]:
    """Return the files that a header names, each once; none where it cannot be understood."""
    try:
        return list(dict.fromkeys(signal.file for signal in parse_header(raw).signals))
    except Exception:  # what such a header names is not read either
        return []
