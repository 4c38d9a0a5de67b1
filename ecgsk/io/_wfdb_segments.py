"""Segments of WFDB records, which are records of their own in the same folder."""

import os
from collections.abc import Iterable

from ecgsk.exceptions import ECGError
from ecgsk.io._wfdb_header import read_header_bytes
from ecgsk.io._wfdb_text import parse_header


def segments_of_others(folder: str, records: Iterable[str]) -> set[str]:
    """Return the names of records that are segments of another record in the folder.

    Only headers without samples of their name are read: one that names segments has none.
    """
    records = set(records)
    found: set[str] = set()
    if len(records) < 2:
        return found
    for name in records:
        path = os.path.join(folder, name)
        if os.path.exists(f"{path}.dat") or os.path.exists(f"{path}.mat"):
            continue
        try:
            found.update(segment for segment, _ in parse_header(read_header_bytes(path)).segments)
        except (ECGError, OSError, ValueError):
            continue
    return found & records
