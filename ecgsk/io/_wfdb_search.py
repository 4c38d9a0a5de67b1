"""Search for WFDB records in a folder."""

import logging
import os
from pathlib import Path

from ecgsk.exceptions import RecordReadError

_logger = logging.getLogger("ecgsk")


def find_records(folder: Path, *, aside: Path | None = None, name: str) -> list[str]:
    """Return the sorted paths, without suffix, of all WFDB headers in a folder but in `aside`.

    `name` is the function that messages begin with.
    """

    def say_skipped(error: OSError) -> None:
        _logger.warning("%s: skipped %s: %s", name, error.filename, error.strerror)

    names = []
    for place, folders, files in os.walk(folder, onerror=say_skipped):
        folders[:] = [inner for inner in folders if Path(place, inner) != aside]
        inside = Path(place).relative_to(folder)
        names += [(inside / file[:-4]).as_posix() for file in files if file.endswith(".hea")]
    if not names:
        raise RecordReadError(
            f"{name}: no .hea file in {folder}"
            f"{'' if folder.is_dir() else ', which is not a folder'}. "
            "Give the folder that holds the WFDB records."
        )
    return sorted(names)
