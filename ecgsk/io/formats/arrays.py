"""CSV, NumPy and MATLAB files: what they do not state, the user declares."""

import os
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from ecgsk.exceptions import LeadMismatchError, RecordReadError
from ecgsk.io.formats.recording import Channel, Declared, Recording, from_arrays

#: Largest array or table, bytes: as it is in memory, after decompression.
MAX_BYTES = 2**32
_SEPARATORS = ",;\t"
#: Entries of `.npz` and `.mat` files.
_SIGNAL, _RATE, _UNIT, _LEADS = "signal", "sampling_rate", "unit", "leads"


def open_csv(path: str, declared: Declared) -> Recording:
    """Read a table with one row per sample and one column per lead.

    A first row that holds text names the columns.
    """
    _check_size(os.path.getsize(path), path)
    with open(path, encoding="utf-8-sig") as file:
        line = next((line for line in file if line.strip()), "")
    separator = max(_SEPARATORS, key=line.count)
    cells = [cell.strip().strip("\"'") for cell in line.rstrip("\r\n").split(separator)]
    named = not all(map(_is_number, cells))
    frame = pd.read_csv(
        path,
        sep=separator,
        header=0 if named else None,
        decimal="," if separator != "," and _has_decimal_commas(path, separator) else ".",
        encoding="utf-8-sig",
        skipinitialspace=True,
    )
    # Lines that end with a separator have one more, empty field.
    frame = frame.loc[:, frame.notna().any() | frame.columns.isin(cells if named else [])]
    kinds = frame.dtypes.map(lambda kind: kind.kind in "iufb")
    if not len(frame) or not (kinds if not named else kinds.any()).all():
        raise RecordReadError(
            f"record {path}: expected a table of numbers, one row per sample and one column per "
            f"lead, got {len(frame)} rows with the columns {', '.join(map(str, frame.columns))}."
        )
    columns = [frame[name].to_numpy(np.float64) for name in frame.columns[kinds.to_numpy()]]
    names = tuple(map(str, frame.columns[kinds.to_numpy()])) if named else None
    return _recording("CSV", columns, names, declared, path)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ".") or "nan")
    except ValueError:
        return False
    return True


def _has_decimal_commas(path: str, separator: str) -> bool:
    """Return whether the second line of a table has numbers such as 0,5."""
    with open(path, encoding="utf-8-sig") as file:
        lines = [line for _, line in zip(range(2), file, strict=False)]
    return any("," in cell for cell in lines[-1].split(separator))


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


def _check_size(n_bytes: int, path: str) -> None:
    if n_bytes > MAX_BYTES:
        raise RecordReadError(
            f"record {path}: expected at most {MAX_BYTES:,} bytes of samples, got {n_bytes:,}. "
            "Cut it into parts, or write it as EDF or WFDB."
        )
