"""Sensitivity of a cohort's counts to drift between the clocks of ECG recorder and hospital."""

from collections.abc import Iterable

import pandas as pd

from ecgsk.datasets._mimic_iv._tables import MimicTables

#: Hours that are added to the time of every ECG.
DRIFT_HOURS = (-4, -2, -1, 0, 1, 2, 4)
#: Seconds by which windows move; tables hold this much more at either end.
MARGIN_SECONDS = 3600 * max(DRIFT_HOURS)
_BLOCK_SIZE = 50_000  # ECGs per aggregation query; bounds its memory

Window = tuple[float, float]


def count_by_drift(
    tables: MimicTables,
    lab_windows: dict[str, Window],
    vitals_window: Window | None,
    n_records: int,
) -> pd.DataFrame:
    """Count records and values as if every ECG had been recorded earlier or later.

    Needs the tables ``usable_labs``, ``stays`` and, with a window of vital signs,
    ``vitals_nearby``. The index is in hours, the columns are kinds of data; numbers are of
    readable records.
    """
    counts = {
        "records inside a stay": _by_drift(
            tables,
            "SELECT count(DISTINCT ecg) FROM ecgs JOIN stays USING (subject_id) "
            "WHERE epoch(ecg_time) + {shift} BETWEEN epoch(start) AND epoch(stop)",
        )
    }
    if vitals_window is not None:
        start, end = vitals_window
        counts["records with vital signs"] = _by_drift(
            tables,
            "SELECT count(DISTINCT ecg) FROM vitals_nearby "
            f"WHERE seconds - {{shift}} BETWEEN {start} AND {end}",
        )
    for kind, window in lab_windows.items():
        n_with, n_values = _labs_by_drift(tables, window, n_records)
        counts |= {f"records with {kind}": n_with, f"values of {kind}": n_values}
    table = pd.DataFrame(counts, index=pd.Index(DRIFT_HOURS, name="hours"))
    return table.astype("int64")


def _by_drift(tables: MimicTables, query: str) -> list[int]:
    shifts = (3600 * hours for hours in DRIFT_HOURS)
    return [int(tables.query(query.format(shift=shift)).to_numpy()[0, 0]) for shift in shifts]


def _labs_by_drift(
    tables: MimicTables, window: Window, n_records: int
) -> tuple[list[int], list[int]]:
    """Return numbers of records with a laboratory test, and of tests with a value."""
    start, end = window
    shifts = [3600 * hours for hours in DRIFT_HOURS]
    within = _columns("bool_or(seconds - ({}) BETWEEN {} AND {})", shifts, start, end)
    numbers = range(len(shifts))
    per_record = ", ".join(f"count(*) FILTER (_{number}) AS _{number}" for number in numbers)
    totals = ", ".join(
        f"count(*) FILTER (_{number} > 0), coalesce(sum(_{number}), 0)" for number in numbers
    )
    sums = [0] * (2 * len(shifts))
    for first in range(0, n_records, _BLOCK_SIZE):
        found = tables.query(
            f"""SELECT {totals} FROM (SELECT ecg, {per_record} FROM (
                SELECT ecg, lab, {within} FROM usable_labs
                WHERE ecg BETWEEN {first} AND {first + _BLOCK_SIZE - 1} GROUP BY ecg, lab
            ) GROUP BY ecg)"""
        ).iloc[0]
        sums = [total + int(count) for total, count in zip(sums, found, strict=True)]
    return sums[::2], sums[1::2]


def _columns(expression: str, shifts: Iterable[float], start: float, end: float) -> str:
    return ", ".join(
        f"{expression.format(shift, start, end)} AS _{number}"
        for number, shift in enumerate(shifts)
    )
