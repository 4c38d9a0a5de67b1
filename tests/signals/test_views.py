"""An ECG column is row numbers over a storage: nothing pandas does copies a sample."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.signals import ECGArray, ECGRecord
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


def test_repr_shows_the_physics(frame):
    assert "dtype: ecg[12x1000, 100 Hz]" in repr(frame["ecg"])
    assert str(frame["ecg"].dtype) == "ecg[12x1000, 100 Hz]"


def test_other_leads_are_named_in_the_dtype(frame):
    assert str(frame["ecg"].ecg.select_leads(["v1", "II"]).dtype) == "ecg[2x1000, 100 Hz: V1 II]"


# -- missing records ----------------------------------------------------------------------


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


# -- pickling -----------------------------------------------------------------------------


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


def test_pickle_of_a_concat_compacts_its_parts(ecg, on_disk, x):
    both = ECGArray._concat_same_type([ecg, on_disk])
    pickled = pickle.dumps(both[[19, 25]])
    assert len(pickled) < x[0].nbytes + 3000
    np.testing.assert_array_equal(pickle.loads(pickled).read(), x[[19, 5]])


def test_pickle_of_a_record_carries_that_record(ecg, x):
    pickled = pickle.dumps(ecg[4])
    assert len(pickled) < x[0].nbytes + 1000
    assert pickle.loads(pickled) == ecg[4]


# -- records ------------------------------------------------------------------------------


def test_a_record_is_a_scalar_that_reads_when_asked(ecg, x):
    record = ecg[2]
    np.testing.assert_array_equal(record.signal, x[2])
    assert (record.leads, record.sampling_rate, record.duration) == (ecg.leads, 100.0, 10.0)
    assert not pd.api.types.is_list_like(record)
    assert np.array([record, record], dtype=object).shape == (2,)
    assert pd.Series([record, None], dtype=ecg.dtype).isna().tolist() == [False, True]


def test_records_are_equal_by_content(ecg, x):
    record = ECGRecord(1000 * x[2], ecg.leads, 100, unit="uV")
    same = ECGRecord(record.signal, ecg.leads, 100)
    assert record == same
    assert hash(record) == hash(same)
    assert record != ecg[3]
    assert record != ECGRecord(record.signal, ecg.leads, 200)
    assert record != 3
    nan, zero = [[np.nan, -0.0]], [[np.nan, 0.0]]
    assert ECGRecord(nan, ["II"], 1) == ECGRecord(zero, ["II"], 1)
    assert hash(ECGRecord(nan, ["II"], 1)) == hash(ECGRecord(zero, ["II"], 1))


def test_counting_and_deduplicating_records(ecg):
    series = pd.Series(ecg[[0, 1, 0, 0]])
    assert series.groupby(series, sort=False).size().tolist() == [3, 1]
    assert series.duplicated().tolist() == [False, False, True, True]
    assert series.nunique() == 2
