"""DICOM ECG: groups, channels, scales and units, against independent arithmetic."""

import sys

import numpy as np
import pandas as pd
import pydicom.data
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import RecordReadError, UnitError
from ecgsk.io import read_ecg, read_ecgs
from ecgsk.io.formats import dicom
from ecgsk.signals import STANDARD_12_LEADS
from tests.io.formats.writers import (
    dicom_channel,
    dicom_group,
    make_digital,
    write_dicom,
)

SCP_NUMBERS = (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8)  # of the standard twelve, in their order


def group_of(digital, **options):
    channels = [dicom_channel(f"5.6.3-9-{n}") for n in SCP_NUMBERS[: len(digital)]]
    return dicom_group(np.array([*digital.values()]), channels, **options)


@pytest.fixture
def rhythm():
    return make_digital(STANDARD_12_LEADS, 1000)


def test_the_sample_of_pydicom_equals_its_bytes():
    path = pydicom.data.get_testdata_file("waveform_ecg.dcm")
    record = read_ecg(path)
    assert (record.leads, record.sampling_rate) == (STANDARD_12_LEADS, 1000)
    # Of the file's 12 channels at 1.25 uV a step, without baseline, as `dcmdump` prints them.
    group = pydicom.dcmread(path).WaveformSequence[0]
    stored = np.frombuffer(group.WaveformData, "<i2").reshape(10_000, 12).T
    np.testing.assert_allclose(record.signal, stored * 1.25 / 1000, atol=1e-6)
    frame = read_ecgs(path)
    assert frame[["age", "sex", "subject_id"]].iloc[0].tolist() == [42.0, "F", "642341"]
    assert frame["ecg_time"].iloc[0] == pd.Timestamp("2013-01-25 10:59:19")


@pytest.mark.parametrize("median", [0, 1])
@pytest.mark.parametrize("label", ["MEDIAN BEAT", "Average beat"])
def test_the_rhythm_strip_is_read_wherever_the_median_beat_is(tmp_path, rhythm, median, label):
    # Longer than the strip, so that length alone does not find it.
    beats = group_of(make_digital(STANDARD_12_LEADS, 1200, seed=1), label=label)
    groups = [group_of(rhythm)]
    groups.insert(median, beats)
    record = read_ecg(write_dicom(tmp_path / "a", groups))
    expected = np.array([*rhythm.values()]) / 1000
    np.testing.assert_allclose(record.signal, expected, atol=1e-6)


def test_a_derived_group_is_no_rhythm_strip(tmp_path, rhythm):
    derived = group_of(make_digital(STANDARD_12_LEADS, 1200), label="", originality="DERIVED")
    assert read_ecg(write_dicom(tmp_path / "a", [derived, group_of(rhythm)])).n_samples == 1000
    with pytest.raises(RecordReadError, match="expected a rhythm strip, got 1 waveform groups"):
        read_ecg(write_dicom(tmp_path / "b", [derived]))


def test_leads_of_simultaneous_groups_are_joined(tmp_path, rhythm):
    groups = []
    for start in range(0, 12, 3):
        part = np.array([*rhythm.values()])[start : start + 3]
        channels = [dicom_channel(f"2:{n}") for n in SCP_NUMBERS[start : start + 3]]
        groups.append(dicom_group(part, channels))
    record = read_ecg(write_dicom(tmp_path / "a", groups))
    assert record.leads == STANDARD_12_LEADS
    np.testing.assert_allclose(record.signal, np.array([*rhythm.values()]) / 1000, atol=1e-6)


def test_groups_of_another_time_are_left_out_with_a_note(tmp_path, rhythm):
    later = group_of(rhythm)
    later.MultiplexGroupTimeOffset = "2500"
    frame = read_ecgs(write_dicom(tmp_path / "a", [group_of(rhythm), later]))
    assert frame["note"].tolist() == ["1 of 2 waveform groups are not read"]


@given(
    sensitivity=st.floats(0.01, 10),
    correction=st.floats(0.5, 2),
    baseline=st.floats(-500, 500),
    unit=st.sampled_from([("uV", 1e-3), ("mV", 1.0), ("\u00b5V", 1e-3), ("V", 1e3)]),
)
def test_samples_are_scaled_by_sensitivity_correction_and_baseline(
    tmp_path_factory, sensitivity, correction, baseline, unit
):
    stated = [f"{value:.6g}" for value in (sensitivity, correction, baseline)]
    digital = np.array([[0, 1, -300, 250]], "<i2")
    channel = dicom_channel("5.6.3-9-2", "", unit[0], *stated)
    path = tmp_path_factory.mktemp("scale") / "a"
    write_dicom(path, [dicom_group(digital, [channel])], SpecificCharacterSet="ISO_IR 192")
    scale, factor, offset = map(float, stated)
    expected = (digital * scale * factor + offset) * unit[1]
    np.testing.assert_allclose(read_ecg(path).signal, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("code", "meaning", "lead"),
    [
        ("5.6.3-9-61", "Lead III", "III"),
        ("2:62", "", "aVR"),
        ("", "Lead aVF (Goldberger)", "aVF"),
        ("unknown", "MDC_ECG_ELEC_POTL_V2", "V2"),
        ("5.6.3-9-66", "V8", "V8"),
        ("5.6.3-9-11", "", "V3R"),
    ],
)
def test_leads_are_found_by_code_or_meaning(tmp_path, code, meaning, lead):
    group = dicom_group(np.ones((1, 500), "<i2"), [dicom_channel(code, meaning)])
    assert read_ecg(write_dicom(tmp_path / "a", [group])).leads == (lead,)


def test_a_code_that_contradicts_its_meaning_is_refused(tmp_path):
    group = dicom_group(np.ones((1, 500), "<i2"), [dicom_channel("5.6.3-9-1", "Lead II")])
    with pytest.raises(RecordReadError, match=r"lead I by its code 5.6.3-9-1 and II by its mean"):
        read_ecg(write_dicom(tmp_path / "a", [group]))


def test_a_unit_that_is_not_stated_is_asked_for(tmp_path):
    digital = np.array([[100, 200]], "<i2")
    for number, channel in enumerate(
        [dicom_channel("2:1", unit=""), dicom_channel("2:1", sensitivity=None)]
    ):
        path = write_dicom(tmp_path / str(number), [dicom_group(digital, [channel])])
        with pytest.raises(UnitError, match=r"not state the unit of lead I. Pass it, .*unit="):
            read_ecg(path)
        np.testing.assert_allclose(read_ecg(path, unit="uV").signal, [[0.1, 0.2]], atol=1e-7)


def test_a_padding_value_of_zero_is_an_amplitude(tmp_path):
    group = dicom_group(np.array([[100, 0]], "<i2"), [dicom_channel("2:1")], padding=0)
    signal = read_ecg(write_dicom(tmp_path / "a", [group])).signal
    np.testing.assert_allclose(signal, [[0.1, 0.0]], atol=1e-7)


def test_padding_is_missing(tmp_path):
    group = dicom_group(np.array([[100, -32768]], "<i2"), [dicom_channel("2:1")], padding=-32768)
    signal = read_ecg(write_dicom(tmp_path / "a", [group])).signal
    np.testing.assert_allclose(signal, [[0.1, np.nan]], atol=1e-7)


def test_what_is_no_readable_waveform_is_refused(tmp_path, rhythm):
    with pytest.raises(RecordReadError, match=r"expected a DICOM waveform .*without one \(ECG\)"):
        read_ecg(write_dicom(tmp_path / "none", []))
    law = group_of(rhythm)
    law.WaveformSampleInterpretation = "MB"
    with pytest.raises(RecordReadError, match="mu-law or A-law"):
        read_ecg(write_dicom(tmp_path / "law", [law]))
    cut = group_of(rhythm)
    cut.NumberOfWaveformSamples = 1001
    with pytest.raises(RecordReadError, match="group 1 is truncated: expected 12012 samples"):
        read_ecg(write_dicom(tmp_path / "cut", [cut]))
    silent = group_of(rhythm)
    del silent.SamplingFrequency
    with pytest.raises(RecordReadError, match="must state its sampling frequency"):
        read_ecg(write_dicom(tmp_path / "silent", [silent]))


def test_a_deflated_file_is_read_within_the_size_of_any(tmp_path, rhythm, monkeypatch):
    expected = read_ecg(write_dicom(tmp_path / "a", [group_of(rhythm)]))
    path = write_dicom(tmp_path / "z", [group_of(rhythm)], syntax="1.2.840.10008.1.2.1.99")
    assert path.stat().st_size < (tmp_path / "a").stat().st_size
    np.testing.assert_array_equal(read_ecg(path).signal, expected.signal)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(RecordReadError, match="its deflated data are cut"):
        read_ecg(path)
    bomb = write_dicom(
        tmp_path / "b",
        [group_of({lead: 0 * row for lead, row in rhythm.items()})],
        syntax="1.2.840.10008.1.2.1.99",
    )
    monkeypatch.setattr(dicom, "MAX_BYTES", bomb.stat().st_size)
    with pytest.raises(RecordReadError, match=r"at most .* bytes, got one that inflates to more"):
        read_ecg(bomb)


def test_a_file_cut_anywhere_is_a_record_read_error(tmp_path, rhythm):
    whole = write_dicom(tmp_path / "a", [group_of(rhythm)]).read_bytes()
    for n_bytes in range(200, len(whole) - 2, len(whole) // 7):
        (tmp_path / "cut").write_bytes(whole[:n_bytes])
        with pytest.raises(RecordReadError, match="cut"):
            read_ecg(tmp_path / "cut")


def test_a_missing_library_is_named_with_its_extra(tmp_path, rhythm, monkeypatch):
    path = write_dicom(tmp_path / "a", [group_of(rhythm)])
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(RecordReadError, match=r"needs pydicom.*pip install 'ecgsk\[dicom\]'"):
        read_ecg(path)


def test_identity_of_the_patient_is_the_only_identifier_read(tmp_path, rhythm):
    path = write_dicom(
        tmp_path / "a",
        [group_of(rhythm)],
        PatientID="p7",
        PatientName="Doe^Jane",
        PatientBirthDate="19590101",
        PatientAge="018M",
        PatientSex="M",
        AcquisitionDateTime="20200302102030.5+0100",
    )
    frame = read_ecgs(path)
    row = frame.iloc[0]
    assert {*frame.columns} == {
        *("ecg", "path", "note", "subject_id", "age", "sex", "ecg_time"),
    }
    assert (row["subject_id"], row["age"], row["sex"]) == ("p7", 1.5, "M")
    assert row["ecg_time"] == pd.Timestamp("2020-03-02 10:20:30")
