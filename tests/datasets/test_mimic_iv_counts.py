"""The MIMIC-IV demo joined by DuckDB, against the same joins written out in plain pandas."""

import ast
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import load_mimic_iv

pytestmark = pytest.mark.real_data
VITALS = {
    "heart_rate": ("heartrate", 10, 350),
    "systolic_bp": ("sbp", 20, 350),
    "diastolic_bp": ("dbp", 5, 250),
    "respiratory_rate": ("resprate", 1, 100),
    "oxygen_saturation": ("o2sat", 20, 100),
}


@pytest.fixture(scope="module")
def folders(real_data):
    return {name: real_data / "mimic_iv_demo" / name for name in ("ecg", "hosp", "ed")}


@pytest.fixture(scope="module")
def cohort(folders):
    return load_mimic_iv(**folders, min_count=5)


@pytest.fixture(scope="module")
def ecgs(folders):
    table = pd.read_csv(folders["ecg"] / "record_list.csv", parse_dates=["ecg_time"])
    return table.rename_axis("row").reset_index()


@pytest.fixture(scope="module")
def labs(folders, ecgs):
    """Every usable laboratory value of the ECGs' subjects, with its distance to each ECG."""
    path = files("ecgsk.datasets") / "data" / "mimic_iv_labs.csv"
    items = pd.read_csv(str(path), keep_default_na=False)
    events = pd.read_csv(folders["hosp"] / "labevents.csv.gz", parse_dates=["charttime"])
    events = events.drop(columns="value").merge(items, on="itemid").dropna(subset="valuenum")
    events = events[[_has_unit(row) for row in events.itertuples()]]
    events = events[events["valuenum"].between(events["low"], events["high"])]
    pairs = events.merge(ecgs[["row", "subject_id", "ecg_time"]], on="subject_id")
    pairs["seconds"] = (pairs["charttime"] - pairs["ecg_time"]).dt.total_seconds()
    # Nearest first; the earlier of two, then the list's order, then the event's number.
    pairs["distance"] = pairs["seconds"].abs()
    order = pairs["itemid"].map({item: place for place, item in enumerate(items["itemid"])})
    return pairs.assign(order=order).sort_values(["distance", "seconds", "order", "labevent_id"])


def _has_unit(row):
    def plain(unit):
        return "".join(unit.lower().replace("µ", "u").replace("μ", "u").split())

    accepted = [plain(unit) for unit in (row.unit, *row.other_units.split("|"))]
    return pd.isna(row.valueuom) or not row.unit or plain(row.valueuom) in accepted


def nearest(pairs, start, end):
    inside = pairs[pairs["seconds"].between(start, end)]
    return inside.groupby(["row", "name"], sort=False).first().reset_index()


def check_columns(table, expected):
    """Each column: which rows have a value, and their sum."""
    assert len(expected) > 0
    for name, group in expected.groupby("name"):
        assert table[name].notna().sum() == len(group), name
        assert set(table.index[table[name].notna()]) == set(group["row"]), name
        assert table[name].sum() == pytest.approx(group["value"].sum()), name


def test_records(cohort, ecgs, folders):
    assert len(cohort.X) == 113
    assert cohort.X["subject_id"].tolist() == ecgs["subject_id"].tolist()
    assert (cohort.ecg_time == ecgs["ecg_time"]).all()
    assert cohort.study_id.tolist() == ecgs["study_id"].tolist()
    assert str(cohort.X["ecg"].dtype) == "ecg[12x5000, 500 Hz]"
    assert cohort.X["ecg"].ecg.leads[4:6] == ("aVL", "aVF")
    assert cohort.broken == []
    assert len(load_mimic_iv(folders["ecg"], folders["hosp"]).X) == 113


def test_laboratory_inputs(cohort, labs):
    expected = nearest(labs, -86_400, 0).rename(columns={"valuenum": "value"})
    check_columns(cohort.X, expected)
    assert (expected["charttime"] <= expected["ecg_time"]).all()


def test_laboratory_targets_and_abnormalities(cohort, labs):
    expected = nearest(labs, -3600, 3600).rename(columns={"valuenum": "value"})
    check_columns(cohort.labs, expected)
    assert set(cohort.labs.columns) == set(expected["name"])
    for side, bound, sign in [("low", "ref_range_lower", 1), ("high", "ref_range_upper", -1)]:
        judged = expected.dropna(subset=bound)
        beyond = (sign * judged["value"] < sign * judged[bound]).astype(float)
        judged = judged.assign(name=judged["name"] + f" {side}", value=beyond)
        check_columns(cohort.lab_abnormalities, judged)


def test_vital_signs(cohort, ecgs, folders):
    vitals = pd.read_csv(folders["ed"] / "vitalsign.csv.gz", parse_dates=["charttime"])
    triage = pd.read_csv(folders["ed"] / "triage.csv.gz")
    stays = pd.read_csv(folders["ed"] / "edstays.csv.gz", parse_dates=["intime"])
    triage = triage.merge(stays[["stay_id", "intime"]]).rename(columns={"intime": "charttime"})
    both = pd.concat([vitals.assign(source=0), triage.assign(source=1)])
    both["temperature"] = (both["temperature"] - 32) / 1.8
    pairs = both.merge(ecgs, on="subject_id")
    before = (pairs["ecg_time"] - pairs["charttime"]).dt.total_seconds()
    pairs = pairs.assign(before=before)[before.between(0, 86_400)]
    for name, (column, low, high) in (VITALS | {"temperature": ("temperature", 25, 45)}).items():
        usable = pairs[pairs[column].between(low, high)]
        latest = usable.sort_values(["before", "source", column]).groupby("row")[column].first()
        assert cohort.X[name].notna().sum() == len(latest) > 0, name
        np.testing.assert_allclose(cohort.X.loc[latest.index, name], latest)
    assert "acuity" not in cohort.X  # the demo has none


def test_demographics(cohort, ecgs, folders):
    merged = ecgs.merge(pd.read_csv(folders["hosp"] / "patients.csv.gz"), how="left")
    age = merged["anchor_age"] + merged["ecg_time"].dt.year - merged["anchor_year"]
    assert cohort.X["age"].tolist() == age.tolist()
    assert cohort.X["sex"].tolist() == merged["gender"].tolist()


def test_body_measures(cohort, ecgs, folders):
    omr = pd.read_csv(folders["hosp"] / "omr.csv.gz", parse_dates=["chartdate"])
    pairs = omr.merge(ecgs, on="subject_id")
    pairs["days"] = (pairs["chartdate"] - pairs["ecg_time"].dt.normalize()).dt.days
    pairs["distance"] = pairs["days"].abs()
    pairs = pairs[pairs["distance"] <= 30].sort_values(
        ["distance", "days", "seq_num", "result_value"]
    )
    for name, label, factor, low, high in [
        ("weight", "Weight (Lbs)", 0.45359237, 20, 400),
        ("height", "Height (Inches)", 2.54, 100, 240),
    ]:
        value = pairs["result_value"] * factor
        usable = pairs.assign(value=value)[
            (pairs["result_name"] == label) & value.between(low, high)
        ]
        first = usable.groupby("row")["value"].first()
        assert cohort.X[name].notna().sum() == len(first) > 0
        np.testing.assert_allclose(cohort.X.loc[first.index, name], first)
    np.testing.assert_allclose(
        cohort.X["bmi"], cohort.X["weight"] / (cohort.X["height"] / 100) ** 2
    )


def _expected_labels(codes_per_row, digits):
    return [
        {
            code[:n]
            for code in codes
            for n in range(3, digits + 1)
            if len(code) >= n and (n == 3 or code[n - 1] != "X")
        }
        for codes in codes_per_row
    ]


def check_labels(Y, labels, min_count):
    counts = pd.Series([label for found in labels for label in found]).value_counts()
    assert Y.columns.tolist() == sorted(counts.index[counts >= min_count])
    for row, found in enumerate(labels):
        if not found:
            assert Y.loc[row].isna().all()
        else:
            assert Y.loc[row].tolist() == [float(column in found) for column in Y.columns]


@pytest.mark.parametrize("column", ["all_diag_all", "hosp_diag_hosp"])
@pytest.mark.parametrize("digits", [3, 5])
def test_labels_of_the_extension(folders, column, digits):
    table = pd.read_csv(folders["ecg"] / "records_w_diag_icd10.csv")
    cohort = load_mimic_iv(**folders, diagnoses=column, icd_digits=digits, min_count=5)
    codes = table.set_index("study_id")[column].reindex(cohort.study_id).map(ast.literal_eval)
    check_labels(cohort.Y, _expected_labels(codes, digits), 5)
    assert cohort.Y.notna().all(axis=1).sum() == 30
    assert cohort.folds.tolist() == table["strat_fold"].tolist()


def test_labels_of_discharge_codes(folders, ecgs):
    cohort = load_mimic_iv(**folders, diagnoses="diagnoses_icd", icd_digits=4, min_count=5)
    times = ["admittime", "dischtime"]
    stays = pd.read_csv(folders["hosp"] / "admissions.csv.gz", parse_dates=times)
    stays = stays[["subject_id", "hadm_id", *times]]
    ed = pd.read_csv(folders["ed"] / "edstays.csv.gz", parse_dates=["intime", "outtime"])
    ed = ed[["subject_id", "hadm_id", "intime", "outtime"]].set_axis(stays.columns, axis=1)
    pairs = ecgs.merge(pd.concat([stays, ed]), on="subject_id")
    pairs = pairs[pairs["ecg_time"].between(pairs["admittime"], pairs["dischtime"])]
    pairs = pairs.merge(
        pd.read_csv(folders["hosp"] / "diagnoses_icd.csv.gz", dtype=str).astype(
            {"hadm_id": "int64"}
        ),
        on="hadm_id",
    )
    tens = pairs[pairs["icd_version"] == "10"].groupby("row")["icd_code"].agg(set)
    codes = [tens.get(row, set()) for row in range(len(ecgs))]
    check_labels(cohort.Y, _expected_labels(codes, 4), 5)
    n_nine = len(set(pairs["row"]) - set(tens.index))
    assert n_nine == 20
    assert f"{n_nine} of them coded in ICD-9 alone" in cohort.DESCR


def test_steps_are_counted(cohort, labs):
    steps = cohort.steps["records"]
    assert steps["listed"] == steps["ECG readable"] == 113
    assert steps["laboratory inputs"] == nearest(labs, -86_400, 0)["row"].nunique()
    assert steps["laboratory targets"] == nearest(labs, -3600, 3600)["row"].nunique()
    assert steps["diagnoses"] == 30
    assert cohort.steps.loc["listed", "subjects"] == 17
    assert "listed: 113 (17)" in cohort.DESCR
    # The demo states these two in units that are not those of their reference ranges.
    left_out = cohort.lab_counts.query("other_unit > 0")
    assert set(left_out.index) == {"free_calcium", "troponin_t"}
    assert (left_out["other_unit"] == left_out["found"]).all()
