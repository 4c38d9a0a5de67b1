"""Values later than the ECG, outcomes and years of birth."""

import numpy as np
import pandas as pd
import pytest

from ecgsk import check_table

N = 60
ECG = pd.Series(pd.date_range("2150-01-01", periods=N, freq="1D"))


def kinds(X, **options):
    found = check_table(X, **options).findings
    return {(f.kind, f.severity, *f.columns) for f in found if f.severity != "note"}


@pytest.fixture(name="X")
def _x():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"potassium": rng.normal(4, 1, N), "ph": rng.normal(7.4, 0.1, N)})


@pytest.mark.parametrize("suffix", ["_time", "_charttime", "_date"])
def test_value_measured_after_the_ecg(X, suffix):
    named = {"clinical_columns": ["ph"]}
    X = X.assign(ecg_time=ECG, **{f"ph{suffix}": ECG - pd.Timedelta("1h")})
    assert kinds(X, **named) == set()
    X.loc[:4, f"ph{suffix}"] += pd.Timedelta("2h")
    report = check_table(X.drop(columns="ecg_time"), ecg_time=ECG)
    assert {f.kind for f in report.findings} == {"date", "after the ECG"}
    (later,) = report.warnings
    assert (later.columns, later.n_records) == (("ph",), 5)


def test_missing_values_and_text_times(X):
    X = X.assign(ph_time=(ECG + pd.Timedelta("1h")).astype(str))
    X.loc[3:, "ph"] = np.nan
    (later,) = check_table(X, ecg_time=ECG.astype(str)).warnings
    assert later.n_records == 3


def test_one_time_of_all_values(X):
    X = X.assign(charttime=ECG + pd.Timedelta("1h"), ecg_time=ECG)
    later = {f.columns for f in check_table(X).warnings}
    assert later == {("potassium",), ("ph",)}


def test_time_zones_are_compared_as_instants(X):
    times = ECG.dt.tz_localize("UTC")
    X = X.assign(ph_time=(times - pd.Timedelta("1h")).dt.tz_convert("Asia/Tokyo"))
    assert check_table(X, ecg_time=times).warnings == ()


@pytest.mark.parametrize(
    "name",
    ["hospital_expire_flag", "length_of_stay", "los", "died", "discharge_location", "outcome_30d"],
)
def test_outcome_by_name(X, name):
    assert kinds(X.assign(**{name: np.arange(N) % 2})) == {("after the ECG", "warning", name)}


@pytest.mark.parametrize("name", ["diagnosis", "label", "icd_code", "target"])
def test_answer_by_name(X, name):
    assert kinds(X.assign(**{name: np.arange(N) % 2})) == {("label", "warning", name)}


@pytest.mark.parametrize("name", ["birth_year", "yob", "anchor_year"])
def test_year_of_birth(X, name):
    assert kinds(X.assign(**{name: 1950 + np.arange(N) % 30})) == {("birth", "warning", name)}


@pytest.mark.parametrize(
    "name", ["birth_weight", "family_history_death", "dose", "prior_diagnosis", "time_to_peak"]
)
def test_near_misses(X, name):
    assert kinds(X.assign(**{name: np.arange(N) % 7 / 3})) == set()
