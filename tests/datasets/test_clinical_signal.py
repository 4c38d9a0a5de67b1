"""Synthetic ECGs: physics that holds exactly, and disease that shows where textbooks say."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.datasets import make_clinical_ecg, synthesize_ecg
from ecgsk.exceptions import ECGError
from ecgsk.signals import STANDARD_12_LEADS

# Over 22,000 records of the frozen generator: standard deviation in mV by lead, with
# the spread between cohorts of 7,300 records about 3 %.
LEAD_SD = {"I": 0.151, "II": 0.220, "V1": 0.213, "V2": 0.251, "V6": 0.208}
# Median and 95th percentile over records of the standard deviation within one record.
RECORD_SD = {"II": (0.194, 0.333), "V2": (0.203, 0.390)}
# Share of the power of II and V2 in bands of Hz: wander, slow waves, QRS, muscle, mains alias.
POWER = {(0, 0.6): 0.280, (0.6, 15): 0.630, (15, 39): 0.085, (39, 41): 0.0019}


@pytest.fixture(scope="module")
def recorded():
    cohort = make_clinical_ecg(1500, random_state=1)
    return cohort.latent, cohort.X["ecg"].ecg.to_numpy()


@pytest.fixture(scope="module")
def average() -> pd.DataFrame:
    """A healthy latent state in which nothing personal stands out."""
    latent = make_clinical_ecg(1, random_state=0).latent.iloc[:1].copy()
    numbers = latent.columns.drop(["acute_infarct_territory", "old_infarct_territory"])
    latent[numbers] = 0.0
    latent[[name for name in latent if name.startswith("gain_")]] = 1.0
    return latent.assign(
        age=62.0, bmi=28.0, heart_rate=70.0, potassium=4.3, calcium=9.3, magnesium=2.0,
        haemoglobin=14.0,
    )  # fmt: skip


def lead(signal: np.ndarray, name: str) -> np.ndarray:
    return signal[:, STANDARD_12_LEADS.index(name)]


def many(latent: pd.DataFrame, copies: int = 40, **causes) -> np.ndarray:
    """Record one state often, so that what chance adds averages out."""
    latent = pd.concat([latent.assign(**causes)] * copies, ignore_index=True)
    return synthesize_ecg(latent, random_state=0).read()


def test_einthoven_and_goldberger_hold_exactly(recorded):
    signal = recorded[1][:200].astype(np.float64)
    one, two, three, avr, avl, avf = (signal[:, index] for index in range(6))
    np.testing.assert_allclose(one + three, two, atol=1e-6)
    np.testing.assert_allclose(avr + avl + avf, 0, atol=1e-6)
    np.testing.assert_allclose(avr, -(one + two) / 2, atol=1e-6)


def test_amplitudes_are_those_of_the_frozen_generator(recorded):
    signal = recorded[1]
    assert np.isfinite(signal).all()
    for name, expected in LEAD_SD.items():
        assert lead(signal, name).std() == pytest.approx(expected, rel=0.08), name
    for name, expected in RECORD_SD.items():
        measured = np.percentile(lead(signal, name).std(axis=1), [50, 95])
        assert measured == pytest.approx(expected, rel=0.08), name


def test_spectrum_is_that_of_the_frozen_generator(recorded):
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


def test_mains_stand_at_60_hz_at_500_hz(average):
    latent = pd.concat([average] * 8, ignore_index=True)
    ecg = synthesize_ecg(latent, sampling_rate=500, random_state=0)
    assert str(ecg.dtype) == "ecg[12x5000, 500 Hz]"
    power = (np.abs(np.fft.rfft(lead(ecg.read(), "V6"))) ** 2).mean(axis=0)
    assert np.argmax(power[500:]) + 500 == 600


def r_peaks(record: np.ndarray) -> np.ndarray:
    """Samples at 100 Hz at which lead II of a healthy QRS complex peaks."""
    inner = record[1:-1]
    peak = (inner > 0.5 * record.max()) & (inner >= record[:-2]) & (inner > record[2:])
    return 1 + np.flatnonzero(peak)


def test_atrial_fibrillation_is_irregular_and_without_p_waves(average):
    spread, p_wave = {}, {}
    for in_af in (0.0, 1.0):
        spreads, beats = [], []
        for record in lead(many(average, in_af=in_af), "II"):
            peaks = r_peaks(record)
            rr = np.diff(peaks)
            spreads.append(rr[rr > 25].std() / rr[rr > 25].mean())
            beats += [record[peak - 20 : peak - 4] for peak in peaks if peak >= 20]
        spread[in_af] = np.median(spreads)
        # Averaged over beats, f waves cancel and P waves stay: they peak 0.12 s before R.
        mean_beat = np.mean(beats, axis=0)
        p_wave[in_af] = mean_beat[5:11].mean() - mean_beat[:2].mean()
    assert spread[1.0] > 2 * spread[0.0]
    assert p_wave[0.0] > 0.04
    assert abs(p_wave[1.0]) < 0.02


def test_bundle_branch_block_widens_the_qrs_complex(average):
    normal, blocked = (many(average, lbbb=block) for block in (0.0, 1.0))

    def slow_share(signal):
        power = (np.abs(np.fft.rfft(lead(signal, "V1"))) ** 2).mean(axis=0)
        return power[20:100].sum() / power[20:400].sum()

    assert slow_share(blocked) > slow_share(normal)
    assert lead(blocked, "V1").min(axis=1).mean() < 1.2 * lead(normal, "V1").min(axis=1).mean()


@pytest.mark.parametrize(
    ("territory", "raised", "spared"),
    [("anterior", "V2", "aVF"), ("inferior", "III", "V2"), ("lateral", "I", "V1")],
)
def test_an_infarct_shows_over_its_wall(average, territory, raised, spared):
    well = many(average)
    ill = many(average, acute_infarct=2.0, acute_infarct_territory=territory)
    # ST elevation lasts for less than a tenth of the beat; the median passes over extra beats.
    change = np.median(np.percentile(ill - well, 95, axis=2), axis=0)
    at = {name: change[STANDARD_12_LEADS.index(name)] for name in (raised, spared)}
    assert at[raised] > 0.1
    assert at[raised] > 1.4 * at[spared]


def test_potassium_raises_t_and_flattens_p(average):
    signals = {k: many(average, potassium=k) for k in (4.3, 6.5, 8.0)}
    peaks = {k: np.percentile(lead(x, "V4"), 92, axis=1).mean() for k, x in signals.items()}
    assert peaks[4.3] < peaks[6.5] < peaks[8.0]


def test_only_the_changed_cause_changes_the_signal(average):
    """Two states recorded with one seed share rhythm and noise."""
    calm = synthesize_ecg(average, random_state=9).read()
    same = synthesize_ecg(average, random_state=9).read()
    fast = synthesize_ecg(average.assign(acid_load=3.0), random_state=9).read()
    toxic = synthesize_ecg(average.assign(potassium=7.0), random_state=9).read()
    np.testing.assert_array_equal(calm, same)
    np.testing.assert_array_equal(calm, fast)  # acid shows in the table alone
    assert np.abs(toxic - calm).max() > 0.2
    # Between T and the next P nothing of potassium is left, and the noise is the same.
    assert np.median(np.abs(toxic - calm)) < 0.03


def test_a_cohort_can_be_recorded_again(recorded):
    ecg = synthesize_ecg(recorded[0].iloc[:10], random_state=0)
    assert len(ecg) == 10
    assert ecg.leads == STANDARD_12_LEADS


@settings(max_examples=15, deadline=None)
@given(
    sampling_rate=st.sampled_from([50, 100, 125, 128, 250, 257.0, 400, 500]),
    heart_rate=st.floats(20, 180),
    potassium=st.floats(2.2, 8.5),
    in_af=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_any_state_at_any_rate_is_ten_seconds_of_beats(
    average, sampling_rate, heart_rate, potassium, in_af, seed
):
    latent = average.assign(heart_rate=heart_rate, potassium=potassium, in_af=in_af)
    signal = synthesize_ecg(latent, sampling_rate=sampling_rate, random_state=seed).read()
    assert signal.shape == (1, 12, round(10 * sampling_rate))
    assert np.isfinite(signal).all()
    last_seconds = lead(signal, "V5")[0, -round(4 * sampling_rate) :]
    assert np.ptp(last_seconds) > 0.4  # beats reach the end of the record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda latent: latent.drop(columns=["potassium"]), "latent lacks potassium"),
        (lambda latent: latent.assign(calcium=np.nan), "NaN in calcium"),
        (
            lambda latent: latent.assign(acute_infarct_territory="septal"),
            "must be one of anterior, inferior, lateral; got septal",
        ),
        (lambda latent: latent.assign(heart_rate=300.0), "between 20 and 180 per minute"),
    ],
)
def test_rejects_states_it_cannot_record(average, change, message):
    with pytest.raises(ECGError, match=message):
        synthesize_ecg(change(average))
