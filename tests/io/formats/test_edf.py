"""EDF and BDF: rates by channel, physical dimensions and sizes, on files written by hand."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import LeadMismatchError, RecordReadError, SamplingRateError, UnitError
from ecgsk.io import read_ecg, read_ecgs
from tests.io.formats.writers import edf_signal, make_digital, write_edf


@given(
    dimension=st.sampled_from([("uV", 1e-3), ("mV", 1.0), ("V", 1e3), ("\u00b5V", 1e-3)]),
    physical=st.tuples(st.integers(-9999, -1), st.integers(1, 9999)),
    limits=st.tuples(st.integers(-32768, -1), st.integers(1, 32767)),
    inverted=st.booleans(),
)
def test_digital_limits_map_to_physical_limits(
    tmp_path_factory, dimension, physical, limits, inverted
):
    physical = physical[::-1] if inverted else physical
    digital = np.array([*limits, 0, 1, -1, *limits, 0])
    path = tmp_path_factory.mktemp("edf") / "a.edf"
    write_edf(path, [edf_signal("II", digital, 8, dimension[0], physical, limits)])
    share = (digital - limits[0]) / (limits[1] - limits[0])
    expected = (physical[0] + share * (physical[1] - physical[0])) * dimension[1]
    largest = max(map(abs, physical)) * dimension[1]
    np.testing.assert_allclose(read_ecg(path).signal[0], expected, rtol=1e-6, atol=1e-6 * largest)


def test_each_lead_has_its_own_dimension(tmp_path):
    signals = [
        edf_signal("ECG I", [100, -100] * 100, 100, "uV"),
        edf_signal("EKG II", [100, -100] * 100, 100, "mV"),
        edf_signal("V1", [100, -100] * 100, 100, "V"),
    ]
    record = read_ecg(write_edf(tmp_path / "a", signals))
    assert (record.leads, record.sampling_rate) == (("I", "II", "V1"), 100)
    # 0.1 units a step.
    np.testing.assert_allclose(record.signal[:, 0], [0.01, 10.0, 10_000.0], rtol=1e-5)


def test_other_signals_of_other_rates_are_left_aside(tmp_path):
    digital = make_digital(["II"], 1000)["II"]
    signals = [
        edf_signal("Resp", [7] * 50, 25, unit=""),
        edf_signal("ECG II", digital, 500),
        edf_signal("EDF Annotations", [0x142B, 0] * 30, 30, ""),
    ]
    record = read_ecg(write_edf(tmp_path / "a", signals, reserved="EDF+C"))
    assert (record.leads, record.sampling_rate) == (("II",), 500)
    np.testing.assert_allclose(record.signal[0], digital * 1e-4, atol=1e-7)


def test_leads_of_two_rates_are_resampled_only_when_asked(tmp_path):
    def sine(rate):
        return np.round(1000 * np.sin(2 * np.pi * 3 * np.arange(8 * rate) / rate)).astype(int)

    signals = [edf_signal("I", sine(500), 500), edf_signal("II", sine(250), 250)]
    path = write_edf(tmp_path / "a", signals)
    with pytest.raises(SamplingRateError, match=r"got I 500 Hz, II 250 Hz. Pass sampling_rate=500"):
        read_ecg(path)
    assert read_ecg(path, leads=["II"]).sampling_rate == 250
    record = read_ecg(path, sampling_rate=500)
    assert record.signal.shape == (2, 4000)
    # 1000 steps of 0.1 uV; away from the ends both are one sine.
    inner = record.signal[:, 500:-500]
    np.testing.assert_allclose(inner[1], inner[0], atol=2e-3)


def test_a_dimension_that_is_not_stated_is_asked_for(tmp_path):
    path = write_edf(tmp_path / "a", [edf_signal("II", [100] * 100, 100, unit="")])
    with pytest.raises(UnitError, match=r"does not state the unit of lead II.*unit='uV'"):
        read_ecg(path)
    np.testing.assert_allclose(read_ecg(path, unit="uV").signal, 0.01, rtol=1e-5)
    degrees = write_edf(tmp_path / "b", [edf_signal("II", [100] * 100, 100, unit="degC")])
    with pytest.raises(UnitError, match="lead II: unknown unit 'degC'"):
        read_ecg(degrees, unit="uV")


def test_a_signal_of_another_name_is_declared(tmp_path):
    path = write_edf(tmp_path / "a", [edf_signal("ECG", [100] * 100, 100)])
    with pytest.raises(LeadMismatchError, match=r"it stores ECG. Name .*leads=\{'ECG': 'II'\}"):
        read_ecg(path)
    assert read_ecg(path, leads={"ECG": "II"}).leads == ("II",)


def test_a_rate_that_is_no_whole_number_is_kept(tmp_path):
    path = write_edf(tmp_path / "a", [edf_signal("II", [1] * 2570, 257)], seconds="1.5")
    assert read_ecg(path).sampling_rate == pytest.approx(257 / 1.5, rel=1e-12)


def test_bdf_has_samples_of_three_bytes(tmp_path):
    digital = np.array([-8_388_608, 8_388_607, 0, 70_000] * 25)
    signal = edf_signal("II", digital, 100, "uV", (-262144, 262143), (-8_388_608, 8_388_607))
    path = write_edf(tmp_path / "a", [signal], bdf=True)
    share = (digital + 8_388_608) / (2**24 - 1)
    expected = (-262144 + share * (262143 + 262144)) * 1e-3
    np.testing.assert_allclose(read_ecg(path).signal[0], expected, rtol=1e-6, atol=1e-6)


def test_patient_and_time_are_read(tmp_path):
    signals = [edf_signal("II", [1] * 100, 100)]
    path = write_edf(tmp_path / "a.edf", signals, patient="p7 F 01-JAN-1959 Jane_Doe")
    frame = read_ecgs(path, leads=["II"])
    assert frame["subject_id"].tolist() == ["p7"]
    assert frame["sex"].tolist() == ["F"]
    assert frame["ecg_time"].tolist() == [pd.Timestamp("2020-03-02 10:20:30")]
    assert "Doe" not in frame.drop(columns="ecg").to_csv()


def test_damaged_files_are_refused_with_a_reason(tmp_path):
    whole = write_edf(tmp_path / "a", [edf_signal("II", [1] * 1000, 100)]).read_bytes()
    (tmp_path / "cut").write_bytes(whole[:-2])
    with pytest.raises(RecordReadError, match=r"truncated: expected 2,512 bytes .* got 2,510"):
        read_ecg(tmp_path / "cut")
    (tmp_path / "head").write_bytes(whole[:300])
    with pytest.raises(RecordReadError, match="EDF"):
        read_ecg(tmp_path / "head")
    split = write_edf(tmp_path / "d", [edf_signal("II", [1] * 100, 100)], reserved="EDF+D")
    with pytest.raises(RecordReadError, match=r"discontinuous recording \(EDF\+D\)"):
        read_ecg(split)
    flat = write_edf(tmp_path / "f", [edf_signal("II", [1] * 100, 100, physical=(0, 0))])
    with pytest.raises(RecordReadError, match="two different digital and two different physical"):
        read_ecg(flat)


def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch):
    path = write_edf(tmp_path / "a", [edf_signal("II", [1] * 100, 100)])
    monkeypatch.setitem(sys.modules, "edfio", None)
    with pytest.raises(RecordReadError, match=r"needs edfio.*pip install 'ecgsk\[formats\]'"):
        read_ecg(path)
