"""R peaks: against cardiologists' marks, and where there are none."""

import warnings

import numpy as np
import pytest

from ecgsk.datasets import load_ludb
from ecgsk.exceptions import SamplingRateError
from ecgsk.io import find_beats
from ecgsk.io._wfdb import load_wfdb
from ecgsk.signals.resampling import resample

TOLERANCE = 0.075  # s


def read_marks(*args):
    with warnings.catch_warnings():
        # wfdb 4.3 reads with what pandas 3.1 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        return load_wfdb().rdann(*args)


def pulses(beats, rate, seconds=10, height=1.0):
    """A lead with one narrow bump per beat."""
    times = np.arange(round(seconds * rate)) / rate
    return height * sum(np.exp(-(((times - beat) / 0.012) ** 2)) for beat in beats)


@pytest.mark.parametrize("rate", [100, 257.5, 500])
def test_irregular_beats_are_found_at_any_rate(rate):
    beats = np.array([0.3, 1.1, 2.5, 3.2, 4.4, 5.0, 6.3, 7.4, 8.3, 9.5])
    found = find_beats(pulses(beats, rate), rate)
    np.testing.assert_allclose(found, beats, atol=0.02)


def complexes(beats, rate, seconds=10):
    """A lead with QRS complexes and T waves, which come closer where the beats do."""
    times = np.arange(round(seconds * rate)) / rate
    late = np.sqrt(min(np.diff(beats).min(), 1.0))
    waves = [(0, 0.01, 1.0), (-0.025, 0.008, -0.1), (0.025, 0.009, -0.2)]
    waves += [(0.28 * late, 0.045 * late, 0.25)]
    return sum(
        height * np.exp(-(((times - beat - delay) / width) ** 2) / 2)
        for beat in beats
        for delay, width, height in waves
    )


@pytest.mark.parametrize("per_minute", [30, 60, 120, 190, 200, 210, 240, 270, 300])
@pytest.mark.parametrize(("shape", "rate"), [(pulses, 100), (complexes, 500)])
def test_slow_and_fast_beats_are_found(per_minute, shape, rate):
    beats = np.arange(0.3, 9.9, 60 / per_minute)
    signal = shape(beats, rate) + np.random.default_rng(0).normal(0, 0.01, 10 * rate)
    np.testing.assert_allclose(find_beats(signal, rate), beats, atol=0.02)


def test_a_fast_rhythm_that_begins_late_is_found():
    slow, fast = np.arange(0.3, 4.8, 0.8), np.arange(5, 9.9, 60 / 230)
    beats = np.concatenate([slow, fast])
    np.testing.assert_allclose(find_beats(complexes(beats, 500), 500), beats, atol=0.03)


@pytest.mark.parametrize("hertz", [6, 10, 50])
def test_tremor_and_hum_are_no_fast_beats(hertz):
    times = np.arange(5000) / 500
    wave = 0.3 * np.sin(2 * np.pi * hertz * times)
    assert len(find_beats(wave, 500)) == 0
    beats = np.arange(0.5, 10, 0.8)
    found = find_beats(pulses(beats, 500) + wave / 5, 500)
    np.testing.assert_allclose(found, beats, atol=0.03)


def test_beats_are_found_in_the_lead_with_qrs_complexes():
    beats = np.arange(0.5, 10)
    noise = np.random.default_rng(0).normal(0, 0.02, (3, 1000))
    signal = noise + np.outer([0, -1, 0], pulses(beats, 100))
    signal[0] += 5 * np.sin(np.arange(1000) / 300)  # drift has no complexes, however large
    signal[2] = np.nan
    np.testing.assert_allclose(find_beats(signal, 100), beats, atol=0.03)


def test_a_gap_hides_its_own_beats_alone():
    beats = np.arange(0.5, 10)
    signal = pulses(beats, 500)
    signal[1700:3200] = np.nan
    np.testing.assert_allclose(find_beats(signal, 500), beats[[0, 1, 2, 6, 7, 8, 9]], atol=0.02)


@pytest.mark.parametrize(
    "signal",
    [
        np.zeros((12, 1000)),
        np.full((12, 1000), np.nan),
        np.full((2, 1000), np.inf),
        np.zeros((12, 0)),
        pulses([0.3], 100, seconds=0.9),
        np.random.default_rng(0).normal(0, 0.1, (12, 1000)),
    ],
    ids=["flat", "missing", "infinite", "empty", "short", "noise"],
)
def test_no_beat_is_found_in_noise_or_silence(signal, capfd):
    assert find_beats(signal, 100).shape == (0,)
    assert capfd.readouterr() == ("", "")


def test_bad_input_is_refused():
    with pytest.raises(SamplingRateError, match="find_beats"):
        find_beats(np.zeros(1000), 0)
    with pytest.raises(ValueError, match="one record at a time"):
        find_beats(np.zeros((2, 12, 1000)), 100)


@pytest.mark.real_data
def test_beats_agree_with_annotations_of_cardiologists(real_data):
    ecg = load_ludb(real_data / "ludb", progress=False).X["ecg"].iloc[:25]
    hits, n_marked, n_found = 0, 0, 0
    for record, signal in zip(ecg.index, ecg.array.read(), strict=True):
        marks = read_marks(str(real_data / "ludb" / "data" / str(record)), "ii")
        marked = marks.sample[np.array(marks.symbol) == "N"] / 500
        found = find_beats(resample(signal, 500, 100), 100)
        # The first and the last beat of a record are not marked.
        found = found[(found > marked[0] - 0.3) & (found < marked[-1] + 0.3)]
        hits += (np.abs(found[:, None] - marked) < TOLERANCE).any(axis=0).sum()
        n_marked, n_found = n_marked + len(marked), n_found + len(found)
    assert hits / n_marked > 0.97
    assert hits / n_found > 0.97


@pytest.mark.parametrize("number", [-9999, 1e30, 163.84])
def test_a_number_for_missing_samples_is_no_beat(number):
    times = np.arange(5000) / 500
    ecg = sum(np.exp(-(((times - beat) / 0.01) ** 2)) for beat in np.arange(0.5, 10))
    ecg[400:410] = number
    np.testing.assert_allclose(find_beats(ecg, 500), np.arange(0.5, 10), atol=0.02)
