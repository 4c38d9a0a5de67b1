"""Recordings of the simulator: leads, amplitudes, spectrum and noise."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.datasets import synthesize_ecg
from ecgsk.signals import STANDARD_12_LEADS

# Over 22,000 records of the frozen simulator: standard deviation in mV by lead, with
# the spread between cohorts of 7,300 records about 3 %.
LEAD_SD = {"I": 0.151, "II": 0.220, "V1": 0.213, "V2": 0.251, "V6": 0.208}
# Median and 95th percentile over records of the standard deviation within one record.
RECORD_SD = {"II": (0.194, 0.333), "V2": (0.203, 0.390)}
# Share of the power of II and V2 in bands of Hz: wander, slow waves, QRS, muscle, mains alias.
POWER = {(0, 0.6): 0.280, (0.6, 15): 0.630, (15, 39): 0.085, (39, 41): 0.0019}


def lead(signal, name):
    return signal[:, STANDARD_12_LEADS.index(name)]


def test_einthoven_and_goldberger_hold_exactly(recorded):
    signal = recorded[1][:200].astype(np.float64)
    one, two, three, avr, avl, avf = (signal[:, index] for index in range(6))
    np.testing.assert_allclose(one + three, two, atol=1e-6)
    np.testing.assert_allclose(avr + avl + avf, 0, atol=1e-6)
    np.testing.assert_allclose(avr, -(one + two) / 2, atol=1e-6)


def test_amplitudes_equal_those_of_the_frozen_simulator(recorded):
    signal = recorded[1]
    assert np.isfinite(signal).all()
    for name, expected in LEAD_SD.items():
        assert lead(signal, name).std() == pytest.approx(expected, rel=0.08), name
    for name, expected in RECORD_SD.items():
        measured = np.percentile(lead(signal, name).std(axis=1), [50, 95])
        assert measured == pytest.approx(expected, rel=0.08), name


def test_spectrum_equals_that_of_the_frozen_simulator(recorded):
    both = np.stack([lead(recorded[1], "II"), lead(recorded[1], "V2")])
    power = (np.abs(np.fft.rfft(both)) ** 2).mean(axis=(0, 1))
    frequency = np.fft.rfftfreq(1000, 0.01)
    for (low, high), expected in POWER.items():
        band = power[(frequency >= low) & (frequency < high)].sum() / power.sum()
        assert band == pytest.approx(expected, rel=0.2), (low, high)


def test_mains_alias_to_40_hz_at_100_hz(recorded):
    power = (np.abs(np.fft.rfft(lead(recorded[1], "V6"))) ** 2).mean(axis=0)
    around = np.r_[390:397, 404:411]
    assert np.argmax(power[350:]) + 350 == 400
    assert power[400] > 10 * power[around].mean()


def test_mains_are_at_60_hz_at_500_hz(average):
    latent = pd.concat([average] * 8, ignore_index=True)
    ecg = synthesize_ecg(latent, sampling_rate=500, random_state=0)
    assert str(ecg.dtype) == "ecg[12x5000, 500 Hz]"
    power = (np.abs(np.fft.rfft(lead(ecg.read(), "V6"))) ** 2).mean(axis=0)
    assert np.argmax(power[500:]) + 500 == 600


@settings(max_examples=15, deadline=None)
@given(
    sampling_rate=st.sampled_from([50, 100, 125, 128, 250, 257.0, 400, 500]),
    heart_rate=st.floats(20, 180),
    potassium=st.floats(2.2, 8.5),
    in_af=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_any_state_at_any_rate_gives_ten_seconds_of_beats(
    average, sampling_rate, heart_rate, potassium, in_af, seed
):
    latent = average.assign(heart_rate=heart_rate, potassium=potassium, in_af=in_af)
    signal = synthesize_ecg(latent, sampling_rate=sampling_rate, random_state=seed).read()
    assert signal.shape == (1, 12, round(10 * sampling_rate))
    assert np.isfinite(signal).all()
    last_seconds = lead(signal, "V5")[0, -round(4 * sampling_rate) :]
    assert np.ptp(last_seconds) > 0.4  # beats reach the end of the record
