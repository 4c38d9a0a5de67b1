"""Loader of LUDB, as PhysioNet ships it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._csv_files import read_age, read_sex, warn_of_unread
from ecgsk.datasets._layouts import label_table, read_table
from ecgsk.io.wfdb_folder import read_wfdb_records
from ecgsk.signals import STANDARD_12_LEADS

_STATEMENTS = [
    "Rhythms",
    "Electric axis of the heart",
    "Conduction abnormalities",
    "Extrasystolies",
    "Hypertrophies",
    "Cardiac pacing",
    "Ischemia",
    "Non-specific repolarization abnormalities",
    "Other states",
]


def load_ludb(
    path: str | Path,
    *,
    min_count: int = 1,
    leads: Sequence[str] = STANDARD_12_LEADS,
    errors: Literal["list", "raise"] = "list",
    return_X_y: bool = False,
    progress: bool = True,
) -> Any:
    """Load LUDB, the Lobachevsky University Electrocardiography Database.

    200 ECGs of 200 subjects, 12 leads, 10 s, 500 Hz, with cardiologists' statements.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        Folder of ``ludb.csv`` and ``data``.
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
        ``X``: ``ecg``, ``age`` (years), ``sex`` and ``subject_id``, indexed by
        ``ID``. ``Y``: a column per statement, as written in ``ludb.csv``, 0 or 1.
        ``broken``.

    Raises
    ------
    RecordReadError
        When ``ludb.csv`` or a column is absent, or no record can be read.
    ECGError
        When no label is frequent enough.

    Notes
    -----
    Ages above 89 are stored as ">89" and given as 90. The annotations of P waves,
    QRS complexes and T waves are not read. Open Data Commons Attribution License 1.0.

    References
    ----------
    .. [1] Kalyakulina et al., "LUDB: A New Open-Access Validation Tool for
       Electrocardiogram Delineation Algorithms", IEEE Access 8, 2020,
       doi:10.1109/ACCESS.2020.3029211; version 1.0.1, PhysioNet, 2021,
       doi:10.13026/eegm-h675.

    Examples
    --------
    >>> from ecgsk.datasets import load_ludb
    >>> cohort = load_ludb("ludb/1.0.1", min_count=20)  # doctest: +SKIP
    """
    folder = Path(path)
    table = read_table(
        folder / "ludb.csv",
        ["ID", "Sex", "Age", *_STATEMENTS],
        source="LUDB",
        name="load_ludb",
        kinds={"ID": "whole"},
        key="ID",
    )
    signals, kept, _, broken = read_wfdb_records(
        [folder / "data" / str(number) for number in table["ID"]],
        table["ID"].astype(str).tolist(),
        leads=leads,
        sampling_rate=None,
        duration=None,
        errors=errors,
        progress=progress,
        name="load_ludb",
    )
    table = table.iloc[kept].set_index("ID")
    # Cells may end in a newline.
    sex = read_sex(table["Sex"])
    age = read_age(table["Age"])
    warn_of_unread(table["Sex"], sex, "Sex", name="load_ludb")
    warn_of_unread(table["Age"], age, "Age", name="load_ludb")
    X = pd.DataFrame(
        {
            "ecg": pd.Series(signals, index=table.index),
            "age": age,
            "sex": sex,
            "subject_id": table.index,
        }
    )
    Y = label_table(
        [set(_statements(row)) for row in table[_STATEMENTS].itertuples(index=False)],
        X.index,
        min_count=min_count,
        name="load_ludb",
    )
    X.attrs["population"] = "patients of LUDB"  # a model that is fitted on X states it
    if return_X_y:
        return X, Y
    return Cohort(
        X,
        Y,
        DESCR=f"LUDB: {len(X):,} records of as many subjects, 500 Hz, 10 s. "
        "ODC-By 1.0, Kalyakulina et al., PhysioNet.",
        broken=broken,
    )


def _statements(cells: Sequence[Any]) -> list[str]:
    """Return the statements of a record, one per line of its cells."""
    lines = [line.strip() for cell in cells if isinstance(cell, str) for line in cell.splitlines()]
    return [line for line in lines if line]
