"""Columns that are known only after the ECG: by their times, or by their names."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ecgsk.checks._facts import Column
from ecgsk.checks._table import Table
from ecgsk.checks.findings import Finding

# "potassium_time" is the time of "potassium"; a bare "charttime" is that of all values.
_TIME_SUFFIXES = ("_time", "_charttime", "_datetime", "_date", "_measured_at", "_at")
_ALL_VALUES = frozenset(["charttime", "storetime", "lab_time", "labs_time", "measured_at"])

_OUTCOMES = frozenset(
    {"discharge", "dischtime", "death", "died", "dead", "mortality", "deathtime", "expire"}
    | {"expired", "survival", "outcome", "disposition", "los", "readmission", "followup"}
    | {"after", "subsequent", "later", "next"}
)
_ANSWERS = frozenset(["label", "labels", "target", "diagnosis", "diagnoses", "icd", "snomed", "dx"])
_PHRASES = ("length_of_stay", "follow_up")
# Before the ECG: "history_of_death" or "family_death".
_EARLIER = frozenset(["history", "previous", "prior", "family", "past", "hx", "known"])
_SIDES = frozenset(["fold", "folds", "split", "partition"])
_BIRTH_YEARS = frozenset(["yob", "birthyear"])


def check_times(table: Table) -> Iterator[Finding]:
    """Find values measured after the ECG, where X has the times of both."""
    if table.times is None:
        return
    ecg = pd.to_datetime(table.times, utc=True, errors="coerce").to_numpy()
    clinical = {str(column.label): column for column in table.columns if not _is_time(column)}
    for name in table.X.columns:
        about = _timed_columns(str(name), clinical)
        if not about:
            continue
        times = pd.to_datetime(table.X[name], utc=True, errors="coerce").to_numpy()
        is_later = np.asarray(times > ecg)
        for column in about:
            n_later = int((is_later & column.is_known).sum())
            if n_later:
                yield Finding(
                    "warning",
                    "after the ECG",
                    (column.label,),
                    n_later,
                    f"{n_later:,} values of the clinical column {str(column.label)!r} are later "
                    f"than their ECG, by {str(name)!r}.",
                    "Set them to NaN, or name the column in clinical_columns= where predictions "
                    "use the ECG alone.",
                )


def _is_time(column: Column) -> bool:
    is_named = str(column.label).lower().endswith(_TIME_SUFFIXES)
    return column.kind == "date" or (is_named and column.kind in ("text", "category"))


def _timed_columns(name: str, clinical: dict[str, Column]) -> list[Column]:
    """Return the clinical columns that a column of times belongs to."""
    if name.lower() in _ALL_VALUES:
        return list(clinical.values())
    for suffix in _TIME_SUFFIXES:
        if name.lower().endswith(suffix) and name[: -len(suffix)] in clinical:
            return [clinical[name[: -len(suffix)]]]
    return []


def check_outcome_names(table: Table) -> Iterator[Finding]:
    """Find outcomes, diagnoses, folds and years of birth, by name."""
    for column in table.columns:
        words = frozenset(column.words)
        if words & _EARLIER:
            continue
        if words & _OUTCOMES or any(phrase in "_".join(column.words) for phrase in _PHRASES):
            kind, what = "after the ECG", "known only after the ECG"
        elif words & _ANSWERS:
            kind, what = "label", "a diagnosis or a label"
        elif words & _SIDES:
            kind, what = "split", "a split into training and test"
        elif words & _BIRTH_YEARS or words >= {"birth", "year"} or words == {"anchor", "year"}:
            kind, what = "birth", "a year of birth, which dates the record and names the patient"
        else:
            continue
        yield Finding(
            "warning",
            kind,
            (column.label,),
            column.n_known,
            f"The clinical column {str(column.label)!r} is by its name {what}.",
            f"Drop it, X.drop(columns=[{str(column.label)!r}]), or name it in clinical_columns=.",
        )
