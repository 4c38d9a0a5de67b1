"""ECG arrays: views, row numbers, pickles and use with pandas and scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.utils import resample, shuffle

from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.storage import NpyStorage

VIEWS = {
    "slice": lambda f: f.iloc[3:9],
    "reversed": lambda f: f[::-1],
    "iloc with repeats and negatives": lambda f: f.iloc[[0, 0, -1, 5, -20]],
    "mask": lambda f: f[f["age"] > 50],
    "loc": lambda f: f.loc[["study7", "study2"]],
    "sample": lambda f: f.sample(30, replace=True, random_state=0),
    "sort": lambda f: f.sort_values("age", ascending=False),
    "copy": lambda f: f.copy(),
    "reset_index": lambda f: f.reset_index(),
    "query": lambda f: f.query("age < 45"),
    "merge": lambda f: f.merge(pd.DataFrame({"subject_id": [1, 1, 3], "lab": [1.0, 2, 3]})),
    "concat of pieces": lambda f: pd.concat([f.iloc[:4], f.iloc[10:], f.iloc[4:10]]),
    "groupby first": lambda f: f.groupby("subject_id").first(),
    "groupby tail": lambda f: f.groupby("subject_id").tail(1),
    "drop_duplicates": lambda f: f.drop_duplicates("subject_id"),
    "explode others": lambda f: f.assign(k=[[1, 2]] * len(f)).explode("k"),
    "reindex": lambda f: f.reindex(["study3", "study1"]),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_views_share_the_storage_and_show_the_right_records(frame, x, view):
    seen = view(frame)
    array = seen["ecg"].array
    assert array.storage is frame["ecg"].array.storage
    assert np.shares_memory(array.storage.data, x)
    expected = view(frame.assign(ecg=np.arange(len(x))))["ecg"].to_numpy().astype(int)
    np.testing.assert_array_equal(seen["ecg"].ecg.to_numpy(), x[expected])


@given(st.lists(st.integers(-20, 19), max_size=40), st.booleans())
def test_iloc_agrees_with_numpy(positions, twice):
    data = np.arange(20, dtype=np.float32).reshape(20, 1, 1)
    series = pd.Series(ECGArray.from_numpy(data, leads=["II"], sampling_rate=1))
    seen, expected = series.iloc[positions], data[np.array(positions, dtype=int)]
    if twice:
        seen, expected = seen.iloc[::-2], expected[::-2]
    np.testing.assert_array_equal(seen.ecg.to_numpy(), expected)


@given(st.slices(20), st.lists(st.booleans(), min_size=20, max_size=20))
def test_slices_and_masks_agree_with_numpy(part, mask):
    data = np.arange(20, dtype=np.float32).reshape(20, 1, 1)
    ecg = ECGArray.from_numpy(data, leads=["II"], sampling_rate=1)
    np.testing.assert_array_equal(ecg[part].read(), data[part])
    np.testing.assert_array_equal(ecg[np.array(mask)].read(), data[mask])
    np.testing.assert_array_equal(ecg.read(part), data[part])


def test_repr_shows_leads_rate_and_length(frame):
    assert "dtype: ecg[12x1000, 100 Hz]" in repr(frame["ecg"])
    assert str(frame["ecg"].dtype) == "ecg[12x1000, 100 Hz]"


def test_a_missing_record_is_na_and_reads_as_nan(ecg, x):
    array = ECGArray(ecg.storage, [3, -1])
    assert array.isna().tolist() == [False, True]
    assert array[1] is pd.NA
    np.testing.assert_array_equal(array.read()[0], x[3])
    assert np.isnan(array.read()[1]).all()
    assert np.isnan(ECGArray(ecg.storage, [-1]).read()).all()


def test_outer_merge_and_reindex_leave_missing_records(frame):
    merged = frame.merge(pd.DataFrame({"subject_id": [0, 99]}), how="right")
    assert merged["ecg"].isna().tolist() == [False, False, True]
    assert frame.reindex(["study1", "absent"])["ecg"].isna().tolist() == [False, True]
    assert len(merged.dropna(subset="ecg")) == 2


def test_concat_with_a_frame_without_ecgs(frame):
    joined = pd.concat([frame.iloc[:2], pd.DataFrame({"age": [1]})])
    assert joined["ecg"].dtype == frame["ecg"].dtype
    assert joined["ecg"].isna().tolist() == [False, False, True]


def test_setting_records(frame, make):
    ecg = make(n=4)
    view, other = ecg[:], make(n=2, seed=1)
    ecg[0] = ecg[3]
    assert view[0] == ecg[3]
    ecg[1] = other[1]
    ecg[2] = None
    assert ecg[1] == other[1]
    assert ecg.isna().tolist() == [False, False, True, False]
    assert view[1] != other[1]  # another storage: the view stays as it was
    with pytest.raises(TypeError, match=r"expected ECGRecord or missing \(pd.NA\), got 3"):
        ecg[0] = 3


def test_pickle_of_a_file_backed_view_carries_path_and_rows(on_disk, x):
    pickled = pickle.dumps(on_disk[[3, 3, 1]])
    assert len(pickled) < 1500
    again = pickle.loads(pickled)
    assert isinstance(again.storage, NpyStorage)
    np.testing.assert_array_equal(again.read(), x[[3, 3, 1]])


def test_pickle_of_a_view_in_memory_carries_the_rows_shown(frame, x):
    one_record = x[0].nbytes
    view = frame.iloc[[7, 7, 2]]
    pickled = pickle.dumps(view)
    assert 2 * one_record < len(pickled) < 2 * one_record + 5000
    np.testing.assert_array_equal(pickle.loads(pickled)["ecg"].ecg.to_numpy(), x[[7, 7, 2]])


def test_pickle_keeps_missing_records_and_leads(ecg, x):
    view = ECGArray(ecg.storage, [5, -1]).select_leads(["V6", "I"])
    again = pickle.loads(pickle.dumps(view))
    assert again.isna().tolist() == [False, True]
    assert again.leads == ("V6", "I")
    np.testing.assert_array_equal(again.read()[0], x[5, [11, 0]])


def test_counting_and_deduplicating_records(ecg):
    series = pd.Series(ecg[[0, 1, 0, 0]])
    assert series.groupby(series, sort=False).size().tolist() == [3, 1]
    assert series.duplicated().tolist() == [False, False, True, True]
    assert series.nunique() == 2


GOOD = {"leads": ["I", "II"], "sampling_rate": 100}


@pytest.mark.parametrize("unit", ["uV", "mV", "V"])
def test_units_and_gains_give_the_same_millivolts(unit):
    millivolts_per = {"uV": 1e-3, "mV": 1.0, "V": 1e3}[unit]
    x = np.array([[[1.0, -2.0], [0.5, 3.0]]])
    floats = ECGArray.from_numpy(x / millivolts_per, **GOOD, unit=unit)
    np.testing.assert_allclose(floats.read(), x, rtol=1e-6)
    steps = ECGArray.from_numpy(
        (200 * x).astype("int16"), **GOOD, unit=unit, gain=200 * millivolts_per
    )
    np.testing.assert_allclose(steps.read(), x, rtol=1e-6)


def test_storage_must_be_a_storage():
    with pytest.raises(TypeError, match=r"expected an ECGStorage, got ndarray.*from_numpy"):
        ECGArray(np.zeros((1, 2, 5)))


@pytest.mark.parametrize(
    ("rows", "error"), [([20], IndexError), ([-2], IndexError), ([0.5], TypeError)]
)
def test_rows_must_be_in_the_storage(ecg, rows, error):
    with pytest.raises(error, match="row numbers"):
        ECGArray(ecg.storage, rows)


def test_parquet_raises_with_advice(frame, tmp_path):
    with pytest.raises(TypeError, match=r"parquet.*ecgsk\.datasets\.write_cohort\(cohort"):
        frame.to_parquet(tmp_path / "ecg.parquet")


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


pytestmark = pytest.mark.real_data


@pytest.fixture
def ptbxl(real_data):
    folder = real_data / "ptbxl_subset"
    X = pd.read_csv(folder / "labels.csv")
    X["ecg"] = ECGArray.from_npy(
        folder / "signals_100hz_zscored_float16.npy", leads=STANDARD_12_LEADS, sampling_rate=100
    )
    return X


def test_ptbxl_stays_on_disk_through_patient_folds(ptbxl, real_data):
    samples = np.load(real_data / "ptbxl_subset" / "signals_100hz_zscored_float16.npy")
    assert str(ptbxl["ecg"].dtype) == "ecg[12x1000, 100 Hz]"
    for train, test in GroupKFold(5).split(ptbxl, groups=ptbxl["patient_id"]):
        fold = ptbxl.iloc[test]
        assert fold["ecg"].array.storage is ptbxl["ecg"].array.storage
        assert len(pickle.dumps(ptbxl.iloc[train]["ecg"].array)) < 10 * len(train) + 2000
        np.testing.assert_array_equal(fold["ecg"].ecg.to_numpy(), samples[test].astype("float32"))


def test_records_have_no_order_to_group_by(X):
    with pytest.raises(TypeError, match=r"no order. Sort or group by another .* sort=False"):
        X.groupby("ecg").size()
    assert X.groupby("ecg", sort=False).size().sum() == len(X)
