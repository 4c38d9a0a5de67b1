"""Folds by patient: stated, stratified or random."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import MimicFolds
from ecgsk.datasets._mimic_iv._folds import make_folds, name_parts
from ecgsk.datasets._mimic_iv._tables import MimicTables


def test_folds_are_by_patient(hospital):
    cohort = hospital.load()
    assert cohort.folds[0] == cohort.folds[1] != cohort.folds[2]
    assert cohort.groups.tolist() == [10, 10, 20]


def test_stated_folds_are_used_for_twenty(hospital):
    (hospital.folder / "ecg" / "records_w_diag_icd10.csv").write_text(
        "study_id,all_diag_all,strat_fold\n1,\"['I48']\",7\n2,[],7\n3,[],3\n"
    )
    assert hospital.load().folds.tolist() == [7, 7, 3]
    assert set(hospital.load(folds={"split": (1, 1, 0)}).folds) == {1, 2}


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


def test_stratified_folds_balance_labels(patients, tmp_path):
    X, Y = patients
    options = MimicFolds(split=(8, 1, 1))
    with MimicTables({"ecg": tmp_path}, "500MB") as tables:
        folds, source = make_folds(tables, X, Y, options)
        again, _ = make_folds(tables, X, Y, options)
        random, _ = make_folds(tables, X, Y, MimicFolds(split=(8, 1, 1), stratify=False))
    assert source == "10 random by patient, balanced in diagnoses, sex and age"
    assert folds.equals(again)
    assert sorted(folds.unique()) == list(range(1, 11))
    assert (folds.groupby(X["subject_id"]).nunique() == 1).all()

    def spread(folds):
        return Y.isna().iloc[:, 0].groupby(folds).sum().std() + Y.groupby(folds).sum().std().sum()

    assert spread(folds) < spread(random) / 2
    parts = name_parts(folds, source, (8, 1, 1))
    assert parts.groupby(folds).first().tolist() == ["train"] * 8 + ["validation", "test"]
