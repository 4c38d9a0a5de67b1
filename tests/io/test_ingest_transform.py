"""Transforms of an ingest are those of the transformers, bit for bit."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ecgsk.exceptions import ECGError
from ecgsk.io import read_ecg_folder
from ecgsk.io._ingest_transform import apply_transform, describe_transform
from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads
from ecgsk.signals import ECGArray

LEADS = ("I", "II", "V1")
RATES = st.sampled_from([50.0, 100.0, 128.0, 250.0, 257.0, 360.1, 500.0])


class Halve(TransformerMixin, BaseEstimator):
    """Somebody else's transformer of an ECG column, which learns nothing."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return ECGArray.from_numpy(X.read() / 2, leads=X.leads, sampling_rate=X.sampling_rate)


class Centre(Halve):
    """Learns from the data: which is not allowed here."""

    def fit(self, X, y=None):
        self.mean_ = X.read().mean()
        return self

    def transform(self, X):
        x = X.read() - self.mean_
        return ECGArray.from_numpy(x, leads=X.leads, sampling_rate=X.sampling_rate)


class Drop(Halve):
    def transform(self, X):
        return X[1:]


class HalvedResample(Resample):
    """Somebody else's subclass, which changes `transform` alone."""

    def transform(self, X):
        return Halve().transform(super().transform(X))


def make_signals(n_records, n_samples, seed=0):
    x = np.random.default_rng(seed).normal(size=(n_records, len(LEADS), n_samples))
    return x.cumsum(axis=2).astype(np.float32)


@given(
    rates=st.tuples(RATES, RATES),
    band=st.tuples(
        st.none() | st.floats(0.01, 0.2), st.none() | st.floats(0.3, 0.99), st.integers(1, 4)
    ),
    size=st.tuples(st.integers(1, 20), st.integers(30, 1500)),
    gaps=st.lists(st.tuples(st.integers(0, 2), st.floats(0, 1), st.floats(0, 1)), max_size=3),
    resample_first=st.booleans(),
    n_together=st.integers(1, 20),
)
def test_samples_equal_those_of_the_transformers(
    rates, band, size, gaps, resample_first, n_together
):
    rate, new_rate = rates
    low, high, order = band
    assume(low is not None or high is not None)
    nyquist = (new_rate if resample_first else rate) / 2
    low, high = (edge and edge * nyquist for edge in (low, high))
    signals = make_signals(*size)
    for lead, start, stop in gaps:
        signals[0, lead, int(start * size[1]) : int(stop * size[1])] = np.nan
    steps = [Resample(new_rate), BandpassFilter(low, high, order=order)]
    pipeline = make_pipeline(*(steps if resample_first else steps[::-1]))
    column = ECGArray.from_numpy(signals, leads=LEADS, sampling_rate=rate)
    expected = pipeline.fit_transform(column)
    parts = [
        apply_transform(pipeline, signals[i : i + n_together], LEADS, rate)
        for i in range(0, len(signals), n_together)
    ]
    assert {part[1:] for part in parts} == {(expected.leads, expected.sampling_rate)}
    np.testing.assert_array_equal(np.concatenate([x for x, _, _ in parts]), expected.read())


def test_samples_at_the_wanted_rate_are_not_screened():
    signals = np.zeros((1, 3, 1000), np.float32)
    signals[..., ::2], signals[0, 0, 5] = 1, 500
    for transform in (Resample(50.0), make_pipeline(Resample(50.0), BandpassFilter(None, 20.0))):
        found, *_ = apply_transform(transform, signals, LEADS, 50.0)
        column = ECGArray.from_numpy(signals, leads=LEADS, sampling_rate=50.0)
        np.testing.assert_array_equal(found, transform.fit_transform(column).read())


@pytest.mark.parametrize(
    "transform",
    [
        Halve(),
        HalvedResample(100),
        make_pipeline(SelectLeads(["V1", "I"]), Halve(), Resample(100)),
        make_pipeline("passthrough", make_pipeline(SelectLeads(["V1", "I"])), BandpassFilter()),
    ],
    ids=str,
)
def test_any_transformer_of_an_ecg_column_will_do(transform):
    signals = make_signals(3, 700)
    column = ECGArray.from_numpy(signals, leads=LEADS, sampling_rate=250)
    expected = transform.fit_transform(column)
    out, leads, rate = apply_transform(transform, signals, LEADS, 250.0)
    np.testing.assert_array_equal(out, expected.read())
    assert (leads, rate) == (expected.leads, expected.sampling_rate)


def test_none_returns_the_signals():
    signals = make_signals(1, 30)
    assert apply_transform(None, signals, LEADS, 250.0)[0] is signals


def test_a_transform_of_somebody_else_is_ingested(ingest):
    recorded = read_ecg_folder(ingest())[0]["ecg"].ecg.to_numpy()
    halved = read_ecg_folder(ingest("halved", Halve()))[0]["ecg"].ecg.to_numpy()
    np.testing.assert_allclose(halved, recorded / 2, atol=0.00101)


def test_a_transform_that_learns_from_the_data_is_refused(ingest, tmp_path):
    with pytest.raises(ECGError, match=r"learns nothing .* after Resample\(.*\) and Centre\(\)"):
        ingest(transform=make_pipeline(Resample(100), Centre()))
    assert not (tmp_path / "out").exists()


def test_a_transform_that_drops_records_is_refused(ingest):
    with pytest.raises(ECGError, match="one ECG per record, got 1 for 2"):
        ingest(transform=Drop())


def test_description_has_every_parameter_that_decides_the_result():
    transform = make_pipeline(
        SelectLeads(("I", "II")), make_pipeline(FunctionTransformer(np.negative), memory=None)
    )
    select, function = describe_transform(transform)
    assert select == "SelectLeads(derive=False, input_leads=None, leads=['I', 'II'])"
    (masking,) = describe_transform(SelectLeads(("I", "II"), missing="mask"))
    assert masking.endswith("missing='mask')")
    assert "func=negative" in function
    assert "0x" not in function
    assert describe_transform(None) == []
    assert describe_transform(Resample(np.float64(100.5), n_jobs=4)) == [
        "Resample(input_sampling_rate=None, sampling_rate=100.5)"
    ]
