"""Signal quality of records."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.datasets import make_clinical_ecg
from ecgsk.io import read_wfdb_folder
from ecgsk.signals import STANDARD_12_LEADS, ECGArray, quality


@pytest.fixture
def damaged(x):
    x[1, 7] = 0.3
    x[2, 6] = np.nan
    x[3, 0, 100:150] = np.nan
    x[3, 1, :5] = np.nan
    x[4] = 0
    x[5] = np.nan
    x[6, 11, 500] = -163.8
    x[7, 2], x[7, 3], x[7, 4, 0] = 0, np.nan, np.nan
    return x


def test_quality_counts_and_describes_problems(frame, damaged):
    report = frame["ecg"].ecg.quality(batch_size=3)
    assert report.index.equals(frame.index)
    columns = ["n_missing_leads", "n_flat_leads", "n_nan_leads", "n_nan_samples", "usable"]
    expected = {
        0: [0, 0, 0, 0, True],
        1: [0, 1, 0, 0, True],
        2: [1, 0, 0, 0, True],
        3: [0, 0, 2, 55, True],
        4: [0, 12, 0, 0, False],
        5: [12, 0, 0, 0, False],
        6: [0, 0, 0, 0, True],
        7: [1, 1, 1, 1, True],
    }
    for row, values in expected.items():
        assert report[columns].iloc[row].tolist() == values
    assert report["problem"].tolist()[:8] == [
        "",
        "lead V2 flat",
        "lead V1 missing",
        "lead I, II partly NaN",
        "every lead flat",
        "every lead missing",
        "implausible amplitude of 164 mV",
        "lead aVR missing; lead III flat; lead aVL partly NaN",
    ]
    assert report["max_abs_mv"].iloc[6] == pytest.approx(163.8)
    assert np.isnan(report["max_abs_mv"].iloc[5])


def test_quality_of_a_missing_record(ecg):
    report = quality(ECGArray(ecg.storage, [-1, 0]))
    assert report["usable"].tolist() == [False, True]
    assert report["problem"].tolist() == ["every lead missing", ""]


def test_quality_of_an_empty_column(ecg):
    report = quality(ecg[:0])
    assert len(report) == 0
    assert report.columns.tolist() == quality(ecg).columns.tolist()


@given(st.integers(1, 30))
def test_quality_does_not_depend_on_the_batch(batch_size):
    x = np.random.default_rng(0).normal(size=(20, 2, 20))
    x[::3, 0] = 0
    ecg = ECGArray.from_numpy(x, leads=["I", "II"], sampling_rate=10)
    pd.testing.assert_frame_equal(quality(ecg, batch_size), quality(ecg))


ARMS = {"I": ("I", -1), "II": ("III", 1), "III": ("II", 1), "aVR": ("aVL", 1), "aVL": ("aVR", 1)}


def exchange_arms(ecg):
    """Give what the recorder would have: I upside down, the others in each other's place."""
    signals, place = ecg.read(), {lead: i for i, lead in enumerate(ecg.leads)}
    exchanged = signals.copy()
    for lead, (source, sign) in ARMS.items():
        exchanged[:, place[lead]] = sign * signals[:, place[source]]
    return ECGArray.from_numpy(exchanged, leads=ecg.leads, sampling_rate=ecg.sampling_rate)


@pytest.fixture(scope="module")
def synthetic():
    return make_clinical_ecg(60, sampling_rate=500, random_state=0).X["ecg"].array


def test_clipped_leads_are_counted(synthetic):
    signals = synthetic.read()
    limit = 0.4 * np.abs(signals[:, 1]).max(axis=1, keepdims=True)
    signals[:, 1] = np.clip(signals[:, 1], -limit, limit)
    ecg = ECGArray.from_numpy(signals, leads=synthetic.leads, sampling_rate=500)
    report = quality(ecg)
    assert (quality(synthetic)["n_clipped_leads"] == 0).all()
    assert (report["n_clipped_leads"] == 1).mean() > 0.95
    assert report.loc[report["n_clipped_leads"] == 1, "problem"].str.contains("lead II cl").all()


@given(
    millivolts=st.floats(0.05, 0.5),
    hertz=st.floats(0.5, 3),
    step=st.sampled_from([0.00987, 0.005]),
    rate=st.sampled_from([250, 500]),
)
def test_a_low_wave_in_steps_of_the_recorder_is_not_clipped(millivolts, hertz, step, rate):
    """Its extreme is flat for 20 ms, after one step, which is more than 1 % of its range."""
    wave = millivolts / 2 * np.sin(2 * np.pi * hertz * np.arange(10 * rate) / rate)
    stored = np.float32(step) * np.rint(wave / step).astype(np.float32)
    ecg = ECGArray.from_numpy(stored[None, None], leads=["II"], sampling_rate=rate)
    assert quality(ecg)["n_clipped_leads"][0] == 0


@pytest.mark.real_data
def test_low_leads_of_monitors_are_not_clipped(real_data):
    """Strips of VitalDB at half of their amplitude; a cut QRS complex is found."""
    paths = sorted((real_data / "vitaldb" / "strips").glob("*.npy"))
    strips = np.concatenate([np.load(path)[: 6 * 5000].reshape(6, 5000) for path in paths])
    step = np.float32(0.00987)
    low = step * np.rint(strips / (2 * step)).astype(np.float32)
    cut = np.clip(low, None, 0.3 * low.max(axis=1, keepdims=True))
    shares = []
    for signals in (low, cut):
        ecg = ECGArray.from_numpy(signals[:, None], leads=["II"], sampling_rate=500)
        shares.append((quality(ecg)["n_clipped_leads"] > 0).mean())
    assert shares[0] < 0.05
    assert shares[1] > 0.9


def test_exchanged_electrodes_are_suspected(synthetic):
    as_it_is = quality(synthetic)["suspected_reversal"]
    exchanged = quality(exchange_arms(synthetic))
    assert (as_it_is == "").mean() > 0.95
    found = exchanged["suspected_reversal"] == "arm electrodes"
    assert found.mean() > 0.8
    assert exchanged.loc[found, "problem"].str.contains("suspected reversal, arm electrodes").all()


def test_a_limb_lead_without_a_signal_suspects_the_right_leg(synthetic):
    signals = synthetic.read()
    signals[:, 1] *= 0.02 / np.ptp(signals[:, 1], axis=1, keepdims=True)
    ecg = ECGArray.from_numpy(signals, leads=synthetic.leads, sampling_rate=500)
    assert (quality(ecg)["suspected_reversal"] == "right-leg electrode").mean() > 0.95


def test_no_reversal_is_suspected_without_the_leads(synthetic):
    assert (quality(synthetic.select_leads(["I", "II"]))["suspected_reversal"] == "").all()


@pytest.mark.real_data
@pytest.mark.parametrize(("folder", "detected"), [("ludb", 0.85), ("brugada_huca", 0.9)])
def test_real_recordings(real_data, folder, detected):
    ecg = read_wfdb_folder(real_data / folder)["ecg"].array
    report, exchanged = quality(ecg), quality(exchange_arms(ecg))
    assert (report["suspected_reversal"] != "").mean() < 0.04
    assert (exchanged["suspected_reversal"] == "arm electrodes").mean() > detected
    assert (report["n_clipped_leads"] > 0).mean() < 0.01


pytestmark = pytest.mark.real_data


@pytest.fixture
def ptbxl(real_data):
    folder = real_data / "ptbxl_subset"
    X = pd.read_csv(folder / "labels.csv")
    X["ecg"] = ECGArray.from_npy(
        folder / "signals_100hz_zscored_float16.npy", leads=STANDARD_12_LEADS, sampling_rate=100
    )
    return X


def test_ptbxl_has_an_ecg_in_every_record(ptbxl):
    report = ptbxl["ecg"].ecg.quality()
    assert report["usable"].all()
    assert report["n_nan_samples"].sum() == 0
