"""Hospital and emergency department stays of ECGs."""

import pandas as pd

from ecgsk.datasets._mimic_iv._tables import MimicTables


def find_stays(tables: MimicTables) -> None:
    """Make the tables ``stays`` and ``ecg_stays``: ``ecg``, ``hadm_id``, ``stay_id``, ``start``.

    An emergency stay that led to an admission has its ``hadm_id``; any other has
    ``stay_id`` alone. An ECG may lie in several stays, or in none.
    """
    kinds = {"subject_id": "BIGINT", "hadm_id": "BIGINT"}
    tables.view("hosp", "admissions", kinds | {"admittime": "TIMESTAMP", "dischtime": "TIMESTAMP"})
    stays = """SELECT subject_id, hadm_id, NULL::BIGINT AS stay_id, admittime AS start,
        dischtime AS stop FROM admissions"""
    if tables.find("ed", "edstays"):
        kinds |= {"stay_id": "BIGINT", "intime": "TIMESTAMP", "outtime": "TIMESTAMP"}
        tables.view("ed", "edstays", kinds)
        stays += " UNION ALL SELECT subject_id, hadm_id, stay_id, intime, outtime FROM edstays"
    tables.execute(f"CREATE OR REPLACE TEMP TABLE stays AS {stays}")
    tables.execute(
        """CREATE OR REPLACE TEMP TABLE ecg_stays AS
        SELECT ecg, hadm_id, stay_id, start FROM ecgs JOIN stays USING (subject_id)
        WHERE ecg_time BETWEEN start AND stop"""
    )


def place_within_stay(tables: MimicTables, n_records: int) -> pd.Series:
    """Return the place of each ECG within its stay by time, from 0; NaN outside every stay.

    An emergency stay and the admission it led to are one stay. Of several stays, the
    one that began first is used.
    """
    found = tables.query(
        """SELECT ecg, row_number() OVER (
            PARTITION BY subject_id, stay ORDER BY ecg_time, study_id) - 1 AS place
        FROM (SELECT ecg, first(coalesce('h' || hadm_id, 'e' || stay_id)
                ORDER BY start, hadm_id, stay_id) AS stay FROM ecg_stays GROUP BY ecg)
        JOIN ecgs USING (ecg)"""
    )
    place = found.set_index("ecg")["place"].reindex(range(n_records)).astype("float64")
    return place.rename("ecg_no_within_stay").rename_axis(None)
