"""Search for recordings in a folder: WFDB records by their headers, other files by content."""

import logging
import os
from pathlib import Path

from ecgsk.exceptions import ECGError, RecordReadError
from ecgsk.io._wfdb_header import shown
from ecgsk.io._wfdb_segments import segments_of_others
from ecgsk.io.formats.detection import DECLARED_FORMATS, find_format

_logger = logging.getLogger("ecgsk")
# A file with such a name that is in no format that is read is listed as broken.
_SUFFIXES = {".dcm", ".edf", ".bdf", ".xml", ".scp"}
# Arrays and tables, which may be anything else than a recording.
_ARRAY_SUFFIXES = {".csv", ".tsv", ".gz", ".npy", ".npz", ".mat"}


def find_records(folder: Path, *, aside: Path | None = None, name: str) -> list[str]:
    """Return the sorted paths of all recordings in a folder but in `aside`.

    WFDB records are without suffix, other files with theirs. A segment of another record is no
    record of its own. Tables and arrays are recordings
    only where the folder holds no other ones. `name` is the function that messages begin with.
    """

    def say_skipped(error: OSError) -> None:
        _logger.warning("%s: skipped %s: %s", name, error.filename, error.strerror)

    records: list[str] = []
    arrays: list[str] = []
    for place, folders, files in os.walk(folder, onerror=say_skipped):
        folders[:] = [inner for inner in folders if Path(place, inner) != aside]
        inside = Path(place).relative_to(folder)
        headers = {file[:-4] for file in files if file.endswith(".hea")}
        parts = segments_of_others(place, headers)
        records += [(inside / stem).as_posix() for stem in headers - parts]
        for file in files:
            kind = _kind(place, file, headers)
            if kind is not None:
                (arrays if kind in DECLARED_FORMATS else records).append((inside / file).as_posix())
    if not (records or arrays):
        raise RecordReadError(
            f"{name}: no recording in {shown(str(folder))}"
            f"{'' if folder.is_dir() else ', which is not a folder'}. Give the folder that holds "
            "WFDB records (.hea), DICOM, EDF, XML or SCP-ECG files, or arrays."
        )
    if records and arrays:
        _logger.info(
            "%s: %d tables and arrays beside the recordings in %s are not read, such as %s.",
            *(name, len(arrays), folder, min(arrays)),
        )
    return sorted(records or arrays)


def _kind(place: str, file: str, headers: set[str]) -> str | None:
    """Return the format of a recording; "" for a damaged one, None for any other file."""
    stem, suffix = os.path.splitext(file)
    suffix = suffix.lower()
    # Samples and annotations of a WFDB record are not opened: there may be a million.
    belongs = stem in headers and suffix not in _SUFFIXES
    if belongs or file.startswith(".") or file.endswith(".hea"):
        return None
    try:
        found = find_format(os.path.join(place, file))
    except (ECGError, OSError):
        found = None
    if found in DECLARED_FORMATS:
        return found if suffix in _ARRAY_SUFFIXES else None
    return "" if found is None and suffix in _SUFFIXES else found
