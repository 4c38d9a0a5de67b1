"""BandpassFilter against the response of the filter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, sosfreqz

from ecgsk.exceptions import SamplingRateError
from ecgsk.preprocessing import BandpassFilter


def sine(frequency, rate, duration=10.0):
    t = np.arange(round(duration * rate)) / rate
    return np.sin(2 * np.pi * frequency * t)


@settings(max_examples=30)
@given(st.floats(0.2, 2), st.floats(20, 45), st.integers(1, 4), st.floats(3, 49))
def test_bandpass_gain_is_that_of_the_filter_run_twice(low, high, order, frequency):
    band = BandpassFilter(low, high, order=order, input_sampling_rate=100)
    signal = sine(frequency, 100, duration=40)
    out = band.fit_transform(signal[None])[0]
    sos = butter(order, [low, high], "bandpass", fs=100, output="sos")
    _, response = sosfreqz(sos, [frequency], fs=100)
    # In phase with the input: zero-phase.
    inner = slice(1500, 2500)
    np.testing.assert_allclose(out[inner], signal[inner] * np.abs(response[0]) ** 2, atol=5e-3)


def test_bandpass_removes_drift_up_to_the_edges():
    beats, drift = 0.5 * sine(8, 500), 2 + sine(0.03, 500)
    out = BandpassFilter(0.5, 40, input_sampling_rate=500).fit_transform((beats + drift)[None])[0]
    assert np.abs(out - beats).max() < 0.15  # SciPy's default padding errs by more than 1
    assert np.abs(out - beats)[500:-500].max() < 0.05


def test_a_record_cut_within_a_beat_keeps_its_baseline():
    seconds = np.arange(1000) / 100
    beats = sum(2.5 * np.exp(-(((seconds - at) / 0.03) ** 2)) for at in np.arange(0, 11, 0.75))
    whole = BandpassFilter(0.5, 40, input_sampling_rate=100).fit_transform(beats[None])[0]
    cut = BandpassFilter(0.5, 40, input_sampling_rate=100).fit_transform(beats[None, 225:751])[0]
    assert min(beats[225], beats[750]) > 2.4
    assert np.abs(cut - whole[225:751]).max() < 0.25  # SciPy's default padding errs by more than 2


@pytest.mark.parametrize(
    ("low", "high", "kept", "removed"), [(None, 15, 1, 45), (15, None, 45, 1), (5, 20, 10, 45)]
)
def test_a_band_may_be_open(low, high, kept, removed):
    band = BandpassFilter(low, high, input_sampling_rate=100)
    out = band.fit_transform(np.stack([sine(kept, 100), sine(removed, 100)]))[:, 200:-200]
    np.testing.assert_allclose(out[0], sine(kept, 100)[200:-200], atol=0.05)
    assert np.abs(out[1]).max() < 0.05


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"high": 50}, SamplingRateError, "high below 50 Hz, half the sampling rate of 100 Hz"),
        ({"low": 41}, ValueError, "0 < low < high in Hz, got low=41, high=40"),
        ({"low": 0}, ValueError, "low=None to keep the lowest"),
        ({"low": -1}, ValueError, "0 < low < high"),
        ({"low": 60, "high": None}, ValueError, "0 < low < high"),
        ({"low": None, "high": None}, ValueError, "both None; give at least one"),
        ({"order": 0}, ValueError, "whole number of at least 1, got 0"),
        ({"order": 2.5}, ValueError, "whole number of at least 1, got 2.5"),
    ],
)
def test_impossible_bands_are_refused(parameters, error, message):
    band = BandpassFilter(input_sampling_rate=100).set_params(**parameters)
    with pytest.raises(error, match=message):
        band.fit(np.zeros((1, 300)))
