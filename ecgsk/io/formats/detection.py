"""Format of a file, found by its content."""

import codecs
import os
import re
import struct
import warnings
import zipfile
import zlib
from dataclasses import replace

from ecgsk._stored_files import check_regular
from ecgsk.exceptions import ECGError, RecordReadError
from ecgsk.io.formats import arrays, dicom, edf, hospital
from ecgsk.io.formats.recording import Declared, Recording

_N_CSV_LINES = 6
_HEAD_BYTES = 1 << 16  # comments may come before the root of a document
_ROOTS = {
    "restingecg": "GE MUSE XML",
    "annotatedecg": "HL7 aECG",
    "restingecgdata": "Philips XML",
}
_BEFORE_ROOT = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^<>\[]*(?:\[.*?\]\s*)?>", re.S)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)")
_CSV_CELL = re.compile(r"\s*(?:[+-]?(?:\d+(?:[.,]\d*)?|\.\d+)(?:[eE][+-]?\d+)?|nan|)\s*", re.I)
#: Formats whose files may be any table or array, and name no unit.
_ARRAY_READERS = {
    "CSV": arrays.open_csv,
    "NumPy": arrays.open_npy,
    "NumPy archive": arrays.open_npz,
    "MATLAB": arrays.open_mat,
    "MATLAB 7.3": arrays.open_mat_73,
}
DECLARED_FORMATS = tuple(_ARRAY_READERS)


def find_format(path: str) -> str | None:
    """Return the name of a file's format; None where it is none that is read."""
    check_regular(path, name="read_ecg")
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[128:132] == b"DICM":
        return "DICOM"
    if head.startswith((b"0       ", b"\xffBIOSEMI")):
        return "EDF"
    if _is_scp(head):
        return "SCP-ECG"
    if head.startswith(b"\x93NUMPY"):
        return "NumPy"
    if head.startswith(b"PK\x03\x04") and _holds_arrays(path):
        return "NumPy archive"
    if head.startswith(b"MATLAB 5.0 MAT-file") or _is_matlab_4(head):
        return "MATLAB"
    if head.startswith(b"MATLAB 7.3 MAT-file"):
        return "MATLAB 7.3"
    if head.startswith(arrays.GZIP):
        head = _decompressed(head)
    text = _as_text(head)
    if text.lstrip().startswith("<"):
        return _ROOTS.get(root_name(text).lower())
    return "CSV" if _is_csv(text) else None


def open_recording(path: str, declared: Declared) -> Recording:
    """Open a file in the format that its content shows.

    Whatever a damaged file leads its library to raise is a RecordReadError.
    """
    format = find_format(path)
    if format is None:
        raise unknown_format(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            recording = _open(path, format, declared)
        except (ECGError, MemoryError):
            raise
        except Exception as error:
            reason = _on_one_line(f"{type(error).__name__}: {error}", path)
            raise RecordReadError(
                f"record {path}: it cannot be read as {format} ({reason}). Export it again, or "
                "leave it out."
            ) from error
    # Warnings of the libraries are doubts about the file.
    doubts = [_on_one_line(str(warning.message), path) for warning in caught]
    notes = dict.fromkeys(filter(None, [recording.note, *doubts]))
    return replace(recording, note="; ".join(notes))


def _open(path: str, format: str, declared: Declared) -> Recording:
    if format == "DICOM":
        return dicom.open_dicom(path)
    if format == "EDF":
        return edf.open_edf(path)
    if format in DECLARED_FORMATS:
        return _ARRAY_READERS[format](path, declared)
    return hospital.open_hospital(path, format)


def _on_one_line(message: str, path: str) -> str:
    """Return a library's message without line ends and the folder, which names the user."""
    return " ".join(message.replace(path, os.path.basename(path)).split())


def unknown_format(path: str) -> RecordReadError:
    """Return the error for a file in no format that is read."""
    return RecordReadError(
        f"record {path}: it is in no format that is read{_content(path)}. Expected WFDB, DICOM, "
        "EDF, BDF, GE MUSE XML, HL7 aECG, Philips XML, SCP-ECG, CSV, .npy, .npz or .mat."
    )


def _content(path: str) -> str:
    """Return what an unknown file holds, for its message."""
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return ": it is empty"
    if head.startswith(b"\x89HDF"):
        return ": it is HDF5, and not written by MATLAB"
    text = _as_text(head)
    if text.lstrip().startswith("<"):
        return f": it is XML with the root {root_name(text) or 'element missing'}"
    return ""


def root_name(text: str) -> str:
    """Return the local name of the root element at the beginning of an XML document."""
    place = 0
    while match := _BEFORE_ROOT.match(text, place):
        place = match.end()
    root = _ROOT.match(text, place)
    return root[1] if root else ""


def _as_text(head: bytes) -> str:
    """Decode text in UTF-8, Latin-1 or UTF-16; empty for other content."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head[: len(head) // 2 * 2].decode("utf-16", "ignore")
    if b"\0" in head:
        return ""
    return head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")


def _is_scp(head: bytes) -> bool:
    """Return whether a preamble and the pointers of section 0 come first."""
    if len(head) < 32:
        return False
    (size,), (number, length) = (
        struct.unpack_from("<I", head, 2),
        struct.unpack_from("<HI", head, 8),
    )
    pointer = struct.unpack_from("<HII", head, 22)
    return number == 0 and 26 <= length < size and pointer[0] == 0 and pointer[2] == 7


def _decompressed(head: bytes) -> bytes:
    """Return the beginning of what a gzip file holds, if it may be a table."""
    try:
        content = zlib.decompressobj(wbits=31).decompress(head, _HEAD_BYTES)
    except zlib.error:
        return b"\0"
    return content if _is_csv(_as_text(content)) else b"\0"


def _holds_arrays(path: str) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def _is_matlab_4(head: bytes) -> bool:
    """Return whether the header of a MATLAB 4 matrix comes first: little-endian, real, full."""
    if len(head) < 20:
        return False
    kind, n_rows, n_columns, imaginary, n_name = struct.unpack_from("<5i", head)
    name = head[20 : 20 + max(n_name, 0)]
    return (
        kind in (0, 10, 20, 30, 40, 50)
        and (n_rows > 0 < n_columns and imaginary == 0 and 1 < n_name <= 64)
        and name.endswith(b"\0")
        and name[:-1].isascii()
    )


def _is_csv(text: str) -> bool:
    """Return whether text is lines of equally many cells, with a column of numbers.

    The first line may hold names.
    """
    lines = text.splitlines()[:_N_CSV_LINES]
    if len(text.splitlines()) <= _N_CSV_LINES and not text.endswith("\n"):
        lines = lines[:-1] or lines  # the last line may be cut
    for separator in ",;\t":
        rows = [line.split(separator) for line in lines if line.strip()]
        columns = list(zip(*(rows[1:] or rows), strict=False))
        if len({len(row) for row in rows}) == 1 and any(
            any(map(str.strip, column)) and all(map(_CSV_CELL.fullmatch, column))
            for column in columns
        ):
            return True
    return False
