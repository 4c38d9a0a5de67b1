"""Resample against signals of known frequency."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.exceptions import SamplingRateError
from ecgsk.preprocessing import Resample

RATES = st.sampled_from([100, 128, 240, 250, 257, 360, 400, 500, 1000])


def sine(frequency, rate, duration=10.0, phase=0.0):
    t = np.arange(round(duration * rate)) / rate
    return np.sin(2 * np.pi * frequency * t + phase)


@settings(max_examples=40)
@given(RATES, RATES, st.floats(0.5, 30), st.floats(0, 6.28))
def test_resampled_sine_is_the_sine_at_the_other_rate(rate, new_rate, frequency, phase):
    signal = sine(frequency, rate, phase=phase)
    resampled = Resample(new_rate, input_sampling_rate=rate).fit_transform(signal[None])[0]
    expected = sine(frequency, new_rate, phase=phase)
    assert resampled.shape == expected.shape
    inner = slice(new_rate, -new_rate)
    np.testing.assert_allclose(resampled[inner], expected[inner], atol=5e-3)


def test_resampling_does_not_alias():
    above = sine(180, 500)  # folds to 20 Hz at 100 Hz when samples are merely dropped
    out = Resample(100, input_sampling_rate=500).fit_transform(above[None])
    assert np.abs(out[0, 100:-100]).max() < 1e-2


def test_resampling_keeps_the_baseline_up_to_the_edges():
    x = 5 + 0.1 * sine(1, 500)[None]
    out = Resample(100, input_sampling_rate=500).fit_transform(x)
    np.testing.assert_allclose(out[0], x[0, ::5], atol=5e-3)


def test_resampling_to_the_same_rate_changes_nothing():
    x = np.random.default_rng(0).normal(size=(2, 3, 50))
    np.testing.assert_array_equal(Resample(100, input_sampling_rate=100).fit_transform(x), x)


@given(st.integers(1, 50), st.sampled_from([25, 99.5, 100, 250]), st.data())
def test_missing_samples_after_resampling(n_times, rate, data):
    missing = np.array(data.draw(st.lists(st.booleans(), min_size=n_times, max_size=n_times)))
    x = np.where(missing, np.nan, 1.0)[None]
    out = Resample(rate, input_sampling_rate=100).fit_transform(x)[0]
    assert len(out) == int(np.ceil(n_times * rate / 100))
    assert np.isnan(out).any() == missing.any()
    assert np.isnan(out).all() or not missing.all()
    times = np.minimum(np.rint(np.arange(len(out)) * 100 / rate).astype(int), n_times - 1)
    assert np.isnan(out[missing[times]]).all()


@pytest.mark.parametrize("rate", [0, -100, None, np.nan])
def test_resample_needs_a_rate(rate):
    with pytest.raises(SamplingRateError, match="Resample: expected a sampling rate in Hz above 0"):
        Resample(rate, input_sampling_rate=100).fit(np.zeros((1, 10)))
