"""Intervals and axes measured by the recorder."""

import pandas as pd

from ecgsk.datasets._mimic_iv._tables import MimicTables

#: SQL over the file's columns, unit, lowest and highest plausible value.
MEASUREMENTS = {
    "rr_interval": ("rr_interval", "ms", 200, 4000),
    "p_duration": ("p_end - p_onset", "ms", 20, 300),
    "pr_interval": ("qrs_onset - p_onset", "ms", 50, 600),
    "qrs_duration": ("qrs_end - qrs_onset", "ms", 30, 350),
    "qt_interval": ("t_end - qrs_onset", "ms", 150, 1000),
    "p_axis": ("p_axis", "degrees", -360, 360),
    "qrs_axis": ("qrs_axis", "degrees", -360, 360),
    "t_axis": ("t_axis", "degrees", -360, 360),
}
_TIMES = ("rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end")
_AXES = ("p_axis", "qrs_axis", "t_axis")
_MAX_TIME = 10_000  # ms, the length of a record; 29999 and such mean missing


def machine_measurements(tables: MimicTables, n_records: int) -> pd.DataFrame:
    """Join the intervals and axes of `MEASUREMENTS` from ``machine_measurements.csv``.

    NaN where the recorder stated none (29999 and other implausible values).
    """
    numbers = dict.fromkeys((*_TIMES, *_AXES), "DOUBLE")
    tables.view("ecg", "machine_measurements", {"study_id": "BIGINT"} | numbers)
    tables.count_unread("machine_measurements", {name: f"{name}_unread" for name in numbers})
    times = ", ".join(
        f"if({name} BETWEEN 0 AND {_MAX_TIME}, {name}, NULL) {name}" for name in _TIMES
    )
    columns = ", ".join(
        f"if({sql} BETWEEN {low} AND {high}, {sql}, NULL) AS {name}"
        for name, (sql, _, low, high) in MEASUREMENTS.items()
    )
    found = tables.query(
        f"""SELECT ecg, {columns} FROM ecgs JOIN (
            SELECT study_id, {times}, {", ".join(_AXES)} FROM machine_measurements
        ) USING (study_id)"""
    )
    table = found.drop_duplicates("ecg").set_index("ecg").reindex(range(n_records))
    return table.astype("float64").rename_axis(None)
