"""Vital signs and acuity from the emergency department."""

import pandas as pd

from ecgsk.datasets._mimic_iv._drift import MARGIN_SECONDS
from ecgsk.datasets._mimic_iv._tables import MimicTables

#: Column in MIMIC-IV-ED, unit, lowest and highest plausible value.
VITALS = {
    "heart_rate": ("heartrate", "/min", 10, 350),
    "systolic_bp": ("sbp", "mmHg", 20, 350),
    "diastolic_bp": ("dbp", "mmHg", 5, 250),
    "respiratory_rate": ("resprate", "/min", 1, 100),
    "temperature": ("(temperature - 32) / 1.8", "Celsius", 25, 45),
    "oxygen_saturation": ("o2sat", "%", 20, 100),
}
_COLUMNS = ("heartrate", "sbp", "dbp", "resprate", "temperature", "o2sat")


def vitals(tables: MimicTables, window: tuple[float, float], n_records: int) -> pd.DataFrame:
    """Join the nearest vital signs and triage acuity within a window, in seconds after the ECG.

    Makes the table ``vitals_nearby``, of a wider window. An acuity of 1 is the most urgent, 5
    the least. The table of triages has no time: the stay's ``intime`` is used.
    """
    numbers = dict.fromkeys(_COLUMNS, "DOUBLE")
    ids = {"subject_id": "BIGINT", "stay_id": "BIGINT"}
    tables.view("ed", "vitalsign", ids | {"charttime": "TIMESTAMP"} | numbers)
    tables.view("ed", "triage", {"stay_id": "BIGINT", "acuity": "DOUBLE"} | numbers)
    tables.view("ed", "edstays", ids | {"intime": "TIMESTAMP"})
    for table, names in (("vitalsign", _COLUMNS), ("triage", (*_COLUMNS, "acuity"))):
        tables.count_unread(table, {name: f"{name}_unread" for name in names})
    triage = (
        "SELECT s.subject_id, s.intime AS time, t.* FROM triage t JOIN edstays s USING (stay_id)"
    )
    parts = [
        f"""SELECT subject_id, time, '{name}' AS name, {column} AS value, source
        FROM measured WHERE {column} BETWEEN {low} AND {high}"""
        for name, (column, _, low, high) in VITALS.items()
    ]
    columns = ", ".join(_COLUMNS)
    start, end = window
    nearby = f"""WITH triaged AS ({triage}), measured AS (
            SELECT subject_id, charttime AS time, 0 AS source, {columns} FROM vitalsign
            UNION ALL SELECT subject_id, time, 1 AS source, {columns} FROM triaged
        ), long AS ({" UNION ALL ".join(parts)}
            UNION ALL SELECT subject_id, time, 'acuity', acuity, 1 FROM triaged
            WHERE acuity BETWEEN 1 AND 5
        )
        SELECT ecg, name, epoch(time) - epoch(ecg_time) AS seconds,
            struct_pack(source := source, result := value) AS rank, value
        FROM long JOIN ecgs USING (subject_id)
        WHERE epoch(time) - epoch(ecg_time)
            BETWEEN {start - MARGIN_SECONDS} AND {end + MARGIN_SECONDS}"""
    tables.execute(f"CREATE OR REPLACE TEMP TABLE vitals_nearby AS {nearby}")
    candidates = f"SELECT * FROM vitals_nearby WHERE seconds BETWEEN {start} AND {end}"
    return tables.nearest(candidates, [*VITALS, "acuity"], n_records)
