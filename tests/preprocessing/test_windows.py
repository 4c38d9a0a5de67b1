"""cut_windows: a longer table of views, with the windows below a quality dropped."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.exceptions import DurationError, ECGError, SignalQualityError, SignalQualityWarning
from ecgsk.io import read_wfdb_record
from ecgsk.preprocessing import cut_windows
from ecgsk.signals import ECGArray, signal_share


def make(n=2, seconds=35, rate=100.0, leads=("I", "II")):
    shape = (n, len(leads), round(seconds * rate))
    x = np.random.default_rng(0).normal(scale=0.3, size=shape).astype(np.float32)
    ecg = ECGArray.from_numpy(x, leads=leads, sampling_rate=rate)
    table = {"age": np.arange(n) + 50, "ecg": ecg, "subject_id": np.arange(n) // 2}
    return x, pd.DataFrame(table, index=[f"r{i}" for i in range(n)])


@settings(max_examples=50, deadline=None)
@given(
    rate=st.sampled_from([1.0, 62.4725, 100.0, 257.5, 360.0]),
    seconds=st.floats(2, 40),
    duration=st.floats(0.5, 30),
    stride=st.none() | st.floats(0.3, 50),
    min_quality=st.sampled_from([None, 0.5]),
)
def test_windows_are_all_slices_of_equal_spacing(rate, seconds, duration, stride, min_quality):
    x, X = make(3, seconds, rate)
    n = round(duration * rate)
    step = n if stride is None else round(stride * rate)
    if n > x.shape[2] or min(n, step) < 1:
        with pytest.raises(DurationError):
            cut_windows(X, duration, stride=stride, min_quality=min_quality)
        return
    if rate == 1.0 and n < 2:
        return  # one sample is a flat lead
    windows = cut_windows(X, duration, stride=stride, min_quality=min_quality)
    starts = range(0, x.shape[2] - n + 1, step)
    expected = [x[record, :, start : start + n] for record in range(3) for start in starts]
    np.testing.assert_array_equal(windows["ecg"].ecg.to_numpy(), expected)
    np.testing.assert_allclose(windows["window_start_s"], [s / rate for s in [*starts] * 3])
    assert windows.index.tolist() == np.repeat(X.index, len(starts)).tolist()


def test_columns_are_repeated_and_labels_follow_the_index():
    _, X = make(4)
    X.attrs["population"] = "here"
    windows = cut_windows(X, 10)
    assert list(windows) == ["age", "ecg", "subject_id", "record", "window_start_s"]
    Y = pd.DataFrame({"AF": [0, 1, 1, 0]}, index=X.index)
    assert Y.loc[windows.index, "AF"].tolist() == np.repeat([0, 1, 1, 0], 3).tolist()
    assert windows["record"].tolist() == windows.index.tolist()
    assert windows.attrs["population"] == "here"
    named = cut_windows(X.assign(record=["a", "b", "c", "d"]), 10)
    assert named["record"].unique().tolist() == ["a", "b", "c", "d"]


def test_no_sample_is_copied():
    _, X = make(2)
    windows = cut_windows(X, 10, min_quality=None)["ecg"].array
    assert windows.storage.storage is X["ecg"].array.storage


def test_a_series_and_an_array_of_ecgs_are_cut_too():
    x, X = make(2)
    for ecg in (X["ecg"], X["ecg"].array):
        windows = cut_windows(ecg, 35)
        assert list(windows) == ["ecg", "record", "window_start_s"]
        np.testing.assert_array_equal(windows["ecg"].ecg.to_numpy(), x)


def test_windows_without_signal_are_dropped_and_counted_by_reason():
    x, X = make(2, seconds=40)
    x[0, :, 1000:2000] = np.nan  # a gap
    x[1, 0, :1000] = 0.25  # one lead of two is off: half of the samples
    x[1, :, 3400:] = 0.0  # flat for six seconds of ten
    with pytest.warns(SignalQualityWarning, match=r"dropped 2 of 8 windows: 1 every lead missing"):
        windows = cut_windows(X, 10)
    assert windows["window_start_s"].tolist() == [0, 20, 30, 0, 10, 20]
    assert sum(windows.attrs["dropped_windows"].values()) == 2
    assert windows.attrs["dropped_windows"]["every lead missing"] == 1
    with pytest.warns(SignalQualityWarning, match="dropped 3 of 8 windows"):
        strict = cut_windows(X, 10, min_quality=0.9)
    assert strict["window_start_s"].tolist() == [0, 20, 30, 10, 20]
    assert len(cut_windows(X, 10, min_quality=None)) == 8


def test_a_window_that_estimators_refuse_is_dropped_at_any_quality():
    x, X = make(1, seconds=30)
    x[0, :, 1000:2000] *= 1000  # in microvolts
    with pytest.warns(SignalQualityWarning, match="too large for mV"):
        windows = cut_windows(X, 10, min_quality=0)
    assert windows["window_start_s"].tolist() == [0, 20]


def test_a_window_does_not_depend_on_the_others():
    x, X = make(3, seconds=60)
    x[1, :, 2000:3000] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignalQualityWarning)
        together = cut_windows(X, 10)
        alone = pd.concat([cut_windows(X.iloc[[row]], 10) for row in range(3)])
    np.testing.assert_array_equal(together["window_start_s"], alone["window_start_s"])
    np.testing.assert_array_equal(together["ecg"].ecg.to_numpy(), alone["ecg"].ecg.to_numpy())


def test_missing_records_have_no_windows():
    _, X = make(3)
    X.loc["r1", "ecg"] = pd.NA
    with pytest.warns(SignalQualityWarning, match="1 missing record"):
        windows = cut_windows(X, 10)
    assert windows["record"].unique().tolist() == ["r0", "r2"]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"duration": 0}, DurationError, "expected duration in seconds, of one sample or more"),
        ({"duration": "10"}, DurationError, "got '10'"),
        ({"stride": -1}, DurationError, "expected stride in seconds"),
        ({"duration": float("nan")}, DurationError, "got nan"),
        ({"duration": 36}, DurationError, r"at least 36 s, the duration of a window, got 35 s"),
        ({"min_quality": 2}, ECGError, "expected min_quality from 0 to 1, got 2"),
    ],
)
def test_wrong_parameters_are_named(change, error, message):
    with pytest.raises(error, match=message):
        cut_windows(make()[1], **change)


def test_a_repeated_index_is_refused():
    with pytest.raises(ECGError, match=r"label 'r0' is repeated. Pass X.reset_index"):
        cut_windows(make()[1].iloc[[0, 0]])


def test_recordings_without_any_window_of_quality_are_an_error():
    x, X = make(2)
    x[:] = 0
    with pytest.raises(SignalQualityError, match=r"none of 6 windows has the quality \(6 every"):
        cut_windows(X, 10)


def test_a_long_wfdb_record_is_cut_and_read_in_a_fraction_of_its_memory(tmp_path, monkeypatch):
    n_samples, leads = 200 * 3600, ("I", "II", "V1")
    stored = np.random.default_rng(0).integers(-90, 90, (n_samples, 3)).astype("<i2")
    stored.tofile(tmp_path / "holter.dat")
    lines = [f"holter 3 200 {n_samples}", *(f"holter.dat 16 200 16 0 0 0 0 {x}" for x in leads)]
    (tmp_path / "holter.hea").write_text("\n".join([*lines, ""]))
    del stored
    monkeypatch.setattr(signal_share, "_BATCH_BYTES", 1 << 20)
    tracemalloc.start()
    windows = cut_windows(read_wfdb_record(tmp_path / "holter", leads=leads), 10)
    ecg = windows["ecg"].array
    sums = [float(ecg[start : start + 6].read().sum()) for start in range(0, 360, 6)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(windows) == 360
    assert len(sums) == 60
    assert peak < 4 * 3 * n_samples / 2  # half of the record in float32
