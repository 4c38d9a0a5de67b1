"""Write and read cohorts as folders of plain files."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._stored_columns import from_storable, to_storable
from ecgsk.exceptions import ECGError, RecordReadError
from ecgsk.io import read_ecg_folder, write_ecg_folder
from ecgsk.io.ecg_folder import DEFAULT_GAIN
from ecgsk.signals import ECGDtype

_SEPARATOR = "/"


def write_cohort(
    cohort: Cohort,
    folder: str | Path,
    *,
    gain: float = DEFAULT_GAIN,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    """Write a cohort as ``ecg.npy``, ``records.parquet`` and ``ecg.json``.

    .. versionadded:: 0.1

    Parameters
    ----------
    cohort : Cohort
        ``X`` must have an ECG column.
    folder : path-like
        Created if absent.
    gain : float, default=1000
        int16 units per millivolt: samples are rounded to 1 / `gain` mV.
    overwrite : bool, default=False
        Replace a cohort in the folder.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ECGError
        When the folder holds a cohort and `overwrite` is False, the cohort's samples
        are read from this folder, or a column cannot be stored, such as one of mixed
        text and numbers. Nothing is written then.

    Notes
    -----
    ``records.parquet`` has the columns of ``X`` and, with a prefix, those of the other
    tables, such as ``Y/I48`` and ``labs/potassium``; ``ecg.json`` lists them by
    role, and ``label_titles``. Further entries are written if they are tables or series
    with the index of ``X``; others are left out.

    Examples
    --------
    >>> import tempfile
    >>> from ecgsk.datasets import make_clinical_ecg, read_cohort, write_cohort
    >>> cohort = make_clinical_ecg(5, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_cohort(cohort, folder)
    ...     names = sorted(file.name for file in path.iterdir())
    ...     again = read_cohort(folder, verify=True)
    >>> names
    ['ecg.json', 'ecg.npy', 'records.parquet']
    >>> again.X["age"].equals(cohort.X["age"])
    True
    """
    frame, roles = _as_one_table(cohort)
    ecg = frame.columns[[isinstance(dtype, ECGDtype) for dtype in frame.dtypes]]
    stored, facts = to_storable(frame.drop(columns=ecg))
    _check_index(frame.index)
    stored = stored.assign(**{name: frame[name] for name in ecg})[frame.columns]
    extra = {
        "roles": roles,
        "columns": facts,
        "reference_ranges": _ranges_as_json(cohort.reference_ranges),
        "DESCR": str(cohort.DESCR),
        "population": str(cohort.get("population", "")),
    }
    if titles := {str(label): str(title) for label, title in _titles(cohort).items() if title}:
        extra["label_titles"] = titles
    return write_ecg_folder(
        stored, folder, gain=gain, overwrite=overwrite, extra=extra, progress=progress
    )


def _titles(cohort: Cohort) -> dict[Any, Any]:
    return dict(cohort.get("label_titles", {}))


def _as_one_table(cohort: Cohort) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return all tables with the cohort's index side by side, and their names and roles."""
    parts = [cohort.X]
    roles: dict[str, dict[str, Any]] = {"X": {"kind": "table", "columns": list(cohort.X.columns)}}
    for role, value in cohort.items():
        if role == "X" or not isinstance(value, pd.DataFrame | pd.Series):
            continue
        if role == "reference_ranges" or not value.index.equals(cohort.X.index):
            continue
        kind = "series" if isinstance(value, pd.Series) else "table"
        name = value.name if isinstance(value, pd.Series) else None
        table = pd.DataFrame({role: value}) if isinstance(value, pd.Series) else value
        roles[role] = {"kind": kind, "name": name, "columns": list(table.columns)}
        parts.append(table.add_prefix(f"{role}{_SEPARATOR}"))
    frame: pd.DataFrame = pd.concat(parts, axis=1)
    if repeated := frame.columns[frame.columns.duplicated()].tolist():
        raise ECGError(
            f"write_cohort: the column {repeated[0]!r} occurs twice. Rename one of them."
        )
    for role, stated in roles.items():
        for name in (*stated["columns"], stated.get("name")):
            if not (isinstance(name, str | int) or name is None):
                raise ECGError(
                    f"write_cohort: expected text or whole numbers as names in {role}, got "
                    f"{name!r}. Use {role}.rename(columns=str)."
                )
    return frame, roles


def _check_index(index: pd.Index) -> None:
    """Raise where Parquet cannot store the index of the records."""
    for level in range(index.nlevels):
        to_storable(pd.DataFrame({"index": index.get_level_values(level).array}))


def _ranges_as_json(ranges: pd.DataFrame) -> dict[str, Any]:
    columns = {
        name: [None if pd.isna(value) else value for value in column.tolist()]
        for name, column in ranges.items()
    }
    if odd := [value for column in columns.values() for value in column if _is_odd(value)]:
        raise ECGError(
            f"write_cohort: expected finite numbers and text in reference_ranges, got {odd[0]!r}. "
            "Use NaN for a bound that does not exist."
        )
    return {"laboratories": ranges.index.tolist(), "columns": columns}


def _is_odd(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    return not (value is None or isinstance(value, str | int))


def read_cohort(folder: str | Path, *, verify: bool = False) -> Cohort:
    """Read a cohort that `write_cohort` wrote, with memory-mapped samples.

    .. versionadded:: 0.1

    Parameters
    ----------
    folder : path-like
        Folder of ``ecg.json``.
    verify : bool, default=False
        Check the SHA-256 sums of the files; by default only their sizes.

    Returns
    -------
    Cohort

    Raises
    ------
    RecordReadError
        When a file is absent, changed or of another version, or the folder was
        not written from a cohort.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from ecgsk.datasets import make_clinical_ecg, read_cohort, write_cohort
    >>> cohort = make_clinical_ecg(n_subjects=3, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     read_cohort(write_cohort(cohort, folder, progress=False)).shape == cohort.shape
    True
    """
    frame, extra = read_ecg_folder(folder, verify=verify)
    if not {"roles", "reference_ranges", "columns", "population", "DESCR"} <= extra.keys():
        raise RecordReadError(
            f"read_cohort: {folder} holds a table without labels. "
            "Read it with ecgsk.io.read_ecg_folder."
        )
    try:
        entries = _entries(from_storable(frame, extra["columns"]), extra)
    # A manifest that another program wrote may lack any key, or name columns that are not there.
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise RecordReadError(
            f"read_cohort: ecg.json and records.parquet in {folder} do not fit together "
            f"({type(error).__name__}: {error}). Write the cohort again."
        ) from error
    return Cohort(**entries, DESCR=extra["DESCR"], population=extra["population"])


def _entries(frame: pd.DataFrame, extra: dict[str, Any]) -> dict[str, Any]:
    """Take the tables of a cohort out of the one table that is stored."""
    entries: dict[str, Any] = {}
    for role, stated in extra["roles"].items():
        prefix = "" if role == "X" else f"{role}{_SEPARATOR}"
        table = frame[[f"{prefix}{column}" for column in stated["columns"]]]
        table = table.set_axis(stated["columns"], axis="columns")
        if stated["kind"] == "series":
            entries[role] = table.iloc[:, 0].rename(stated["name"])
        else:
            entries[role] = table
    if titles := extra.get("label_titles"):
        labels = entries["Y"].columns
        titled = [titles.get(str(label), "") for label in labels]
        entries["label_titles"] = pd.Series(titled, index=labels, name="title", dtype="str")
    ranges = extra["reference_ranges"]
    laboratories = pd.Index(ranges["laboratories"], dtype=entries["labs"].columns.dtype)
    entries["reference_ranges"] = pd.DataFrame(ranges["columns"], index=laboratories).astype(
        {"low": "float64", "high": "float64"}
    )
    return entries
