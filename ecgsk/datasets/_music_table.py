"""The table of MUSIC: semicolons, decimal commas, one row per patient."""

from pathlib import Path

import numpy as np
import pandas as pd

from ecgsk.datasets._csv_files import read_age, warn_of_unread
from ecgsk.exceptions import RecordReadError

NAME = "load_music"
PATIENT, DAYS = "Patient ID", "Follow-up period from enrollment (days)"
_EXIT, _CAUSE, _AGE, _MALE = "Exit of the study", "Cause of death", "Age", "Gender (male=1)"
_REQUIRED = [PATIENT, DAYS, _EXIT, _CAUSE, _AGE, _MALE]
#: Clinical columns of enrolment, by their name in the table without repeated blanks.
_CLINICAL = {
    "Weight (kg)": "weight",
    "Height (cm)": "height",
    "Body Mass Index (Kg/m2)": "bmi",
    "NYHA class": "nyha_class",
    "Systolic blood pressure (mmHg)": "systolic_bp",
    "Diastolic blood pressure (mmHg)": "diastolic_bp",
    "LVEF (%)": "ejection_fraction",
    "Diabetes (yes=1)": "diabetes",
    "History of dyslipemia (yes=1)": "dyslipidaemia",
    "Peripheral vascular disease (yes=1)": "peripheral_vascular_disease",
    "History of hypertension (yes=1)": "hypertension",
    "Prior Myocardial Infarction (yes=1)": "myocardial_infarction",
    "Calcium channel blocker (yes=1)": "calcium_channel_blocker",
    "Diabetes medication (yes=1)": "diabetes_medication",
    "Amiodarone (yes=1)": "amiodarone",
    "Angiotensin-II receptor blocker (yes=1)": "angiotensin_receptor_blocker",
    "Anticoagulants/antitrombotics (yes=1)": "anticoagulants",
    "Betablockers (yes=1)": "beta_blockers",
    "Digoxin (yes=1)": "digoxin",
    "Loop diuretics (yes=1)": "loop_diuretics",
    "Spironolactone (yes=1)": "spironolactone",
    "Statins (yes=1)": "statins",
    "Hidralazina (yes=1)": "hydralazine",
    "ACE inhibitor (yes=1)": "ace_inhibitor",
    "Nitrovasodilator (yes=1)": "nitrovasodilator",
}
#: Laboratory tests and their units.
_LABORATORIES = {
    "Albumin (g/L)": ("albumin", "g/L"),
    "ALT or GPT (IU/L)": ("alt", "IU/L"),
    "AST or GOT (IU/L)": ("ast", "IU/L"),
    "Total Cholesterol (mmol/L)": ("cholesterol", "mmol/L"),
    "Creatinine (?mol/L)": ("creatinine", "umol/L"),
    "Gamma-glutamil transpeptidase (IU/L)": ("ggt", "IU/L"),
    "Glucose (mmol/L)": ("glucose", "mmol/L"),
    "Hemoglobin (g/L)": ("haemoglobin", "g/L"),
    "HDL (mmol/L)": ("hdl_cholesterol", "mmol/L"),
    "Potassium (mEq/L)": ("potassium", "mEq/L"),
    "LDL (mmol/L)": ("ldl_cholesterol", "mmol/L"),
    "Sodium (mEq/L)": ("sodium", "mEq/L"),
    "Pro-BNP (ng/L)": ("pro_bnp", "ng/L"),
    "Protein (g/L)": ("total_protein", "g/L"),
    "T3 (pg/dL)": ("t3", "pg/dL"),
    "T4 (ng/L)": ("t4", "ng/L"),
    "Troponin (ng/mL)": ("troponin", "ng/mL"),
    "TSH (mIU/L)": ("tsh", "mIU/L"),
    "Urea (mg/dL)": ("urea", "mg/dL"),
}
#: Codes of each cause of death; pump failure has two.
_CAUSES = {"sudden cardiac death": (3,), "pump failure death": (6, 7), "non-cardiac death": (1,)}
_SURVIVED, _DIED, _EXITS = 0, 3, (0, 1, 2, 3)  # of 1 and 2, lost and transplanted, no more is known
_MISSING = ("", "NA", "NaN", "N/A", "NULL")


def read_patients(folder: Path) -> pd.DataFrame:
    """Read `subject-info.csv` as text, by patient; names without repeated blanks."""
    path = folder / "subject-info.csv"
    if not path.is_file():
        raise RecordReadError(
            f"{NAME}: there is no {path}. Give the folder of MUSIC that contains it."
        )
    try:
        table = pd.read_csv(
            path, sep=";", dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False
        )
    except (ValueError, OSError) as error:  # ParserError and UnicodeDecodeError are ValueErrors
        raise RecordReadError(
            f"{NAME}: {path} cannot be read: {str(error).splitlines()[0]} Expected UTF-8 with "
            "semicolons between the columns. Download it again."
        ) from error
    table.columns = pd.Index([" ".join(str(name).split()) for name in table.columns])
    if absent := [name for name in _REQUIRED if name not in table.columns]:
        raise RecordReadError(
            f"{NAME}: {path} lacks the column {', '.join(absent)}; it has "
            f"{', '.join(table.columns[:8])} ... Is it MUSIC's own file, with semicolons?"
        )
    table = table.apply(lambda column: column.str.strip().str.strip("'").str.strip())
    if table[PATIENT].duplicated().any():
        twice = table[PATIENT][table[PATIENT].duplicated()].iloc[0]
        raise RecordReadError(
            f"{NAME}: {path} has several rows of the patient {twice}. Remove the repeated rows."
        )
    return table.set_index(PATIENT)


def read_numbers(column: pd.Series) -> pd.Series:
    """Return numbers with a decimal comma or point; NaN for anything else.

    Examples
    --------
    >>> read_numbers(pd.Series(["1,5", "2.5", "NA", "1,458,333", "-3"])).tolist()
    [1.5, 2.5, nan, nan, -3.0]
    """
    plain = column.mask(column.isin(_MISSING)).str.replace(",", ".", regex=False)
    # With two commas the place of the decimal point is lost.
    return pd.to_numeric(plain, errors="coerce").astype("float64")


def clinical_columns(patients: pd.DataFrame) -> pd.DataFrame:
    """Return what was known at enrolment; columns that the table lacks are absent."""
    age = read_age(patients[_AGE].mask(patients[_AGE].isin(_MISSING)).str.replace(",", "."))
    sex = read_numbers(patients[_MALE]).map({0: "F", 1: "M"})
    columns = {"age": age, "sex": sex.astype(pd.CategoricalDtype(["F", "M"]))}
    for column, name in _CLINICAL.items():
        if column in patients:
            columns[name] = _numbers(patients, column)
    return pd.DataFrame(columns)


def laboratory_values(patients: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return laboratory values, and their units without bounds: the table states none."""
    tests = {column: test for column, test in _LABORATORIES.items() if column in patients}
    values = {name: _numbers(patients, column) for column, (name, _) in tests.items()}
    units = dict(tests.values())
    labs = pd.DataFrame(values, index=patients.index)
    ranges = pd.DataFrame({"low": np.nan, "high": np.nan, "unit": pd.Series(units, dtype="str")})
    return labs, ranges.reindex(labs.columns)


def outcomes(patients: pd.DataFrame, horizon_days: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return deaths by cause within a time as 0, 1 or NaN, and follow-up as stated.

    NaN where follow-up ended alive before the time, by loss or transplantation.
    """
    # Survivors have no code of exit.
    left = _codes(patients, _EXIT, _EXITS, missing=_SURVIVED)
    cause = _codes(patients, _CAUSE, (0, *sum(_CAUSES.values(), ())))
    days = _numbers(patients, DAYS)
    if (wrong := (cause > 0) & (left != _DIED)).any():
        raise RecordReadError(
            f"{NAME}: subject-info.csv: the patient {patients.index[wrong][0]} has a cause of "
            "death and is not stated to be dead. Download it again."
        )
    died_in_time = (cause > 0) & (days <= horizon_days)
    to_the_end = (left == _SURVIVED) & np.isinf(horizon_days)
    known = died_in_time | (days > horizon_days) | to_the_end
    labels = {"death": died_in_time}
    labels |= {label: died_in_time & cause.isin(codes) for label, codes in _CAUSES.items()}
    Y = pd.DataFrame(labels).astype("float64").where(known)
    return Y, pd.DataFrame({"days": days, "exit": left, "cause": cause})


def _numbers(patients: pd.DataFrame, column: str) -> pd.Series:
    values = read_numbers(patients[column])
    stated = patients[column].mask(patients[column].isin(_MISSING))
    warn_of_unread(stated, values, column, name=NAME)
    return values


def _codes(
    patients: pd.DataFrame, column: str, known: tuple[int, ...], missing: int | None = None
) -> pd.Series:
    codes = read_numbers(patients[column])
    if missing is not None:
        codes = codes.where(~patients[column].isin(_MISSING), missing)
    if (wrong := ~codes.isin(known)).any():
        raise RecordReadError(
            f"{NAME}: subject-info.csv, column {column}: expected one of "
            f"{', '.join(map(str, known))}, got {patients[column][wrong].iloc[0]!r} of the patient "
            f"{patients.index[wrong][0]}. Download it again."
        )
    return codes
