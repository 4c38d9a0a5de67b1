"""Loader of PTB-XL, as PhysioNet ships it."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._csv_files import warn_of_unread
from ecgsk.datasets._layouts import label_table, read_table
from ecgsk.exceptions import ECGError, RecordReadError, SamplingRateError
from ecgsk.io.wfdb_folder import read_wfdb_records
from ecgsk.signals import STANDARD_12_LEADS

_PATH_COLUMNS = {100: "filename_lr", 500: "filename_hr"}
#: Per task, the column that flags its statements and the column that names their labels.
_TASKS: dict[str, tuple[str | None, str | None]] = {
    "all": (None, None),
    "diagnostic": ("diagnostic", None),
    "subdiagnostic": ("diagnostic", "diagnostic_subclass"),
    "superdiagnostic": ("diagnostic", "diagnostic_class"),
    "form": ("form", None),
    "rhythm": ("rhythm", None),
}
_DATABASE_COLUMNS = ["ecg_id", "patient_id", "age", "sex", "height", "weight"]
_DATABASE_COLUMNS += ["scp_codes", "strat_fold", "recording_date"]
_KINDS = dict.fromkeys(("ecg_id", "patient_id", "strat_fold"), "whole")
_KINDS |= dict.fromkeys(("age", "sex", "height", "weight"), "number")
_KINDS |= {"recording_date": "time", "scp_codes": "text"}
_AGE_ABOVE_89 = 300  # as stored
_CAPPED_AGE = 90.0


def load_ptbxl(
    path: str | Path,
    *,
    sampling_rate: Literal[100, 500] = 100,
    task: str = "superdiagnostic",
    min_count: int = 1,
    leads: Sequence[str] = STANDARD_12_LEADS,
    errors: Literal["list", "raise"] = "list",
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    """Load PTB-XL.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        Folder of ``ptbxl_database.csv``, ``scp_statements.csv``,
        ``records100`` and ``records500``.
    sampling_rate : {100, 500}, default=100
        Hz; selects one of the two sets of records.
    task : str, default="superdiagnostic"
        SCP-ECG statements to use as labels: ``"all"`` (71), ``"diagnostic"``
        (44), ``"subdiagnostic"`` (23), ``"superdiagnostic"`` (NORM, MI, STTC, CD,
        HYP), ``"form"`` (19) or ``"rhythm"`` (12).
    min_count : int, default=1
        Minimum number of ECGs per label.
    leads : sequence of str
        Leads to read, in this order.
    errors : {"list", "raise"}, default="list"
        What to do about records that cannot be read; see `ecgsk.io.read_wfdb_folder`.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Cohort
        ``X``: ``ecg``, ``age`` (years), ``sex``, ``height`` (cm), ``weight``
        (kg) and ``subject_id``, indexed by ``ecg_id``. ``Y``: 0 or 1, NaN in
        records without any statement of the task. ``folds`` is ``strat_fold``:
        train on 1 to 8, validate on 9, test on 10. ``ecg_time``; ``broken``.

    Raises
    ------
    RecordReadError
        When a table or column is absent, or no record can be read.
    SamplingRateError
        When `sampling_rate` is neither 100 nor 500.
    ECGError
        When the task is unknown or no label is frequent enough.

    Notes
    -----
    A statement counts at any likelihood (0 means unknown). A record without a
    statement of the task is unlabelled; the benchmark [2]_ drops such records.
    Ages above 89 are stored as 300 and given as 90.

    References
    ----------
    .. [1] Wagner et al., "PTB-XL, a large publicly available electrocardiography
       dataset", Scientific Data 7:154, 2020.
    .. [2] Strodthoff et al., "Deep Learning for ECG Analysis: Benchmarks and
       Insights from PTB-XL", IEEE JBHI 25(5), 2021.

    Examples
    --------
    >>> from ecgsk.datasets import load_ptbxl
    >>> cohort = load_ptbxl("ptb-xl", task="superdiagnostic")  # doctest: +SKIP
    """
    check_ptbxl_rate(sampling_rate, name="load_ptbxl")
    if task not in _TASKS:
        raise ECGError(f"load_ptbxl: unknown task {task!r}; expected one of {', '.join(_TASKS)}.")
    folder = Path(path)
    path_column = _PATH_COLUMNS[sampling_rate]
    database = _read_table(
        folder / "ptbxl_database.csv",
        [*_DATABASE_COLUMNS, path_column],
        kinds=_KINDS | {path_column: "text"},
        key="ecg_id",
    )
    labels_of = _statement_labels(folder / "scp_statements.csv", task)
    signals, kept, _, broken = read_wfdb_records(
        [folder / name for name in database[path_column]],
        database[path_column].tolist(),
        leads=leads,
        sampling_rate=sampling_rate,
        duration=None,
        errors=errors,
        progress=progress,
        name="load_ptbxl",
    )
    database = database.iloc[kept].set_index("ecg_id")
    X = _clinical(database)
    X.insert(0, "ecg", pd.Series(signals, index=X.index))
    found = [set(_known_labels(text, labels_of)) for text in database["scp_codes"]]
    stated = [labels or None for labels in found]
    Y = label_table(stated, X.index, min_count=min_count, name=f"load_ptbxl(task={task!r})")
    X.attrs["population"] = "patients of PTB-XL"  # a model that is fitted on X states it
    if return_X_y:
        return X, Y
    labelled = int(Y.notna().any(axis=1).sum())
    return Cohort(
        X,
        Y,
        folds=database["strat_fold"].astype("int64").rename("fold"),
        DESCR=f"PTB-XL, {sampling_rate} Hz, task {task!r}: {len(X):,} records of "
        f"{X['subject_id'].nunique():,} subjects, {labelled:,} of them labelled. "
        "CC BY 4.0, Wagner et al., PhysioNet.",
        ecg_time=pd.to_datetime(database["recording_date"]).rename("ecg_time"),
        broken=broken,
    )


def check_ptbxl_rate(sampling_rate: float, *, name: str) -> None:
    """Raise unless PTB-XL has records at a sampling rate."""
    if sampling_rate not in _PATH_COLUMNS:
        raise SamplingRateError(
            f"{name}: PTB-XL has records at 100 and 500 Hz, got sampling_rate={sampling_rate!r}. "
            "Use one of them and ecgsk.preprocessing.Resample."
        )


def _read_table(path: Path, columns: list[str], **checks: Any) -> pd.DataFrame:
    return read_table(path, columns, source="PTB-XL 1.0.3", name="load_ptbxl", **checks)


def _statement_labels(path: Path, task: str) -> dict[str, str]:
    """Return the label of each SCP statement of the task."""
    flag, label = _TASKS[task]
    columns = [column for column in (flag, label) if column]
    statements = _read_table(path, columns)
    statements = statements.set_index(statements.columns[0])
    if flag:
        statements = statements[statements[flag] == 1]
    names = statements[label] if label else pd.Series(statements.index, statements.index)
    return {str(code): str(name) for code, name in names.dropna().items()}


def _clinical(database: pd.DataFrame) -> pd.DataFrame:
    age = database["age"].astype("float64")
    sex = database["sex"].map({0: "M", 1: "F"}).astype(pd.CategoricalDtype(["F", "M"]))
    warn_of_unread(database["sex"], sex, "sex", name="load_ptbxl")
    return pd.DataFrame(
        {
            "age": age.mask(age == _AGE_ABOVE_89, _CAPPED_AGE),
            "sex": sex,
            "height": database["height"].astype("float64"),
            "weight": database["weight"].astype("float64"),
            "subject_id": database["patient_id"].astype("int64"),
        }
    )


def _known_labels(scp_codes: str, labels_of: dict[str, str]) -> Iterator[str]:
    """Yield the labels in text such as ``{'NORM': 100.0, 'SR': 0.0}``."""
    try:
        codes = dict(ast.literal_eval(scp_codes))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise RecordReadError(
            f"load_ptbxl: expected scp_codes such as \"{{'NORM': 100.0}}\", got {scp_codes!r}."
        ) from error
    return (labels_of[code] for code in codes if code in labels_of)
