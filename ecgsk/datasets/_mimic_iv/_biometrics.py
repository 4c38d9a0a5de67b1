"""Age, sex, and body measures from the outpatient record (``omr``)."""

import pandas as pd

from ecgsk.datasets._csv_files import read_sex
from ecgsk.datasets._mimic_iv._tables import MimicTables

#: Name in ``omr``, factor to the unit, unit, lowest and highest plausible value.
BIOMETRICS = {
    "height": ("Height (Inches)", 2.54, "cm", 100, 240),
    "weight": ("Weight (Lbs)", 0.45359237, "kg", 20, 400),
    "bmi": ("BMI (kg/m2)", 1.0, "kg/m2", 8, 120),
}
_SECONDS_PER_DAY = 86_400


def demographics(tables: MimicTables, n_records: int) -> pd.DataFrame:
    """Join age in years at the ECG, and sex.

    MIMIC states a patient's age in one year (``anchor_age`` in ``anchor_year``);
    an anchor age of 91 means above 89.
    """
    kinds = {"subject_id": "BIGINT", "gender": "VARCHAR"}
    kinds |= {"anchor_age": "DOUBLE", "anchor_year": "DOUBLE"}
    tables.view("hosp", "patients", kinds)
    tables.check_unique("patients", "subject_id")
    numbers = ("anchor_age", "anchor_year")
    tables.count_unread("patients", {column: f"{column}_unread" for column in numbers})
    found = tables.query(
        """SELECT ecg, anchor_age + (year(ecg_time) - anchor_year) AS age, gender
        FROM ecgs JOIN patients USING (subject_id)"""
    )
    found = found.set_index("ecg").reindex(range(n_records)).rename_axis(None)
    sex = read_sex(found["gender"])
    tables.note_unread("patients", "gender", int((found["gender"].notna() & sex.isna()).sum()))
    return pd.DataFrame({"age": found["age"].astype("float64"), "sex": sex})


def biometrics(tables: MimicTables, window: tuple[float, float], n_records: int) -> pd.DataFrame:
    """Join the body measures nearest in days within a window, in seconds after the ECG.

    ``omr`` states dates without times: a window that ends at the ECG excludes the day
    of the ECG, part of which is later. A missing BMI is computed from height and weight.
    """
    kinds = {"subject_id": "BIGINT", "chartdate": "DATE", "seq_num": "BIGINT"}
    kinds |= {"result_name": "VARCHAR", "result_value": "VARCHAR"}
    tables.view("hosp", "omr", kinds)
    labels = ", ".join(f"'{label}'" for label, *_ in BIOMETRICS.values())
    value = "TRY_CAST(result_value AS DOUBLE)"
    is_text = f"result_value IS NOT NULL AND NOT coalesce(isfinite({value}), false)"
    tables.count_unread("omr", {"result_value": f"result_name IN ({labels}) AND {is_text}"})
    parts = [
        f"""SELECT subject_id, chartdate, seq_num, '{name}' AS name,
            {value} * {factor} AS value FROM omr
        WHERE result_name = '{label}' AND {value} * {factor} BETWEEN {low} AND {high}"""
        for name, (label, factor, _, low, high) in BIOMETRICS.items()
    ]
    start, end = (seconds // _SECONDS_PER_DAY for seconds in window)
    own_day = "" if end > 0 else "AND chartdate < CAST(ecg_time AS DATE)"
    days = "date_diff('day', CAST(ecg_time AS DATE), chartdate)"
    candidates = f"""SELECT ecg, name, {days} * {_SECONDS_PER_DAY} AS seconds,
            struct_pack(seq := seq_num, result := value) AS rank, value
        FROM ({" UNION ALL ".join(parts)}) JOIN ecgs USING (subject_id)
        WHERE {days} BETWEEN {start} AND {end} {own_day}"""
    table = tables.nearest(candidates, list(BIOMETRICS), n_records)
    computed = table["weight"] / (table["height"] / 100) ** 2
    return table.assign(bmi=table["bmi"].fillna(computed))
