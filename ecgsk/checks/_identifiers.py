"""Identifiers among the clinical columns, and patients that X does not name."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ecgsk.checks._facts import Column
from ecgsk.checks._table import Table
from ecgsk.checks.findings import Finding, name_columns


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A name is read as its words: "patient_id", "PatientID" and "remainder__patient_id" are alike.
_PATIENT = _words("patient subject person participant pat pt subj member client nhs patienten")
_NUMBERED = _PATIENT | _words(
    "record rec case hadm stay study series visit encounter episode admission accession order "
    "exam sample specimen ecg ekg waveform file row hospital caregiver provider insurance"
)
# "visit_number" may count visits: the last two groups are identifiers only where values differ.
_IDENTIFIES = _words("id ids identifier key uid uuid guid hash name mrn")
_NUMBERS = _words("no nr num number")
_ALONE = _words("patient subject person participant record case study name filename")
# Names that are identifiers whatever stands before them.
_ALWAYS = _words(
    "mrn ssn uuid guid pid patientid subjectid patid personid caseid recordid studyid hadmid "
    "stayid visitid encounterid subjid usubjid eid patientno patno patnr patientnummer nhc rowid "
    "fallnummer fallnr "
    "surname forename firstname lastname birthname address street phone telephone email"
)
_PATIENT_ALONE = _words(
    "mrn ssn pid subjid usubjid eid patientid subjectid patid personid patientno patno patnr "
    "patientnummer nhc"
)

#: Fewer values may all differ by chance.
_MIN_VALUES = 50
#: A category rarely has more levels than this, or than a tenth of the records.
_MAX_CATEGORIES, _MAX_CATEGORY_SHARE = 10, 0.1
#: Share of distinct values from which on whole numbers number the records.
_NEAR_UNIQUE = 0.95
#: Digits that all whole numbers of an identifier have: nearly unique ones, and repeated ones.
_DIGITS_UNIQUE, _DIGITS_REPEATED = 6, 7
#: Distinct whole numbers that fill their range up to this factor count rows.
_MAX_SPARSITY = 1.5


def check_identifier_names(table: Table) -> Iterator[Finding]:
    """Find identifiers by name."""
    for column in table.columns:
        if is_identifier_name(column):
            yield _finding(table, column, "is an identifier by its name")


def check_identifier_values(table: Table) -> Iterator[Finding]:
    """Find identifiers by their values: whole numbers or levels, each of one record or patient."""
    for column in table.columns:
        if _numbers_records(column, table.patients):
            yield _finding(table, column, "has values that identify records or patients")


def _finding(table: Table, column: Column, why: str) -> Finding:
    message = f"The clinical column {str(column.label)!r} {why}."
    mend = _mend(table, column)
    return Finding("error", "identifier", (column.label,), column.n_known, message, mend)


def is_identifier_name(column: Column) -> bool:
    """Return whether a column is an identifier by its name; some names need distinct values."""
    words = column.words
    if not words or column.kind in ("boolean", "date"):
        return False
    last, before = words[-1], frozenset(words[:-1])
    if last in _ALWAYS or words in (("id",), ("identifier",)):
        return True
    if str(column.label).startswith("Unnamed: "):  # the index that to_csv wrote
        return True
    if last in _IDENTIFIES and before & _NUMBERED:
        return True
    if last in _NUMBERS and before & _PATIENT:
        return True
    is_ambiguous = words[0] in _ALONE and len(words) == 1
    is_ambiguous |= last in _NUMBERS and bool(before & _NUMBERED)
    is_ambiguous |= last in _IDENTIFIES
    return is_ambiguous and _differs(column)


def _differs(column: Column) -> bool:
    """Return whether a column has more distinct values than a category."""
    n_distinct = len(column.distinct) if column.kind == "number" else len(column.levels)
    return n_distinct > max(_MAX_CATEGORIES, _MAX_CATEGORY_SHARE * column.n_known)


def _is_patient(column: Column) -> bool:
    """Return whether a column names the patient, by its name."""
    return bool(frozenset(column.words) & (_PATIENT | _PATIENT_ALONE))


def _mend(table: Table, column: Column) -> str:
    name = str(column.label)
    drop = f"drop it: X.drop(columns=[{name!r}])"
    if _is_patient(column) and table.group_column not in table.X.columns:
        return f"If it names the patient, set group_column={name!r}; else {drop}."
    return f"{drop[0].upper()}{drop[1:]}."


def _numbers_records(column: Column, patients: np.ndarray | None) -> bool:
    """Return whether whole numbers, or the levels of a category, identify records or patients."""
    if column.n_known < _MIN_VALUES:
        return False
    if column.kind == "category":
        return len(column.levels) >= _NEAR_UNIQUE * column.n_known
    if column.kind != "number" or not column.is_whole or _repeats(column):
        return False  # text with many levels has a check of its own
    distinct = column.distinct
    if len(distinct) < _MIN_VALUES:
        return False
    is_counter = distinct[-1] - distinct[0] + 1 <= _MAX_SPARSITY * len(distinct)
    if len(distinct) >= _NEAR_UNIQUE * column.n_known:
        return bool(is_counter) or _same_digits(distinct, _DIGITS_UNIQUE)
    if _same_digits(distinct, _DIGITS_REPEATED):
        return True
    return bool(is_counter) and _is_one_to_one(column, distinct, patients)


def _repeats(column: Column) -> bool:
    """Return whether a sample has few distinct values, so that the rest need no look."""
    known = column.sample[np.isfinite(column.sample)]
    return len(np.unique(known)) < min(_MIN_VALUES, 0.5 * len(known))


def _same_digits(distinct: np.ndarray, n_digits: int) -> bool:
    """Return whether whole numbers all have one number of digits, `n_digits` or more."""
    low, high = distinct[0], distinct[-1]
    if low < 10 ** (n_digits - 1) or np.floor(np.log10(low)) != np.floor(np.log10(high)):
        return False
    # Counts per microlitre are large too, but multiples of 100 or 1000.
    return bool(high >= 2**53) or int(np.gcd.reduce(distinct.astype(np.int64))) == 1


def _is_one_to_one(column: Column, distinct: np.ndarray, patients: np.ndarray | None) -> bool:
    """Return whether each patient has one value, and each value one patient."""
    # Few values or more than patients: no need to look at the pairs.
    if patients is None or not 0.5 * patients.max() < len(distinct) <= patients.max() + 1:
        return False
    known = column.values[column.is_known].to_numpy(dtype=np.float64)
    of = patients[column.is_known].astype(np.int64)
    pairs = pd.unique(np.searchsorted(distinct, known) * (of.max() + 1) + of)
    return len(pairs) == len(distinct) == len(pd.unique(of))


def check_patients(table: Table) -> Iterator[Finding]:
    """Find patients that X names and a fit would not use: a column of another name."""
    if table.patients is not None or table.group_column in table.X.columns:
        return
    beside = find_patient_columns(table)
    if not beside or set(beside) <= set(table.clinical):
        return  # a clinical one is an error of its own
    yield Finding(
        "warning",
        "patients",
        tuple(beside),
        len(table),
        f"X has no column {table.group_column!r}, and {name_columns(beside)} looks like the "
        "patient: each record counts as a patient of its own.",
        f"Set group_column={str(beside[0])!r}, or pass groups=.",
        can_be_meant=False,
    )


def find_patient_columns(table: Table) -> list[object]:
    """Return the columns of X that name the patient, by their names."""
    names = table.X.columns
    columns = [Column(name, table.X[name]) for name in names[~names.duplicated(keep=False)]]
    return [each.label for each in columns if _is_patient(each) and is_identifier_name(each)]
