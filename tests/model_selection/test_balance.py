"""Folds are more even than GroupKFold's, on synthetic and on real labels."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from ecgsk.model_selection import MultilabelGroupKFold, check_patient_split

# The measure and the label sets are the benchmark's, so that what it prints is what is tested.
_SPEC = importlib.util.spec_from_file_location(
    "fold_balance", Path(__file__).parents[2] / "benchmarks" / "fold_balance.py"
)
fold_balance = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fold_balance)


def both(labels, n_splits=5, seed=None):
    """Balance by GroupKFold and by ours, which must not split a patient."""
    Y, patients = labels[0].to_numpy(dtype=float), pd.factorize(labels[1])[0]
    if seed is not None:
        patients = np.random.default_rng(seed).permutation(patients.max() + 1)[patients]
    cv = MultilabelGroupKFold(n_splits)
    check_patient_split(patients, *(test for _, test in cv.split(Y, Y, patients)))
    return (fold_balance.balance(Y, patients, splitter) for splitter in (GroupKFold(n_splits), cv))


def test_imbalance_is_that_of_the_worst_fold_among_labels_enough_patients_carry():
    Y = np.array([[1, 1, 1], [1, np.nan, 0], [1, 1, 0], [0, 0, 0]])
    # Folds {0, 2} and {1, 3}: prevalences 1 and 1/2 of 3/4, 1 and 0 of 2/3; the third label
    # has one patient alone.
    found = fold_balance.balance(Y, np.arange(4), GroupKFold(2))
    assert found == pytest.approx((1, (1 / 3 + 1) / 2, 1, 0))


@pytest.mark.parametrize("seed", range(4))
def test_synthetic_cohort(seed):
    for name, labels in fold_balance.synthetic_sets(n_subjects=400, seed=seed):
        theirs, ours = both(labels)
        assert ours.worst < 0.7 * theirs.worst, name
        assert ours.mean < 0.4 * theirs.mean, name
        assert ours.folds_without == 0, name
        assert ours.size < 0.05, name


@pytest.mark.parametrize("seed", range(6))
def test_patients_with_many_records_and_labels_do_not_spoil_the_folds(seed):
    """Few patients, some with many records, and a long tail of labels: a ward's tables."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(60), np.ceil(rng.pareto(1.5, 60).clip(max=12) * 2).astype(int))
    risk = (np.geomspace(0.3, 0.005, 150) * rng.gamma(0.5, 2, (60, 150))).clip(max=1)
    Y = pd.DataFrame(rng.random((len(patients), 150)) < risk[patients])
    theirs, ours = both((Y, patients))
    assert ours.worst < theirs.worst
    assert ours.mean < 0.9 * theirs.mean
    assert ours.folds_without < 0.7 * theirs.folds_without
    assert ours.size < 0.3


def test_the_few_patients_of_a_rare_label_are_kept_apart():
    """A label of three patients can be in three folds at most, and is."""
    rng = np.random.default_rng(0)
    Y = np.hstack([rng.random((200, 20)) < 0.3, np.repeat(np.eye(20), 10, axis=0)])
    Y[:, 20:] *= np.tile(np.arange(10) < 3, 20)[:, np.newaxis]
    folds = [test for _, test in MultilabelGroupKFold(5).split(Y, Y, np.arange(200))]
    assert (sum(Y[test, 20:].any(axis=0) for test in folds) == 3).all()


@pytest.mark.real_data
def test_ptbxl_superclasses(real_data):
    labels = fold_balance.ptbxl_superclasses(real_data / "ptbxl_subset")
    for seed in range(5):
        theirs, ours = both(labels, seed=seed)
        assert ours.worst < 0.05 < theirs.worst
        assert ours.folds_without == 0
        assert ours.size < 0.03


@pytest.mark.real_data
@pytest.mark.parametrize("labels", ["mimic_diagnoses", "mimic_abnormalities"])
def test_mimic_iv_demo(real_data, labels):
    """Of 63 patients with up to 400 samples each, not every label can reach every fold."""
    labels = getattr(fold_balance, labels)(real_data / "mimic_iv_demo" / "hosp")
    for seed in range(5):
        theirs, ours = both(labels, seed=seed)
        assert ours.worst < theirs.worst
        assert ours.mean < theirs.mean
        assert ours.folds_without < theirs.folds_without


@pytest.mark.real_data
def test_ludb_statements(real_data):
    labels = fold_balance.ludb_statements(real_data / "ludb")
    for seed in range(5):
        theirs, ours = both(labels, seed=seed)
        assert ours.worst < theirs.worst
        assert ours.mean < 0.5 * theirs.mean
        assert ours.folds_without <= 1  # of 175; by GroupKFold about 20
