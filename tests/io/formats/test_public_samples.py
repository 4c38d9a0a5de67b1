"""Real files of each format beside the checkout, against independent arithmetic and readers."""

import base64
import gzip
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from ecgsk.io import read_ecg, read_ecgs
from ecgsk.signals import STANDARD_12_LEADS
from tests.io.formats.writers import derive

pytestmark = pytest.mark.real_data


@pytest.fixture
def samples(real_data):
    return real_data / "hospital_formats"


def test_muse_equals_its_bytes(samples):
    root = ET.parse(samples / "muse" / "example1.xml").getroot()
    (rhythm,) = [w for w in root.iter("Waveform") if w.findtext("WaveformType") == "Rhythm"]
    stored = {
        lead.findtext("LeadID"): np.frombuffer(
            base64.b64decode(lead.findtext("WaveFormData")), "<i2"
        )
        * (float(lead.findtext("LeadAmplitudeUnitsPerBit")) / 1000)
        for lead in rhythm.iter("LeadData")
    }
    record = read_ecg(samples / "muse" / "example1.xml")
    assert (record.leads, record.signal.shape) == (STANDARD_12_LEADS, (12, 5000))
    expected = derive(stored)
    np.testing.assert_allclose(record.signal, [expected[x] for x in record.leads], atol=1e-6)


def test_muse_equals_the_same_recording_as_wfdb(samples):
    xml, wfdb = (read_ecg(samples / "muse" / f"muse-sinus.{x}") for x in ("xml", "hea"))
    assert xml.leads == wfdb.leads
    # EGM wrote microvolts, rounded, under a gain of 200 a millivolt: five times too large.
    np.testing.assert_allclose(xml.signal * 1000, wfdb.signal * 200, atol=0.5)


def test_philips_files_keep_einthovens_law(samples):
    for name in ("sierra_1_03.xml", "sierra_1_04.xml"):
        record = read_ecg(samples / "philips" / name)
        assert (record.leads, record.sampling_rate) == (STANDARD_12_LEADS, 500)
        one, two, three = record.signal[:3]
        # III is decompressed from residuals to I and II; steps are 5 uV.
        assert np.median(np.abs(three - (two - one))) <= 0.005


def test_aecg_equals_its_digits(samples):
    text = (samples / "aecg" / "subject1_0.xml").read_text()
    code = text.index('"MDC_ECG_LEAD_V3"')
    digits = np.array(re.search(r"<digits>([^<]*)", text[code:])[1].split(), float)
    scale = float(re.search(r'<scale value="([\d.]+)" unit="uV"', text[code:])[1])
    record = read_ecg(samples / "aecg" / "subject1_0.xml")
    assert (record.leads, record.sampling_rate) == (STANDARD_12_LEADS, 500)
    np.testing.assert_allclose(record.signal[8], digits * scale / 1000, atol=1e-6)
    assert read_ecg(samples / "aecg" / "minimum_aecg.xml").signal.shape == (1, 13)


def test_one_recording_in_three_formats(samples):
    folder = samples / "scp_edf_csv"
    with gzip.open(folder / "contec_0000050.csv.gz") as file:
        counts = np.genfromtxt(file, delimiter=",")[:, :6].T
    declared = {"leads": STANDARD_12_LEADS, "sampling_rate": 800, "unit": "uV"}
    table = read_ecg(folder / "contec_0000050.csv.gz", **declared).signal
    np.testing.assert_allclose(table[:6] * 1000, counts, rtol=1e-6)
    assert np.isnan(table[6:]).all()
    # 5 uV a step in SCP-ECG, whose section 6 can hold 32,767 of the 37,855 samples.
    scp = read_ecgs(folder / "contec_0000050.scp")
    assert "section 6 holds 32767" in scp["note"].item()
    np.testing.assert_allclose(scp["ecg"].iloc[0].signal[:6], counts[:, :32767] * 0.005, atol=1e-6)
    # The header of the EDF file states -1000 to 1000 mV for the whole of 16 bits.
    edf = read_ecg(folder / "contec_0000050.edf")
    assert edf.sampling_rate == pytest.approx(800)
    expected = (counts + 32768) / 65535 * 2000 - 1000
    np.testing.assert_allclose(edf.signal[:6], expected, atol=1e-4)


def test_a_folder_of_all_is_one_table(samples):
    frame = read_ecgs(samples / "muse", samples / "philips", duration=10)
    assert sorted(frame.index) == [
        *("example1.xml", "muse-sinus", "muse-sinus.xml", "sierra_1_03.xml", "sierra_1_04.xml"),
    ]
    assert frame.attrs["broken"] == []
    assert str(frame["ecg"].dtype) == "ecg[12x5000, 500 Hz]"
