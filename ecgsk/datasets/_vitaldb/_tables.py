"""The tables of VitalDB: cases, laboratory results and reference ranges."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ecgsk.datasets._csv_files import read_age, read_sex, warn_of_unread
from ecgsk.datasets._layouts import read_table
from ecgsk.exceptions import ECGError, RecordReadError

NAME = "load_vitaldb"
#: Our name of each test of `lab_parameters.csv`; those with MIMIC-IV's unit have its name.
LABORATORIES = {
    "wbc": "white_cells",
    "hb": "haemoglobin",
    "hct": "haematocrit",
    "plt": "platelets",
    "esr": "sedimentation_rate",
    "gluc": "glucose",
    "tprot": "total_protein",
    "alb": "albumin",
    "tbil": "bilirubin_total",
    "ast": "ast",
    "alt": "alt",
    "bun": "urea_nitrogen",
    "cr": "creatinine",
    "gfr": "glomerular_filtration_rate",
    "ccr": "creatinine_clearance",
    "na": "sodium",
    "k": "potassium",
    "ica": "free_calcium",
    "cl": "chloride",
    "ammo": "ammonia",
    "crp": "c_reactive_protein",  # in mg/dL; MIMIC-IV's crp is in mg/L
    "lac": "lactate",
    "ptinr": "inr",
    "pt%": "prothrombin_percent",
    "ptsec": "prothrombin_time",
    "aptt": "ptt",
    "fib": "fibrinogen",
    "ph": "ph",
    "pco2": "pco2",
    "po2": "po2",
    "hco3": "bicarbonate",
    "be": "base_excess",
    "sao2": "oxygen_saturation_blood_gas",
}
#: Clinical columns of X that were known before the operation, by column of `clinical_data.csv`.
_BEFORE = {
    "height": "height",
    "weight": "weight",
    "bmi": "bmi",
    "asa": "asa_class",
    "emop": "emergency",
    "preop_htn": "hypertension",
    "preop_dm": "diabetes",
}
_OUTCOMES = ["death_inhosp", "icu_days"]
_NUMBERS = ["caseend", *_BEFORE, *_OUTCOMES]
_RANGE = re.compile(r"\s*(-?[0-9.]+)\s*~\s*(-?[0-9.]+)\s*")


def read_cases(folder: Path, wanted: Iterable[int] | None = None) -> pd.DataFrame:
    """Read `clinical_data.csv`, or the wanted cases of it, by case."""
    table = read_table(
        folder / "clinical_data.csv",
        ["caseid", "subjectid", "age", "sex", *_NUMBERS],
        source="VitalDB",
        name=NAME,
        kinds=dict.fromkeys(["caseid", "subjectid"], "whole") | dict.fromkeys(_NUMBERS, "number"),
        key="caseid",
    ).set_index("caseid")
    if wanted is None:
        return table
    if unknown := sorted(set(wanted := list(wanted)) - set(table.index)):
        raise ECGError(
            f"{NAME}: expected cases of clinical_data.csv, such as {table.index[0]}; got "
            f"{unknown[0]}. Leave it out of cases."
        )
    return table[table.index.isin(wanted)]


def clinical_columns(cases: pd.DataFrame) -> pd.DataFrame:
    """Return age, sex and what was known before the operation."""
    age, sex = read_age(cases["age"]), read_sex(cases["sex"])
    warn_of_unread(cases["age"], age, "age", name=NAME)
    warn_of_unread(cases["sex"], sex, "sex", name=NAME)
    known = cases[list(_BEFORE)].rename(columns=_BEFORE).astype("float64")
    return pd.concat([age.rename("age"), sex.rename("sex"), known], axis=1)


def outcomes(cases: pd.DataFrame) -> pd.DataFrame:
    """Return outcomes as 0, 1 or NaN."""
    days = cases["icu_days"].astype("float64")
    return pd.DataFrame(
        {
            "death in hospital": cases["death_inhosp"].astype("float64"),
            "intensive care": (days > 0).astype("float64").where(days.notna()),
        }
    )


def read_labs(folder: Path, cases: pd.Index) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the laboratory results of some cases, and count what was left out, by test.

    The columns are ``caseid``, ``dt`` (seconds from the start of the recording), ``name`` and
    ``value``.
    """
    columns = ["caseid", "dt", "name", "result"]
    table = read_table(
        folder / "lab_data.csv",
        columns,
        source="VitalDB",
        name=NAME,
        kinds={"caseid": "whole", "dt": "number", "name": "text"},
    )[columns]
    table = table[table["caseid"].isin(cases)]
    table["name"] = table["name"].replace(LABORATORIES)
    values = pd.to_numeric(table["result"], errors="coerce").astype("float64")
    table["value"] = values.where(np.isfinite(values))
    missing = {"found": 1, "no_time": table["dt"].isna(), "not_a_number": table["value"].isna()}
    counts = pd.DataFrame(missing, index=table.index).groupby(table["name"]).sum().astype("int64")
    kept = table["dt"].notna() & table["value"].notna()
    return table.loc[kept, ["caseid", "dt", "name", "value"]].reset_index(drop=True), counts


def read_ranges(folder: Path, names: pd.Index) -> pd.DataFrame:
    """Read the reference ranges of tests from texts such as ``3.5~5.5`` and ``-2.0~3.0``."""
    path = folder / "lab_parameters.csv"
    columns = ["Parameter", "Unit", "Reference value"]
    table = read_table(path, columns, source="VitalDB", name=NAME, key="Parameter")
    rows = {}
    for test, unit, text in table[columns].itertuples(index=False):
        found = _RANGE.fullmatch(str(text))
        if found is None and pd.notna(text):
            raise RecordReadError(
                f"{NAME}: {path}: expected a range such as 3.5~5.5 of {test}, got {text!r}. "
                "Download it again."
            )
        low, high = map(float, found.groups()) if found else (np.nan, np.nan)
        shown = unit if isinstance(unit, str) else ""
        rows[LABORATORIES.get(test, test)] = {"low": low, "high": high, "unit": shown}
    ranges = pd.DataFrame.from_dict(rows, orient="index", columns=["low", "high", "unit"])
    return ranges.reindex(names).fillna({"unit": ""})


def nearest_results(
    windows: pd.DataFrame, labs: pd.DataFrame, first: pd.Series, last: pd.Series
) -> pd.DataFrame:
    """Return, per window and test, the result nearest to the start of the window.

    `windows` has the columns ``caseid`` and ``start``; `first` and `last` are the earliest and
    latest time of a result, both included, all in seconds. Of two that are as near, the
    earlier counts.
    """
    asked = windows.assign(first=first, last=last).rename_axis("window").reset_index()
    pairs = asked.merge(labs, on="caseid")
    pairs = pairs[pairs["dt"].between(pairs["first"], pairs["last"])]
    pairs["distance"] = (pairs["dt"] - pairs["start"]).abs()
    order = pairs.sort_values(["distance", "dt"], kind="stable")
    nearest = order.groupby(["window", "name"], sort=True)["value"].first().unstack("name")
    nearest.columns.name = None
    return nearest.reindex(windows.index)
