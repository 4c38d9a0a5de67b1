"""Join a folder of recordings to one table by a declared key."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal

import numpy as np
import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._csv_columns import (
    assign_roles,
    fold_numbers,
    frequent_statements,
    hide_missing,
    lab_table,
    label_tables,
    range_table,
    read_any_table,
    tidy,
)
from ecgsk.datasets._join import join_table
from ecgsk.exceptions import ECGError, RecordReadError
from ecgsk.io import read_ecg_folder, read_ecgs, read_wfdb_folder
from ecgsk.io.sources import find_sources
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.columns import find_ecg_column

_NAME = "load_csv"
_MANIFEST = "ecg.json"  # of a store or a cohort folder
# Of recordings, which keys may leave out.
_SUFFIXES = frozenset(
    (".hea", ".dat", ".mat", ".dcm", ".edf", ".bdf", ".xml", ".scp", ".csv", ".npy", ".npz")
)


def load_csv(
    recordings: str | Path,
    table: str | Path,
    *,
    key: str,
    patient: str,
    labels: Sequence[str] = (),
    statements: Sequence[str] = (),
    labs: Sequence[str] = (),
    ranges: str | Path | None = None,
    drop: Sequence[str] = (),
    missing: Mapping[str, object] | None = None,
    fold: str | None = None,
    header_columns: Sequence[str] = (),
    min_count: int = 1,
    leads: Any = None,
    sampling_rate: float | None = None,
    duration: float | None = None,
    unit: str | None = None,
    errors: Literal["list", "raise"] = "list",
    population: str = "",
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    r"""Load a folder of recordings joined to one table, CSV or Parquet, by a declared key.

    Columns of the table without a role are clinical columns of ``X``. All roles, labels and
    numbers are checked before a recording is read.

    .. versionadded:: 0.1

    Parameters
    ----------
    recordings : path-like
        Folder of files of any format that `ecgsk.io.read_ecg` reads, searched with its
        subfolders; or a folder that `ecgsk.io.ingest` or `ecgsk.io.write_ecg_folder` wrote.
    table : path-like
        CSV file (UTF-8, commas, a header) or Parquet file, one row per record.
    key : str
        Column of the record's name: its file name without suffix, or its path within
        `recordings` where the key has a slash. Numbers and text are compared as text.
    patient : str
        Column of the patient; it may be `key` where each patient has one record.
    labels : sequence of str
        Columns of 0, 1 or missing (not known).
    statements : sequence of str
        Columns of text or codes, each value of which becomes a label of 0 and 1. A cell
        may hold several, one per line. A record without a value in any of these columns
        is not labelled.
    labs : sequence of str
        Columns of laboratory targets in real units. They are no columns of ``X``.
    ranges : path-like, optional
        CSV or Parquet table of reference ranges: ``laboratory``, ``low``, ``high`` and,
        optionally, ``unit``.
    drop : sequence of str
        Columns to leave out, such as those that were not known when the ECG was taken.
    missing : mapping of str to one value or a sequence of them, optional
        Values of a column to take as missing, such as ``{"brugada": 2}``; compared as text.
    fold : str, optional
        Column of whole numbers; by default ten folds are drawn by patient.
    header_columns : sequence of str
        Columns of the recordings, such as ``"age"`` and ``"sex"``, to use as clinical columns.
    min_count : int, default=1
        Minimum number of records per label of `statements`.
    leads, sampling_rate, duration
        As in `ecgsk.io.read_ecgs`; not for a stored folder, which has its own.
    unit : str, optional
        Unit of the samples in files that state none, as in `ecgsk.io.read_ecg`.
    errors : {"list", "raise"}, default="list"
        Leave out records that cannot be read, warn once and list them, or raise.
    population : str, default=""
        Who the patients are.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Cohort
        Indexed by ``record``, the path within the folder. ``roles``: a table of each
        column's role. ``records_left_out``, ``rows_left_out``: keys without a
        partner. ``broken``.

    Raises
    ------
    RecordReadError
        When the table or the recordings cannot be read.
    ECGError
        When a column is absent or has two roles, a label is not 0, 1 or missing, a
        laboratory value is no number, or keys are ambiguous or never match.

    Warns
    -----
    UserWarning
        When records or rows have no partner.

    See Also
    --------
    join_table : The join alone, for a loader of your own.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from ecgsk.datasets import load_csv, make_clinical_ecg, write_cohort
    >>> ecgs = make_clinical_ecg(n_subjects=3, random_state=0)  # four records
    >>> with TemporaryDirectory() as folder:
    ...     _ = write_cohort(ecgs, Path(folder, "store"), progress=False)
    ...     rows = "ecg,who,age,AF\n0,a,60,1\n1,b,71,0\n2,b,71,\n3,c,48,0\n"
    ...     _ = Path(folder, "visits.csv").write_text(rows)
    ...     cohort = load_csv(
    ...         Path(folder, "store"),
    ...         Path(folder, "visits.csv"),
    ...         key="ecg",
    ...         patient="who",
    ...         labels=["AF"],
    ...     )
    >>> cohort.Y["AF"].tolist()
    [1.0, 0.0, nan, 0.0]
    >>> cohort.roles.loc["age", "role"]
    'clinical'
    """
    labels, statements, labs, drop, header_columns = (
        [names] if isinstance(names, str) else list(names)
        for names in (labels, statements, labs, drop, header_columns)
    )
    rows = read_any_table(Path(table), text=(key, patient), name=_NAME)
    roles = assign_roles(
        rows.columns,
        {
            "key": [key],
            "patient": [patient],
            "label": labels,
            "statements": statements,
            "laboratory": labs,
            "fold": [] if fold is None else [fold],
            "dropped": drop,
        },
        name=_NAME,
    )
    rows = tidy(hide_missing(rows, missing or {}, name=_NAME), keep=(key, patient))
    # Checked before the recordings, which may take hours to read.
    Y = label_tables(rows, labels, statements, min_count=min_count, name=_NAME)
    values = lab_table(rows, labs, name=_NAME)
    bounds = range_table(None if ranges is None else Path(ranges), labs, name=_NAME)
    numbers = None if fold is None else fold_numbers(rows[fold], name=_NAME)
    wanted = {"leads": leads, "sampling_rate": sampling_rate, "duration": duration}
    ecgs = _read_recordings(Path(recordings), wanted, unit, errors, progress)
    kept = _header_columns(ecgs, header_columns, rows.columns)
    found, place, alone, unused = _match(ecgs["record"], rows[key], key)
    index = pd.Index(ecgs["record"].to_numpy()[found], name="record")
    clinical = [name for name, role in roles["role"].items() if role == "clinical"]
    rows, Y, values = (part.iloc[place].set_axis(index) for part in (rows, Y, values))
    Y = frequent_statements(Y, labels, min_count=min_count, name=_NAME)
    X = pd.concat([ecgs[["ecg", *kept]].iloc[found].set_axis(index), rows[clinical]], axis=1)
    X["subject_id"] = rows[patient]
    X.attrs = {"population": population} if population else {}
    if return_X_y:
        return X, Y
    roles = pd.concat([roles, pd.DataFrame({"role": "clinical, of the recording"}, index=kept)])
    return Cohort(
        X,
        Y,
        labs=values,
        reference_ranges=bounds,
        folds=None if numbers is None else numbers.iloc[place].set_axis(index).rename("fold"),
        DESCR=f"{len(X):,} records of {Path(recordings).name} joined to {Path(table).name} by "
        f"{key}, of {X['subject_id'].nunique():,} patients ({patient}).",
        roles=roles.rename_axis("column"),
        records_left_out=alone,
        rows_left_out=unused,
        broken=ecgs.attrs.get("broken", []),
    )


def _read_recordings(
    folder: Path, wanted: dict[str, Any], unit: str | None, errors: str, progress: bool
) -> pd.DataFrame:
    """Return ``ecg``, ``record`` and further columns of a folder of records, or of a store."""
    if not (folder / _MANIFEST).exists():
        return _read_files(folder, wanted, unit, errors, progress)
    if unit is not None or any(value is not None for value in wanted.values()):
        raise ECGError(
            f"{_NAME}: {folder} is a stored folder, which has its own leads, sampling rate, "
            "duration and unit. Leave out leads=, sampling_rate=, duration= and unit=, or ingest "
            "it again."
        )
    frame, _ = read_ecg_folder(folder)
    frame = frame.rename(columns={find_ecg_column(frame): "ecg"})
    if "record" not in frame:
        frame = frame.assign(record=frame.index.astype(str))
    return frame.reset_index(drop=True)


def _read_files(
    folder: Path, wanted: dict[str, Any], unit: str | None, errors: str, progress: bool
) -> pd.DataFrame:
    (source,) = find_sources([folder], name=_NAME)
    if all((folder / f"{name}.hea").exists() for name in source.names):
        leads = STANDARD_12_LEADS if wanted["leads"] is None else wanted["leads"]
        return read_wfdb_folder(
            folder,
            **wanted | {"leads": leads},
            errors=errors,  # type: ignore[arg-type]
            progress=progress,
        )
    if errors not in ("list", "raise"):
        raise ValueError(f"{_NAME}: errors must be 'list' or 'raise', got {errors!r}.")
    frame = read_ecgs(folder, **wanted, unit=unit)
    broken = [{key: one[key] for key in ("record", "reason")} for one in frame.attrs["broken"]]
    if broken and errors == "raise":
        raise RecordReadError(broken[0]["reason"])
    # Records of one kind of file follow one another; a cohort has the order of the paths.
    frame = frame.sort_index().reset_index()
    frame.attrs["broken"] = broken
    return frame


def _header_columns(ecgs: pd.DataFrame, wanted: Sequence[str], taken: pd.Index) -> list[str]:
    for name in wanted:
        if name not in ecgs.columns or name == "ecg":
            raise ECGError(
                f"{_NAME}: the recordings have no column {name!r}, named in header_columns; theirs "
                f"are {', '.join(str(column) for column in ecgs.columns if column != 'ecg')}."
            )
        if name in taken:
            raise ECGError(
                f"{_NAME}: the table and the recordings both have the column {name!r}. Leave it "
                "out of header_columns."
            )
    return list(wanted)


def _match(
    records: pd.Series, keys: pd.Series, key: str
) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Return the places of records and of their rows, and the keys without a partner."""
    row = f"row of {key}"
    joined, alone, unused = join_table(
        pd.DataFrame({key: _record_keys(records, keys)}),
        pd.DataFrame({key: keys.map(_without_suffix), row: range(len(keys))}),
        on=key,
        return_unmatched=True,
    )
    return joined.index.to_numpy(), joined[row].to_numpy(), alone, unused


def _record_keys(records: pd.Series, keys: pd.Series) -> list[str]:
    """Return the names by which records are looked up: paths where any key has a slash."""
    paths = records.astype(str).map(_without_suffix)
    if keys.astype(str).str.contains(r"[/\\]").any():
        return paths.tolist()
    names = paths.str.rpartition("/")[2]
    if (twice := names.duplicated(keep=False)).any():
        first, second = paths[names == names[twice].iloc[0]].iloc[:2]
        raise ECGError(
            f"{_NAME}: several recordings have one file name, such as {first} and {second}. Use a "
            "key with the path within the folder."
        )
    return names.tolist()


def _without_suffix(key: Any) -> Any:
    if not isinstance(key, str):
        return key
    key = key.strip()
    # A table that was written on Windows has backslashes; no name of a record does.
    path = PurePosixPath(PureWindowsPath(key).as_posix() if "\\" in key else key)
    return str(path.with_suffix("")) if path.suffix.lower() in _SUFFIXES else str(path)
