"""ECG columns survive what scikit-learn does to tables."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.utils import resample, shuffle


class PeakClassifier(ClassifierMixin, BaseEstimator):
    """Calls an ECG positive when its mean absolute amplitude passes a threshold."""

    def __init__(self, threshold=0.1):
        self.threshold = threshold

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.storage_ = type(X["ecg"].array.storage).__name__
        return self

    def predict(self, X):
        return (np.abs(X["ecg"].ecg.to_numpy()).mean(axis=(1, 2)) > self.threshold).astype(int)


@pytest.fixture
def y(x):
    return (np.abs(x).mean(axis=(1, 2)) > 0.16).astype(int)


def test_train_test_split_is_zero_copy(frame, x):
    train, test, at_train, at_test = train_test_split(frame, np.arange(20), random_state=0)
    for part, at in [(train, at_train), (test, at_test)]:
        assert part["ecg"].array.storage is frame["ecg"].array.storage
        np.testing.assert_array_equal(part["ecg"].ecg.to_numpy(), x[at])


@pytest.mark.parametrize("function", [shuffle, resample])
def test_shuffle_and_bootstrap(frame, x, function):
    seen, at = function(frame, np.arange(20), random_state=0)
    assert seen["ecg"].array.storage is frame["ecg"].array.storage
    np.testing.assert_array_equal(seen["ecg"].ecg.to_numpy(), x[at])


def test_group_k_fold(frame, x, y):
    groups = frame["subject_id"]
    for train, test in GroupKFold(4).split(frame, y, groups=groups):
        assert not set(groups.iloc[train]) & set(groups.iloc[test])
        assert frame.iloc[test]["ecg"].array.storage is frame["ecg"].array.storage
    scores = cross_val_score(PeakClassifier(0.16), frame, y, cv=GroupKFold(4), groups=groups)
    np.testing.assert_array_equal(scores, 1)


@pytest.mark.parametrize("column", ["ecg", "on_disk"])
def test_grid_search_in_two_processes(request, frame, y, column):
    X = frame.assign(ecg=request.getfixturevalue(column))
    search = GridSearchCV(
        PeakClassifier(), {"threshold": [0.05, 0.16]}, cv=StratifiedKFold(2), n_jobs=2
    )
    y[0] = 1 - y[0]  # two classes, whatever the records are
    search.fit(X, y)
    assert search.best_params_ == {"threshold": 0.16}
    assert search.best_score_ > 0.9


def test_folds_of_a_series(frame, x):
    series = frame["ecg"]
    for train, _ in GroupKFold(4).split(series, groups=frame["subject_id"]):
        np.testing.assert_array_equal(series.iloc[train].ecg.to_numpy(), x[train])


def test_frame_to_dict_and_back(frame):
    again = pd.DataFrame(frame.to_dict("series"))
    pd.testing.assert_frame_equal(again, frame)
