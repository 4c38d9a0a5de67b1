"""Balance of folds against GroupKFold, on synthetic and real labels."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from ecgsk.model_selection import MultilabelGroupKFold, check_patient_split

# Test the measure and the label sets that the benchmark prints.
_SPEC = importlib.util.spec_from_file_location(
    "fold_balance", Path(__file__).parents[2] / "benchmarks" / "fold_balance.py"
)
fold_balance = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fold_balance)


def compare_balance(labels, n_splits=5, seed=None):
    """Return the balance of GroupKFold and of MultilabelGroupKFold, split by patient."""
    Y, patients = labels[0].to_numpy(dtype=float), pd.factorize(labels[1])[0]
    if seed is not None:
        patients = np.random.default_rng(seed).permutation(patients.max() + 1)[patients]
    cv = MultilabelGroupKFold(n_splits)
    check_patient_split(patients, *(test for _, test in cv.split(Y, Y, patients)))
    return (fold_balance.balance(Y, patients, splitter) for splitter in (GroupKFold(n_splits), cv))


def test_imbalance_is_that_of_the_worst_fold_over_labels_with_enough_patients():
    Y = np.array([[1, 1, 1], [1, np.nan, 0], [1, 1, 0], [0, 0, 0]])
    # Folds {0, 2} and {1, 3}: prevalences 1 and 1/2 of 3/4, 1 and 0 of 2/3; the third label
    # has one patient.
    found = fold_balance.balance(Y, np.arange(4), GroupKFold(2))
    assert found == pytest.approx((1, (1 / 3 + 1) / 2, 1, 0))


@pytest.mark.parametrize("seed", range(4))
def test_folds_of_a_synthetic_cohort_are_balanced(seed):
    for name, labels in fold_balance.synthetic_sets(n_subjects=400, seed=seed):
        baseline, own = compare_balance(labels)
        assert own.worst < 0.7 * baseline.worst, name
        assert own.mean < 0.4 * baseline.mean, name
        assert own.folds_without == 0, name
        assert own.size < 0.05, name


@pytest.mark.parametrize("seed", range(6))
def test_folds_are_balanced_with_few_patients_and_many_rare_labels(seed):
    """Some patients have many records, as in the tables of a ward."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(60), np.ceil(rng.pareto(1.5, 60).clip(max=12) * 2).astype(int))
    risk = (np.geomspace(0.3, 0.005, 150) * rng.gamma(0.5, 2, (60, 150))).clip(max=1)
    Y = pd.DataFrame(rng.random((len(patients), 150)) < risk[patients])
    baseline, own = compare_balance((Y, patients))
    assert own.worst < baseline.worst
    assert own.mean < 0.9 * baseline.mean
    assert own.folds_without < 0.7 * baseline.folds_without
    assert own.size < 0.3


def test_patients_of_a_rare_label_are_in_different_folds():
    """A label with three patients is in three folds."""
    rng = np.random.default_rng(0)
    Y = np.hstack([rng.random((200, 20)) < 0.3, np.repeat(np.eye(20), 10, axis=0)])
    Y[:, 20:] *= np.tile(np.arange(10) < 3, 20)[:, np.newaxis]
    folds = [test for _, test in MultilabelGroupKFold(5).split(Y, Y, np.arange(200))]
    assert (sum(Y[test, 20:].any(axis=0) for test in folds) == 3).all()


@pytest.mark.real_data
def test_folds_of_ptbxl_superclasses_are_balanced(real_data):
    labels = fold_balance.ptbxl_superclasses(real_data / "ptbxl_subset")
    for seed in range(5):
        baseline, own = compare_balance(labels, seed=seed)
        assert own.worst < 0.05 < baseline.worst
        assert own.folds_without == 0
        assert own.size < 0.03


@pytest.mark.real_data
@pytest.mark.parametrize("labels", ["mimic_diagnoses", "mimic_abnormalities"])
def test_folds_of_the_mimic_iv_demo_are_balanced_better_than_by_group_k_fold(real_data, labels):
    """With 63 patients of up to 400 samples, some labels cannot be in every fold."""
    labels = getattr(fold_balance, labels)(real_data / "mimic_iv_demo" / "hosp")
    for seed in range(5):
        baseline, own = compare_balance(labels, seed=seed)
        assert own.worst < baseline.worst
        assert own.mean < baseline.mean
        assert own.folds_without < baseline.folds_without


@pytest.mark.real_data
def test_folds_of_ludb_statements_are_balanced(real_data):
    labels = fold_balance.ludb_statements(real_data / "ludb")
    for seed in range(5):
        baseline, own = compare_balance(labels, seed=seed)
        assert own.worst < baseline.worst
        assert own.mean < 0.5 * baseline.mean
        assert own.folds_without <= 1  # of 175 labels; GroupKFold has about 20
