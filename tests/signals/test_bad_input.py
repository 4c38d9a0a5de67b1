"""Every bad input has a message with what was expected, what came and the mend."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import (
    DurationError,
    ECGError,
    LeadMismatchError,
    SamplingRateError,
    UnitError,
)
from ecgsk.signals import ECGArray
from ecgsk.signals.columns import ecg_column, find_ecg_column
from ecgsk.signals.record_quality import check_millivolt

GOOD = {"leads": ["I", "II"], "sampling_rate": 100}


@pytest.mark.parametrize(
    ("x", "change", "error", "message"),
    [
        ((4, 3, 50), {}, LeadMismatchError, r"2 leads \(I, II\).* with 3 leads"),
        ((4, 50, 2), {}, LeadMismatchError, r"axes look swapped: try x\.transpose\(0, 2, 1\)"),
        ((4, 2, 5), {"leads": ["I", "IX"]}, LeadMismatchError, "unknown lead 'IX'"),
        ((4, 2, 5), {"leads": ["I", "i"]}, LeadMismatchError, "lead I is repeated"),
        ((4, 2, 5), {"sampling_rate": 0}, SamplingRateError, "in Hz above 0, got 0"),
        ((4, 2, 5), {"unit": "ADC"}, UnitError, "unknown unit 'ADC'"),
        ((4, 2, 5), {"gain": -1}, UnitError, "one positive gain"),
        ((4, 2, 5), {"gain": [200, 200]}, UnitError, "one positive gain"),
        ((4, 5), {}, DurationError, r"\(n_records, n_leads, n_samples\), got \(4, 5\)"),
        ((4, 2, 0), {}, DurationError, "at least one sample"),
    ],
)
def test_samples_that_are_not_what_is_said_of_them(x, change, error, message):
    with pytest.raises(error, match=message):
        ECGArray.from_numpy(np.zeros(x), **(GOOD | change))


def test_int16_without_gain():
    with pytest.raises(UnitError, match=r"expected gain= for int16"):
        ECGArray.from_numpy(np.zeros((1, 2, 5), "int16"), **GOOD)


@pytest.mark.parametrize("dtype", ["int32", "complex64", "U3", "bool"])
def test_samples_of_other_dtypes(dtype):
    with pytest.raises(UnitError, match=f"float32, float16 or int16 .*got .*{dtype.lstrip('U')}"):
        ECGArray.from_numpy(np.zeros((1, 2, 5), dtype), **GOOD)


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


# -- microvolts taken for millivolts ------------------------------------------------------


def test_microvolts_are_told_from_millivolts(x):
    with pytest.raises(
        UnitError, match=r"Net: expected samples in mV.*median of 2\d\d, as microvolts.*unit='uV'"
    ):
        check_millivolt(1000 * x, name="Net")


def test_microvolts_in_a_column(x, ecg):
    with pytest.raises(UnitError, match="unit='uV'"):
        check_millivolt(ECGArray.from_numpy(1000 * x, leads=ecg.leads, sampling_rate=100))


@pytest.mark.parametrize("baseline", [0, 500])
def test_normalised_signals_with_high_peaks_pass(baseline):
    z = np.random.default_rng(0).normal(size=(10, 12, 1000))
    z[:, :, ::100] = 20
    check_millivolt(z + baseline)
    check_millivolt(z[:, 0] + baseline)


def test_some_wild_records_pass(x):
    x[:9] *= 1e4
    check_millivolt(x)


def test_nothing_to_judge_passes(x):
    check_millivolt(np.zeros((3, 2, 10)))
    check_millivolt(np.full((3, 2, 10), np.nan))
    check_millivolt(np.zeros((0, 2, 10)))
    check_millivolt(np.array([[1.0], [2.0]]))


def test_missing_leads_do_not_hide_microvolts(x):
    x[:, 1:] = np.nan
    x[:, :, :10] = np.nan
    x[:15] = 0  # flat records say nothing
    with pytest.raises(UnitError):
        check_millivolt(1000 * x)


# -- tables -------------------------------------------------------------------------------


def test_find_the_ecg_column(frame):
    assert find_ecg_column(frame) == "ecg"
    assert find_ecg_column(frame.rename(columns={"ecg": 3})) == 3
    assert find_ecg_column(frame[["age"]]) is None
    assert find_ecg_column(np.zeros((2, 3))) is None


def test_two_ecg_columns(frame):
    with pytest.raises(ECGError, match=r"Net: expected one ECG column, got 2 \(ecg, again\)"):
        find_ecg_column(frame.assign(again=frame["ecg"]), name="Net")


@pytest.mark.parametrize(
    ("X", "came"),
    [
        (pd.DataFrame({"age": [1], "sex": ["F"]}), "columns age: int64, sex: "),
        (pd.DataFrame(), "an empty frame"),
        (np.zeros((1, 2)), "ndarray"),
    ],
)
def test_no_ecg_column(X, came):
    with pytest.raises(ECGError, match=f"expected a DataFrame with an ECG column, got {came}"):
        ecg_column(X)


def test_ecg_column_of_tables_series_and_arrays(frame, ecg):
    for X in (frame, frame["ecg"], frame["ecg"].array):
        assert ecg_column(X).storage is ecg.storage
