"""Splits by patient: partition, balance, scikit-learn interface and errors."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score, cross_validate

from ecgsk.exceptions import ECGError, PatientLeakageError
from ecgsk.metrics import masked_roc_auc_scorer
from ecgsk.model_selection import MultilabelGroupKFold, check_patient_split, patient_split


@st.composite
def cohorts(draw):
    """Return labels with NaN, and patients with any number of records."""
    n, k = draw(st.integers(8, 60)), draw(st.integers(1, 4))
    Y = draw(hnp.arrays(np.float64, (n, k), elements=st.sampled_from([0.0, 1.0, np.nan])))
    groups = draw(hnp.arrays(np.int64, n, elements=st.integers(0, 30)))
    groups[:5] = np.arange(-5, 0)
    return Y, groups


@settings(deadline=None)
@given(cohort=cohorts(), n_splits=st.integers(2, 5), shuffle=st.booleans(), seed=st.integers(0, 9))
def test_folds_partition_the_records_by_patient(cohort, n_splits, shuffle, seed):
    Y, groups = cohort
    cv = MultilabelGroupKFold(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    tests = []
    for train, test in cv.split(Y, Y, groups):
        check_patient_split(groups, train, test)
        assert len(train)
        assert len(test)
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(len(Y)))
        tests.append(test)
    assert len(tests) == cv.get_n_splits() == n_splits
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(len(Y)))


@settings(deadline=None)
@given(cohort=cohorts(), test_size=st.floats(0.2, 0.8), seed=st.integers(0, 9))
def test_patient_split_partitions_the_records_by_patient(cohort, test_size, seed):
    Y, groups = cohort
    for labels in (None, Y):
        train, test = patient_split(groups, test_size, random_state=seed, Y=labels)
        check_patient_split(groups, train, test)
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(len(Y)))
    n_patients = len(np.unique(groups))
    train, test = patient_split(groups, test_size, random_state=seed)
    assert len(np.unique(groups[test])) == round(test_size * n_patients)


def hospital(seed, n_patients=400, n_labels=12, measured=1.0):
    """Return labels from common to rare, and patients with one to many records."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_patients), rng.geometric(0.4, n_patients))
    risk = np.geomspace(0.3, 0.03, n_labels) * rng.gamma(0.5, 2, (n_patients, 1))
    Y = (rng.random((len(groups), n_labels)) < risk[groups]).astype(float)
    Y[rng.random(Y.shape) > measured] = np.nan
    order = rng.permutation(len(groups))
    return Y[order], groups[order]


def worst_imbalance(Y, tests):
    """Return the largest |share of a label's positives in a fold * folds - 1|."""
    shares = np.array([np.nansum(Y[test], axis=0) for test in tests]) / np.nansum(Y, axis=0)
    return np.abs(shares * len(tests) - 1).max()


@pytest.mark.parametrize("measured", [1.0, 0.5])
def test_labels_are_balanced_better_than_by_group_k_fold(measured):
    own, group_k_fold = [], []
    for seed in range(10):
        Y, groups = hospital(seed, measured=measured)
        for cv, results in (
            (MultilabelGroupKFold(5, shuffle=True, random_state=seed), own),
            (GroupKFold(5), group_k_fold),
        ):
            results.append(worst_imbalance(Y, [test for _, test in cv.split(Y, Y, groups)]))
    assert np.mean(own) < 0.5 * np.mean(group_k_fold)
    assert (np.array(own) < group_k_fold).all()


def test_folds_have_similar_sizes():
    Y, groups = hospital(0)
    sizes = [len(test) for _, test in MultilabelGroupKFold(5).split(Y, Y, groups)]
    assert max(sizes) / min(sizes) < 1.15


def test_unmeasured_records_are_balanced():
    rng = np.random.default_rng(0)
    groups = np.arange(1000)
    Y = np.full((1000, 1), np.nan)
    Y[:100, 0] = rng.random(100) < 0.1  # a tenth is measured, and a tenth of that is 1
    for _, test in MultilabelGroupKFold(5).split(Y, Y, groups):
        assert 18 <= np.sum(~np.isnan(Y[test])) <= 22


def test_patient_split_balances_labels():
    spread = {True: [], False: []}
    for seed in range(10):
        Y, groups = hospital(seed)
        for balanced in spread:
            _, test = patient_split(groups, 0.2, random_state=seed, Y=Y if balanced else None)
            spread[balanced].append(np.abs(Y[test].sum(axis=0) / Y.sum(axis=0) / 0.2 - 1).max())
    assert np.mean(spread[True]) < 0.5 * np.mean(spread[False])


def test_folds_depend_on_the_seed_with_shuffle_alone():
    Y, groups = hospital(0)

    def folds(**kw):
        splits = MultilabelGroupKFold(3, **kw).split(Y, Y, groups)
        return [test.tolist() for _, test in splits]

    assert folds() == folds()
    assert folds(shuffle=True, random_state=1) == folds(shuffle=True, random_state=1)
    assert folds(shuffle=True, random_state=1) != folds(shuffle=True, random_state=2)
    a, b = (patient_split(groups, 0.3, random_state=0, Y=Y)[1] for _ in range(2))
    np.testing.assert_array_equal(a, b)


def test_one_dimensional_targets_and_frames_are_split():
    y = np.array(["AF", "SR", "AF", "SR", "AF", "SR", "AF", "SR"])
    groups = pd.Series(list("aabbccdd"), index=range(10, 18))
    for _, test in MultilabelGroupKFold(2).split(y, y, groups):
        assert sorted(y[test]) == ["AF", "AF", "SR", "SR"]
    Y = pd.DataFrame({"AF": [1, 0, None, 0] * 2, "MI": [0, 1, 1, 0] * 2}, dtype="Int64")
    assert len(list(MultilabelGroupKFold(2).split(Y, Y, groups))) == 2
    mixed = np.array([[1, True], [0, np.nan], [0, False], [1, 1]] * 2, dtype=object)
    assert len(list(MultilabelGroupKFold(2).split(mixed, mixed, groups))) == 2


def test_splitter_works_in_scikit_learn_searches():
    rng = np.random.default_rng(0)
    X, groups = rng.normal(size=(90, 2)), np.repeat(np.arange(30), 3)
    y = (X[:, 0] > 0).astype(int)
    cv = MultilabelGroupKFold(3, shuffle=True, random_state=0)
    assert repr(cv) == "MultilabelGroupKFold(n_splits=3, random_state=0, shuffle=True)"
    kw = {"cv": cv, "scoring": masked_roc_auc_scorer}
    assert cross_val_score(LogisticRegression(), X, y, groups=groups, **kw).min() > 0.9
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, **kw)
    assert clone(search).fit(X, y, groups=groups).n_splits_ == 3


def test_groups_are_routed_as_in_group_k_fold():
    X, y, groups = np.zeros((12, 1)), np.tile([0, 1], 6), np.repeat(np.arange(6), 2)
    with config_context(enable_metadata_routing=True):
        request = MultilabelGroupKFold().get_metadata_routing().split.requests
        assert request == GroupKFold().get_metadata_routing().split.requests == {"groups": True}
        scores = cross_validate(
            DummyClassifier(), X, y, cv=MultilabelGroupKFold(3), params={"groups": groups}
        )
    assert len(scores["test_score"]) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": None}, "expected groups, the patient of each record"),
        ({"groups": [1, 2, np.nan, 3]}, "1 records without one"),
        ({"y": None}, "use sklearn.model_selection.GroupKFold"),
        ({"y": [[0, 1], [2, 0], [0, 1], [0, 0]]}, "0, 1 or NaN"),
        ({"y": [["a"], ["b"], ["a"], ["b"]]}, "0, 1 or NaN"),
        ({"y": np.array(["AF", 1, "SR", None], dtype=object)}, "classes of one type"),
        ({"y": np.zeros((4, 2, 2))}, r"got \(4, 2, 2\)"),
        ({"groups": [1, 1, 1, 1]}, "at least one patient for each of 2 folds; got 1"),
    ],
)
def test_malformed_input_raises_with_advice(change, message):
    valid = {"X": np.zeros((4, 1)), "y": [0, 1, 0, 1], "groups": [1, 1, 2, 2]}
    with pytest.raises(ECGError, match=f"MultilabelGroupKFold .*{message}"):
        next(MultilabelGroupKFold(2).split(**(valid | change)))


def test_one_fold_raises():
    with pytest.raises(ECGError, match="n_splits >= 2; got 1"):
        next(MultilabelGroupKFold(1).split([[0], [1]], [0, 1], [1, 2]))


@pytest.mark.parametrize("test_size", [0, 0.0, 1.0, 1.5, 3, -1, 0.01])
def test_test_size_that_leaves_an_empty_set_raises(test_size):
    with pytest.raises(ECGError, match="patients in both sets"):
        patient_split([1, 2, 3], test_size)


def test_too_few_patients_to_balance_labels_raise():
    with pytest.raises(ECGError, match="Increase test_size"):
        patient_split(np.arange(5), 0.2, Y=np.eye(5), random_state=0)


def test_leakage_error_names_the_patients():
    groups = np.array([101, 101, 102, 103, 103])
    check_patient_split(groups, [0, 1], [2], [3, 4], [])
    check_patient_split(groups, groups == 101, groups != 101)
    with pytest.raises(PatientLeakageError, match=r"2 patients are in both .* 0 and 2: 101, 103\."):
        check_patient_split(groups, [0, 3], [2], [1, 4])
    with pytest.raises(PatientLeakageError, match=r"1 patient is .* 103.*patient_split"):
        check_patient_split(groups, groups == 103, [4])
    with pytest.raises(PatientLeakageError, match=r"0, 1, 2, 3, 4, \.\.\."):
        check_patient_split(np.tile(np.arange(9), 2), np.arange(9), np.arange(9, 18))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([0.5], "row numbers, or masks"),
        ([True, False], "row numbers, or masks"),
        ([[0, 1]], "row numbers, or masks"),
        ([10], r"below 3.*Pass positions \(iloc\)"),
    ],
)
def test_malformed_indices_raise(index, message):
    with pytest.raises(ECGError, match=message):
        check_patient_split([1, 2, 3], index)
