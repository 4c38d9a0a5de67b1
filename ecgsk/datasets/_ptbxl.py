"""PTB-XL in its own layout."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.exceptions import ECGError, RecordReadError, SamplingRateError
from ecgsk.io import read_wfdb_records
from ecgsk.signals import STANDARD_12_LEADS

_PATH_COLUMNS = {100: "filename_lr", 500: "filename_hr"}
#: Per task, the flag of a statement that admits it and the column that names its label.
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
_ABOVE_89 = 300
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
    """Load PTB-XL as PhysioNet ships it.

    Parameters
    ----------
    path : path-like
        The folder of ``ptbxl_database.csv``, ``scp_statements.csv``,
        ``records100`` and ``records500``.
    sampling_rate : {100, 500}, default=100
        Hz; which of the two sets of records to read.
    task : str, default="superdiagnostic"
        Which SCP-ECG statements are labels: ``"all"`` (71), ``"diagnostic"``
        (44), ``"subdiagnostic"`` (23), ``"superdiagnostic"`` (NORM, MI, STTC, CD,
        HYP), ``"form"`` (19) or ``"rhythm"`` (12).
    min_count : int, default=1
        ECGs a label must have.
    leads : sequence of str
        Leads wanted, in the order wanted.
    errors : {"list", "raise"}, default="list"
        What to do about records that cannot be read; see `ecgsk.io.read_wfdb_folder`.
    return_X_y : bool, default=False
        Return ``(X, Y)`` alone.
    progress : bool, default=True
        Show a progress bar on a terminal.

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
        When PTB-XL has no records at that rate.
    ECGError
        When the task is unknown or no label is frequent enough.

    Notes
    -----
    A statement counts whatever its likelihood (0 means unstated), and a record
    without a statement of the task is unlabelled, as in the benchmark [2]_, which
    drops such records. Ages above 89 are stored as 300 and given as 90.

    References
    ----------
    .. [1] Wagner et al., "PTB-XL, a large publicly available electrocardiography
       dataset", Scientific Data 7:154, 2020.
    .. [2] Strodthoff et al., "Deep Learning for ECG Analysis: Benchmarks and
       Insights from PTB-XL", IEEE JBHI 25(5), 2021.
    """
    if sampling_rate not in _PATH_COLUMNS:
        raise SamplingRateError(
            f"load_ptbxl: PTB-XL has records at 100 and 500 Hz, not at {sampling_rate!r} Hz. "
            "Load one of them and use ecgsk.preprocessing.Resample."
        )
    if task not in _TASKS:
        raise ECGError(f"load_ptbxl: unknown task {task!r}; expected one of {', '.join(_TASKS)}.")
    folder = Path(path)
    path_column = _PATH_COLUMNS[sampling_rate]
    database = _read_table(folder / "ptbxl_database.csv", [*_DATABASE_COLUMNS, path_column])
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
    Y = _labels(database["scp_codes"], labels_of, min_count, task)
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


def _read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    if not path.is_file():
        raise RecordReadError(
            f"load_ptbxl: there is no {path}. Give the folder that holds it (PTB-XL 1.0.3)."
        )
    table = pd.read_csv(path)
    if absent := [column for column in columns if column not in table.columns]:
        raise RecordReadError(
            f"load_ptbxl: {path} lacks the column {', '.join(absent)}. Is it PTB-XL's own file?"
        )
    return table


def _statement_labels(path: Path, task: str) -> dict[str, str]:
    """Label of each SCP statement that takes part in the task."""
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
    return pd.DataFrame(
        {
            "age": age.mask(age == _ABOVE_89, _CAPPED_AGE),
            "sex": database["sex"].map({0: "M", 1: "F"}).astype(pd.CategoricalDtype(["F", "M"])),
            "height": database["height"].astype("float64"),
            "weight": database["weight"].astype("float64"),
            "subject_id": database["patient_id"].astype("int64"),
        }
    )


def _labels(
    scp_codes: pd.Series, labels_of: dict[str, str], min_count: int, task: str
) -> pd.DataFrame:
    found = [set(_known_labels(text, labels_of)) for text in scp_codes]
    counts = pd.Series([label for labels in found for label in labels], dtype=object).value_counts()
    kept = sorted(counts.index[counts >= min_count])
    if not kept:
        raise ECGError(
            f"load_ptbxl: no label of task {task!r} has min_count={min_count} ECGs; the most "
            f"frequent has {counts.max() if len(counts) else 0}. Lower min_count."
        )
    values = np.array(
        [[float(label in labels) if labels else np.nan for label in kept] for labels in found]
    )
    return pd.DataFrame(values, index=scp_codes.index, columns=pd.Index(kept))


def _known_labels(scp_codes: str, labels_of: dict[str, str]) -> Iterator[str]:
    """Labels in text such as ``{'NORM': 100.0, 'SR': 0.0}``."""
    try:
        codes = ast.literal_eval(scp_codes)
    except (ValueError, SyntaxError) as error:
        raise RecordReadError(
            f"load_ptbxl: expected scp_codes such as \"{{'NORM': 100.0}}\", got {scp_codes!r}."
        ) from error
    return (labels_of[code] for code in codes if code in labels_of)
