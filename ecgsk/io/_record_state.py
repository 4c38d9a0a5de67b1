"""States of WFDB records, by which a changed record is noticed."""

import hashlib
import os
from collections.abc import Sequence

from ecgsk._stored_files import check_regular, size_and_time

_MAX_HEADER_BYTES = 2**20


def source_stamp(path: str) -> str:
    """Return a digest of a header's bytes, and of size and time of change of its signal files.

    It takes about 30 us a record: half a minute for 800,000.
    """
    try:
        check_regular(f"{path}.hea", name="ingest_wfdb")
        with open(f"{path}.hea", "rb") as file:
            raw = file.read(_MAX_HEADER_BYTES)
    except (OSError, ValueError):
        raw = b""
    digest = hashlib.blake2b(raw, digest_size=8)
    for name in signal_files(raw):
        size, time = size_and_time(os.path.join(os.path.dirname(path), name))
        digest.update(f"\n{name} {size} {time}".encode("utf-8", "replace"))
    return digest.hexdigest()


def signal_files(raw: bytes) -> Sequence[str]:
    """Return the files that the signal lines of a header name, each once."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = [line.split() for line in text.splitlines() if not line.lstrip().startswith("#")]
    named = [words[0] for words in lines if words][1:]  # the first line names the record
    return [name for name in dict.fromkeys(named) if name != "~"]
