"""Signals that are there, but wrong: clipped leads, electrodes in each other's place."""

import numpy as np
import pytest

from ecgsk.datasets import make_clinical_ecg
from ecgsk.io import read_wfdb_folder
from ecgsk.signals import ECGArray, quality

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


def test_leads_that_cannot_tell_suspect_nothing(synthetic):
    assert (quality(synthetic.select_leads(["I", "II"]))["suspected_reversal"] == "").all()


@pytest.mark.real_data
@pytest.mark.parametrize(("folder", "detected"), [("ludb", 0.85), ("brugada_huca", 0.9)])
def test_real_recordings(real_data, folder, detected):
    ecg = read_wfdb_folder(real_data / folder)["ecg"].array
    report, exchanged = quality(ecg), quality(exchange_arms(ecg))
    assert (report["suspected_reversal"] != "").mean() < 0.04
    assert (exchanged["suspected_reversal"] == "arm electrodes").mean() > detected
    assert (report["n_clipped_leads"] > 0).mean() < 0.01
