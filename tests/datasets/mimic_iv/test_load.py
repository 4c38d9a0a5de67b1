"""The MIMIC-IV loader as a whole: signals, rows, files and the size of the tables."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import MimicFolds, MimicTargets, load_mimic_iv, read_cohort, write_cohort
from ecgsk.exceptions import ECGError, RecordReadError


def test_signals_are_ordered_by_lead_name(hospital):
    ecg = hospital.load().X["ecg"]
    assert ecg.ecg.to_numpy()[:, 4:6, 0].tolist() == [[5, 4]] * 3  # aVL, aVF


def test_broken_record_is_left_out_of_every_table(hospital):
    (hospital.folder / "ecg/files/p10/s2/2.dat").unlink()
    with pytest.warns(UserWarning, match="load_mimic_iv: left out 1 of 3 records"):
        cohort = hospital.load()
    assert cohort.study_id.tolist() == [1, 3]
    assert cohort.labs["potassium"].tolist() == [3.0, 5.3]
    assert cohort.broken[0]["record"] == "files/p10/s2/2"
    with pytest.raises(RecordReadError, match="is absent"):
        hospital.load(errors="raise")


def test_cohort_survives_write_and_read(hospital, tmp_path):
    cohort = hospital.load()
    again = read_cohort(write_cohort(cohort, tmp_path / "cohort"))
    pd.testing.assert_frame_equal(again.X.drop(columns="ecg"), cohort.X.drop(columns="ecg"))
    for name in ("Y", "labs", "lab_abnormalities", "reference_ranges"):
        pd.testing.assert_frame_equal(again[name], cohort[name])
    for name in ("ecg_time", "study_id", "folds"):
        pd.testing.assert_series_equal(again[name], cohort[name])


def test_faults_are_found_before_labevents_is_read(hospital):
    hospital.path("hosp/labevents").unlink()
    with pytest.raises(ECGError, match="errors must be 'list' or 'raise', got 'ignore'"):
        hospital.load(errors="ignore")
    with pytest.raises(ECGError, match="diagnoses='other' is neither"):
        hospital.load(targets={"diagnoses": "other"})
    with pytest.raises(RecordReadError, match=r"expected machine_measurements\.csv"):
        hospital.load(inputs={"machine_measurements": True})
    with pytest.raises(RecordReadError, match=r"expected labevents\.csv"):
        hospital.load()


def test_options_must_be_specs(hospital):
    with pytest.raises(ECGError, match=r"targets must be a MimicTargets, got \{'min_count': 1\}"):
        load_mimic_iv(**hospital.modules, targets={"min_count": 1})


def test_laboratory_name_must_differ_from_other_columns(hospital):
    labs = pd.DataFrame({"itemid": [50912], "name": "age", "fluid": "Blood", "unit": "umol/L"})
    with pytest.raises(ECGError, match="laboratory name 'age' is also the name of another"):
        hospital.load(labs=labs.assign(other_units="", low=np.nan, high=np.nan))


def test_parquet_and_csv_give_equal_cohorts(hospital):
    expected = hospital.load()
    for number, path in enumerate(sorted(hospital.folder.glob("*/*.csv.gz"))):
        text = pd.read_csv(path, dtype=str if number % 2 else None)
        text.to_parquet(path.with_name(path.name.replace(".csv.gz", ".parquet")))
        path.unlink()
    found = hospital.load()
    pd.testing.assert_frame_equal(found.X.drop(columns="ecg"), expected.X.drop(columns="ecg"))
    pd.testing.assert_frame_equal(found.labs, expected.labs)
    pd.testing.assert_frame_equal(found.Y, expected.Y)


@pytest.mark.real_data
def test_records_of_the_demo(demo_cohort, demo_ecgs, demo):
    assert len(demo_cohort.X) == 113
    assert demo_cohort.X["subject_id"].tolist() == demo_ecgs["subject_id"].tolist()
    assert (demo_cohort.ecg_time == demo_ecgs["ecg_time"]).all()
    assert demo_cohort.study_id.tolist() == demo_ecgs["study_id"].tolist()
    assert str(demo_cohort.X["ecg"].dtype) == "ecg[12x5000, 500 Hz]"
    assert demo_cohort.X["ecg"].ecg.leads[4:6] == ("aVL", "aVF")
    assert demo_cohort.broken == []
    without_ed = load_mimic_iv(demo["ecg"], demo["hosp"])
    assert len(without_ed.X) == 113
    assert "heart_rate" not in without_ed.X


@pytest.mark.real_data
@pytest.mark.slow
# Twenty patients who are one: what separates them separates their labels.
@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.TableWarning")
def test_twenty_copies_of_the_demo_fit_in_500_mb(demo, tmp_path):
    script = Path(__file__).parents[3] / "benchmarks" / "mimic_iv_labevents.py"
    runpy.run_path(str(script))["write_tree"](demo["ecg"].parent, tmp_path, 20)
    every_ecg = MimicFolds(first_per_stay=False)
    modules = {name: tmp_path / name for name in demo}
    cohort = load_mimic_iv(
        **modules, memory_limit="500MB", threads=2, folds=every_ecg, progress=False
    )
    discharge_codes = MimicTargets(diagnoses="diagnoses_icd", min_count=1)
    one = load_mimic_iv(**demo, targets=discharge_codes, folds=every_ecg)
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
