"""CSV, NumPy and MATLAB files: what they do not state, the user declares."""

import gzip
import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import LeadMismatchError, RecordReadError
from ecgsk.io.formats.recording import Channel, Declared, Recording, from_arrays, load_library
from ecgsk.signals.leads import try_canonical_lead

#: Largest array and largest table as text, bytes, after decompression.
MAX_BYTES, MAX_CSV_BYTES = 2**32, 2**30
GZIP = b"\x1f\x8b"
_SEPARATORS = "\t;,"  # a comma may be a decimal mark beside another one
_HEAD_CHARACTERS = 1 << 16
_MAX_CELLS = 1024  # of a cell array, which names leads
#: Entries of `.npz` and `.mat` files.
_SIGNAL, _RATE, _UNIT, _LEADS = "signal", "sampling_rate", "unit", "leads"


def open_csv(path: str, declared: Declared) -> Recording:
    """Read a table with one row per sample and one column per lead.

    A first row that holds text names the columns. Numbers may have decimal commas where
    another character separates the columns.
    """
    text = _read_text(path)
    first, _, body = text[:_HEAD_CHARACTERS].lstrip().partition("\n")
    separator = next((mark for mark in _SEPARATORS if mark in first), ",")
    cells = [cell.strip().strip("\"'") for cell in first.split(separator)]
    named = not all(map(_is_number, cells))
    frame = pd.read_csv(
        io.StringIO(text),
        sep=separator,
        header=0 if named else None,
        decimal="," if separator != "," and "," in (body or first) else ".",
        skipinitialspace=True,
    )
    n_named = len(declared.leads or ())
    if not named and frame.shape[1] == n_named + 1 and frame.iloc[:, -1].isna().all():
        frame = frame.iloc[:, :-1]  # its lines end with a separator
    is_number = [kind.kind in "iuf" for kind in frame.dtypes]
    leads = [not named or try_canonical_lead(name) is not None for name in map(str, frame)]
    texts = [
        str(name)
        for name, number, lead in zip(frame, is_number, leads, strict=True)
        if lead and not number
    ]
    if texts or not any(is_number) or not len(frame):
        raise RecordReadError(
            f"record {path}: expected a table of numbers, one row per sample and one column per "
            f"lead, got {len(frame)} rows with text in {', '.join(texts) or 'all columns'}. "
            "Correct it, or leave it out."
        )
    chosen = frame.loc[:, is_number]
    names = tuple(map(str, chosen)) if named else None
    columns = [chosen.iloc[:, place].to_numpy(np.float64) for place in range(chosen.shape[1])]
    return _recording("CSV", columns, names, declared, path)


def _read_text(path: str) -> str:
    """Return the text of a file, which may be compressed by gzip."""
    with open(path, "rb") as file:
        is_gzip = file.read(2) == GZIP
    with gzip.open(path) if is_gzip else open(path, "rb") as stream:
        content = stream.read(MAX_CSV_BYTES + 1)
    _check_size(len(content), path, MAX_CSV_BYTES)
    return content.decode("utf-8-sig")


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ".") or "nan")
    except ValueError:
        return False
    return True


def open_npy(path: str, declared: Declared) -> Recording:
    """Read a 2-D array of leads and samples; no pickle is loaded."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    _check_size(array.nbytes, path)
    return _from_entries("NumPy", {_SIGNAL: array}, declared, path)


def open_npz(path: str, declared: Declared) -> Recording:
    """Read the entries ``signal``, ``sampling_rate``, ``unit`` and ``leads``."""
    with zipfile.ZipFile(path) as archive:
        _check_size(sum(member.file_size for member in archive.infolist()), path)
    with np.load(path, allow_pickle=False) as stored:
        return _from_entries("NumPy", dict(stored), declared, path)


def open_mat(path: str, declared: Declared) -> Recording:
    """Read the same entries of a MATLAB file, of version 4 to 7."""
    from scipy.io import loadmat, whosmat

    itemsize = 16
    _check_size(sum(int(np.prod(shape)) * itemsize for _, shape, _ in whosmat(path)), path)
    stored = loadmat(path, squeeze_me=False, chars_as_strings=True)
    entries = {name: value for name, value in stored.items() if not name.startswith("__")}
    return _from_entries("MATLAB", entries, declared, path)


def open_mat_73(path: str, declared: Declared) -> Recording:
    """Read the same entries of a MATLAB 7.3 file, which is HDF5 with its axes reversed.

    Entries whose samples lie in another file are ignored.
    """
    h5py = load_library("h5py", "hdf5", f"record {path}: a MATLAB 7.3 file")
    with h5py.File(path, "r") as file:
        links = {name: file.get(name, getlink=True) for name in file}
        own = {name: file[name] for name, link in links.items() if type(link) is h5py.HardLink}
        stored = {
            name: entry
            for name, entry in own.items()
            if isinstance(entry, h5py.Dataset) and not (entry.external or entry.is_virtual)
        }
        _check_size(sum(entry.nbytes for entry in stored.values()), path)
        entries = {name: _matlab_value(file, entry) for name, entry in stored.items()}
    return _from_entries("MATLAB 7.3", entries, declared, path)


def _matlab_value(file: Any, entry: Any) -> np.ndarray:
    """Return numbers with the axes of MATLAB, or the texts of characters and of cells."""
    kind = entry.attrs.get("MATLAB_class", b"")
    if kind == b"char":
        return np.array(["".join(map(chr, np.asarray(entry).T.flat))])
    if kind == b"cell":
        cells = np.asarray(entry).T.flat[:_MAX_CELLS]
        return np.array([_matlab_value(file, file[cell]).flat[0] for cell in cells])
    return np.asarray(entry).T


def _from_entries(
    format: str, entries: Mapping[str, np.ndarray], declared: Declared, path: str
) -> Recording:
    """Return the recording in named arrays; a lone 2-D array is the signal."""
    large = [name for name, array in entries.items() if array.ndim == 2 and min(array.shape) > 0]
    name = _SIGNAL if _SIGNAL in entries else large[0] if len(entries) == len(large) == 1 else ""
    array = entries.get(name)
    if array is None or array.ndim not in (1, 2) or array.dtype.kind not in "iuf":
        raise RecordReadError(
            f"record {path}: expected an array 'signal' of numbers, of shape (n_leads, n_samples),"
            f" got {', '.join(f'{n} {a.shape} {a.dtype}' for n, a in entries.items()) or 'none'}."
        )
    names = _texts(entries[_LEADS]) if _LEADS in entries else None
    unit = _texts(entries[_UNIT])[0] if _UNIT in entries else None
    rate = float(np.ravel(entries[_RATE])[0]) if _RATE in entries else None
    rows = _by_lead(np.atleast_2d(array), names or declared.leads, path)
    return _recording(format, list(rows), names, declared, path, unit, rate)


def _texts(entry: np.ndarray) -> tuple[str, ...]:
    """Return texts of an array, also of MATLAB's cells."""
    return tuple(str(np.ravel(text)[0] if np.ndim(text) else text).strip() for text in entry.flat)


def _by_lead(array: np.ndarray, names: Iterable[str] | None, path: str) -> np.ndarray:
    """Return an array with leads first, by the number of their names."""
    if names is None:
        raise _no_names(min(array.shape), path)
    n_leads = len(tuple(names))
    fits = [size == n_leads for size in array.shape]
    if fits == [True, True] or not any(fits):
        raise LeadMismatchError(
            f"record {path}: expected an array of {n_leads} leads, as are named, by samples, got "
            f"shape {array.shape}. Name all of its leads in their order: leads=[...]."
        )
    return array if fits[0] else array.T


def _recording(
    format: str,
    rows: list[np.ndarray],
    names: tuple[str, ...] | None,
    declared: Declared,
    path: str,
    unit: str | None = None,
    rate: float | None = None,
) -> Recording:
    if names is None:
        names = declared.leads
        if names is None:
            raise _no_names(len(rows), path)
    if len(names) != len(rows):
        raise LeadMismatchError(
            f"record {path}: expected {len(names)} leads ({', '.join(names)}), got {len(rows)} "
            "columns. Name all of its leads in their order: leads=[...]."
        )
    channels = tuple(
        Channel(name, unit, rate, len(row)) for name, row in zip(names, rows, strict=True)
    )
    return Recording(format, channels, from_arrays(rows))


def _no_names(n_leads: int, path: str) -> LeadMismatchError:
    return LeadMismatchError(
        f"record {path}: it names none of its {n_leads} leads. Name all in their order: "
        "leads=['I', 'II', ...]."
    )


def _check_size(n_bytes: int, path: str, limit: int | None = None) -> None:
    limit = MAX_BYTES if limit is None else limit
    if n_bytes > limit:
        raise RecordReadError(
            f"record {path}: expected at most {limit:,} bytes of samples, got {n_bytes:,}. "
            "Cut it into parts, or write it as EDF or WFDB."
        )
