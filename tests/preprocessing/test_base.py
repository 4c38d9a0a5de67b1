"""Behaviour common to Resample, BandpassFilter and SelectLeads."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from ecgsk.exceptions import (
    ECGError,
    LeadMismatchError,
    SamplingRateError,
    SignalQualityError,
)
from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.storage import ArrayStorage

LEADS = ("I", "II", "V1")
RATE_AWARE = [Resample(50), Resample(250), BandpassFilter(0.5, 40)]
TRANSFORMERS = [*RATE_AWARE, SelectLeads(["V1", "I", "II"])]
EVERY = pytest.mark.parametrize("transformer", TRANSFORMERS, ids=str)
EVERY_RATE_AWARE = pytest.mark.parametrize("transformer", RATE_AWARE, ids=str)


def make_ecg(n=20, leads=LEADS, sampling_rate=100, n_samples=1000, seed=0) -> ECGArray:
    x = np.random.default_rng(seed).normal(size=(n, len(leads), n_samples)).astype(np.float32)
    return ECGArray.from_numpy(x, leads=leads, sampling_rate=sampling_rate)


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"age": range(20), "ecg": make_ecg(), "sex": "F"}, index=range(100, 120))


@EVERY
def test_transform_of_a_frame_changes_only_its_signals(transformer, frame):
    before = frame.copy()
    out = clone(transformer).fit_transform(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert frame["ecg"].array.storage is before["ecg"].array.storage
    assert out.columns.equals(frame.columns)
    pd.testing.assert_frame_equal(out.drop(columns="ecg"), frame.drop(columns="ecg"))
    assert out["ecg"].index.equals(frame.index)


@EVERY
def test_every_kind_of_input_gives_the_same_signals(transformer, frame):
    signals = frame["ecg"].ecg.to_numpy()
    from_frame = clone(transformer).fit_transform(frame)["ecg"]
    from_series = clone(transformer).fit_transform(frame["ecg"])
    from_column = clone(transformer).fit_transform(frame["ecg"].array)
    stated = (
        {"input_leads": LEADS}
        if isinstance(transformer, SelectLeads)
        else {"input_sampling_rate": 100}
    )
    from_array = clone(transformer).set_params(**stated).fit_transform(signals)
    pd.testing.assert_series_equal(from_series, from_frame)
    assert isinstance(from_column, ECGArray)
    assert from_column.dtype == from_frame.dtype
    assert from_array.dtype == np.float32
    np.testing.assert_array_equal(from_column.read(), from_frame.ecg.to_numpy())
    np.testing.assert_allclose(from_array, from_frame.ecg.to_numpy(), atol=1e-6)


@EVERY
def test_a_record_does_not_depend_on_its_neighbours(transformer, frame):
    fitted = clone(transformer).fit(frame)
    together = fitted.transform(frame)["ecg"].ecg.to_numpy()
    for row in (0, 13):
        alone = fitted.transform(frame.iloc[[row]])["ecg"].ecg.to_numpy()
        np.testing.assert_allclose(alone[0], together[row], atol=1e-6)


@EVERY_RATE_AWARE
def test_repeated_and_missing_records(transformer, frame):
    array = ECGArray(frame["ecg"].array.storage, [3, 3, -1, 0, 3])
    out = clone(transformer).fit_transform(array)
    assert out.isna().tolist() == [False, False, True, False, False]
    assert len(out.storage) == 2  # a repeated record is filtered once
    assert out[0] == out[1] == out[4]
    all_missing = ECGArray(frame["ecg"].array.storage, [-1, -1])
    assert clone(transformer).fit(frame).transform(all_missing).isna().all()


@EVERY
def test_fit_refuses_an_empty_frame_and_transform_accepts_it(transformer, frame):
    with pytest.raises(ECGError, match=r"got an empty DataFrame with 0 rows"):
        clone(transformer).fit(frame.iloc[:0])
    assert len(clone(transformer).fit(frame).transform(frame.iloc[:0])) == 0


@EVERY
def test_a_frame_without_ecgs_is_refused(transformer, frame):
    with pytest.raises(ECGError, match="expected a DataFrame with an ECG column, got columns age"):
        clone(transformer).fit(frame[["age"]])


@EVERY
def test_transform_accepts_fewer_columns_than_fit(transformer, frame):
    fitted = clone(transformer).fit(frame)
    assert fitted.n_features_in_ == 3
    assert fitted.feature_names_in_.tolist() == ["age", "ecg", "sex"]
    assert fitted.transform(frame[["ecg"]]).columns.tolist() == ["ecg"]
    assert fitted.get_feature_names_out(["ecg"]).tolist() == ["ecg"]
    with pytest.raises(AttributeError, match="columns keep theirs"):
        fitted.get_feature_names_out()


@EVERY
def test_set_output_leaves_frames_unchanged(transformer, frame):
    fitted = clone(transformer).set_output(transform="pandas").fit(frame)
    assert fitted.transform(frame[["ecg"]]).columns.tolist() == ["ecg"]


@EVERY
def test_fitted_attributes_survive_a_pickle(transformer, frame):
    fitted = clone(transformer).fit(frame)
    assert fitted.leads_in_ == LEADS
    assert fitted.sampling_rate_in_ == 100.0
    again = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_frame_equal(again.transform(frame), fitted.transform(frame))


@EVERY
def test_leads_are_reordered_to_fitted_order(transformer, frame):
    fitted = clone(transformer).fit(frame)
    permuted = frame.assign(ecg=frame["ecg"].ecg.select_leads(["II", "V1", "I"]))
    pd.testing.assert_frame_equal(fitted.transform(permuted), fitted.transform(frame))


@EVERY_RATE_AWARE
def test_other_leads_than_fitted_are_refused(transformer, frame):
    fitted = clone(transformer).fit(frame)
    with pytest.raises(
        LeadMismatchError,
        match=r"was fitted on 3 leads \(I, II, V1\); got 2 \(I, V1\)\. II cannot be derived",
    ):
        fitted.transform(frame.assign(ecg=frame["ecg"].ecg.select_leads(["I", "V1"])))


def test_another_sampling_rate_than_fitted_is_refused(frame):
    fitted = BandpassFilter(0.5, 40).fit(frame)
    with pytest.raises(
        SamplingRateError, match=r"was fitted on 100 Hz; got 500 Hz.*Resample\(100\)"
    ):
        fitted.transform(make_ecg(sampling_rate=500))


def test_resample_accepts_another_rate_than_fitted(frame):
    fitted = Resample(50).fit(frame)
    other = make_ecg(sampling_rate=500, n_samples=5000)
    expected = Resample(50).fit_transform(other)
    assert expected.sampling_rate == 50
    np.testing.assert_array_equal(fitted.transform(other).read(), expected.read())


@EVERY
def test_another_kind_of_input_than_fitted_is_refused(transformer, frame):
    fitted = clone(transformer).fit(frame)
    with pytest.raises(ECGError, match="was fitted on an ECG column; got plain arrays"):
        fitted.transform(frame["ecg"].ecg.to_numpy())


@EVERY_RATE_AWARE
def test_plain_arrays_need_their_sampling_rate(transformer):
    with pytest.raises(SamplingRateError, match=r"State it: .*input_sampling_rate=500"):
        clone(transformer).fit(np.zeros((4, 3, 1000)))


@EVERY_RATE_AWARE
def test_a_stated_rate_that_contradicts_the_column_is_refused(transformer, frame):
    contradicting = clone(transformer).set_params(input_sampling_rate=500)
    with pytest.raises(SamplingRateError, match=r"input_sampling_rate=500 contradicts .* 100 Hz"):
        contradicting.fit(frame)
    clone(transformer).set_params(input_sampling_rate=100).fit(frame)


@EVERY_RATE_AWARE
def test_infinite_samples_are_refused(transformer):
    x = np.zeros((3, 1, 1000), np.float32)
    x[1, 0, 5] = np.inf
    with pytest.raises(SignalQualityError, match=r"finite samples or NaN.*Make them NaN"):
        clone(transformer).fit_transform(ECGArray.from_numpy(x, leads=["II"], sampling_rate=100))


@EVERY_RATE_AWARE
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_change_nothing(transformer, dtype):
    X = np.random.default_rng(0).normal(size=(40, 2, 300)).astype(dtype)
    transformer = clone(transformer).set_params(input_sampling_rate=100)
    expected = transformer.fit_transform(X)
    assert expected.dtype == dtype
    np.testing.assert_array_equal(transformer.set_params(n_jobs=2).fit_transform(X), expected)


@EVERY_RATE_AWARE
@settings(max_examples=20)
@given(order=st.permutations(LEADS), seed=st.integers(0, 5))
def test_leads_are_filtered_apart(transformer, order, seed):
    ecg = make_ecg(n=2, n_samples=400, seed=seed)
    then = clone(transformer).fit_transform(ecg).select_leads(order)
    first = clone(transformer).fit_transform(ecg.select_leads(order))
    np.testing.assert_allclose(first.read(), then.read(), atol=1e-6)


@EVERY_RATE_AWARE
def test_missing_samples_stay_missing_and_do_not_spread(transformer):
    x = np.random.default_rng(0).normal(size=(2, 2, 1000)).astype(np.float32)
    broken = x.copy()
    broken[0, 0] = np.nan
    broken[0, 1, 400:500] = np.nan
    fitted = clone(transformer).set_params(input_sampling_rate=100).fit(x)
    clean, out = fitted.transform(x), fitted.transform(broken)
    ratio = out.shape[-1] / 1000
    assert np.isnan(out[0, 0]).all()
    expected = np.isin(np.arange(out.shape[-1]), np.arange(int(400 * ratio), int(500 * ratio)))
    # Where two rates meet, the samples at the very edges may go either way.
    assert np.abs(np.isnan(out[0, 1]).astype(int) - expected).sum() <= 2
    np.testing.assert_array_equal(out[1], clean[1])
    far = np.r_[0 : int(200 * ratio), int(700 * ratio) : out.shape[-1]]
    np.testing.assert_allclose(out[0, 1, far], clean[0, 1, far], atol=0.1)


def test_pipeline_from_one_hospital_to_another():
    here = make_ecg(leads=STANDARD_12_LEADS, sampling_rate=500, n_samples=5000)
    pipe = make_pipeline(SelectLeads(["I", "II", "V1"]), Resample(100), BandpassFilter(0.5, 40))
    out = pipe.fit_transform(pd.DataFrame({"ecg": here}))
    assert str(out["ecg"].dtype) == "ecg[3x1000, 100 Hz: I II V1]"
    assert isinstance(out["ecg"].array.storage, ArrayStorage)
    there = here.select_leads(STANDARD_12_LEADS[::-1])
    pd.testing.assert_frame_equal(pipe.transform(pd.DataFrame({"ecg": there})), out)


@pytest.mark.parametrize(
    "transformer",
    [
        BandpassFilter(input_sampling_rate=100),
        Resample(50, input_sampling_rate=100),
        SelectLeads(["II"], input_leads=STANDARD_12_LEADS),
    ],
)
def test_leads_last(transformer):
    with pytest.raises(LeadMismatchError, match=r"The axes look swapped: try X\.transpose"):
        transformer.fit(np.zeros((3, 1000, 12)))
