"""Tables of WFDB records: leads by name, units, lengths, rates and comments of headers."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import (
    DurationError,
    LeadMismatchError,
    RecordReadError,
    SamplingRateError,
)
from ecgsk.io import read_wfdb_folder, read_wfdb_record
from ecgsk.signals import STANDARD_12_LEADS

SWAPPED = ("I", "II", "III", "AVR", "aVF", "avl", "v1", "V2", "V3", "V4", "V5", "V6")


def test_leads_are_found_by_name_in_any_case_and_order(tmp_path, write_record):
    signal = write_record("mimic", leads=SWAPPED)
    ecg = read_wfdb_record(tmp_path / "mimic.hea")
    assert ecg.leads == STANDARD_12_LEADS
    expected = signal[[0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11]]
    np.testing.assert_allclose(ecg.read()[0], expected, atol=1e-6)


def test_leads_are_ordered_as_requested_and_other_signals_ignored(tmp_path, write_record):
    signal = write_record("monitor", leads=("RESP", "V1", "II"))
    ecg = read_wfdb_record(tmp_path / "monitor", leads=["ii", "v1"])
    assert ecg.leads == ("II", "V1")
    np.testing.assert_allclose(ecg.read()[0], signal[[2, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "millivolts"), [("mV", 1), ("mv", 1), ("uV", 1e-3), ("µV", 1e-3), ("V", 1e3)]
)
def test_units_are_converted_to_millivolts(tmp_path, write_record, unit, millivolts):
    signal = write_record("r", unit="mV")
    header = tmp_path / "r.hea"
    header.write_text(header.read_text().replace("/mV", f"/{unit}"), encoding="utf-8")
    np.testing.assert_allclose(
        read_wfdb_record(tmp_path / "r").read()[0], signal * millivolts, rtol=1e-6, atol=1e-9
    )


def test_a_folder_becomes_a_table_of_signals_and_comments(tmp_path, write_record):
    write_record("b/one", comments=["Age: 61", "Sex: Female", "Dx: 426783006,59118001"])
    write_record("a/two", comments=["<age>: NaN", "<sex>: m", "Rhythm: AF", "Old scar.", "LVH."])
    frame = read_wfdb_folder(tmp_path)
    assert frame["record"].tolist() == ["a/two", "b/one"]
    assert frame["age"].isna().tolist() == [True, False]
    assert frame["sex"].tolist() == ["M", "F"]
    assert isinstance(frame["sex"].dtype, pd.CategoricalDtype)
    assert frame.loc[1, "dx"] == "426783006,59118001"
    assert frame.loc[0, "rhythm"] == "AF"
    assert frame.loc[0, "comments"] == "Old scar.; LVH."
    assert str(frame["ecg"].dtype) == "ecg[12x500, 500 Hz]"
    assert frame.attrs["broken"] == []


def test_comments_do_not_replace_other_columns(tmp_path, write_record):
    write_record("r", comments=["ecg: normal", "record: 17", "Age: 300"])
    frame = read_wfdb_folder(tmp_path)
    assert frame.loc[0, "header_ecg"] == "normal"
    assert frame.loc[0, "record"] == "r"
    assert np.isnan(frame.loc[0, "age"])  # 300 stands for "above 89" and is no age


def test_frames_of_two_folders_concatenate(tmp_path, write_record):
    write_record("a/one")
    write_record("b/two")
    frames = [read_wfdb_folder(tmp_path / name) for name in "ab"]
    both = pd.concat(frames, ignore_index=True)
    assert both["ecg"].ecg.to_numpy().shape == (2, 12, 500)


def test_longer_records_are_cropped_and_shorter_ones_padded(tmp_path, write_record):
    long, short = write_record("long", seconds=3), write_record("short", seconds=1)
    ecg = read_wfdb_folder(tmp_path, duration=2)["ecg"].ecg.to_numpy()
    assert ecg.shape == (2, 12, 1000)
    np.testing.assert_allclose(ecg[0], long[:, :1000], atol=1e-6)
    np.testing.assert_allclose(ecg[1, :, :500], short, atol=1e-6)
    assert np.isnan(ecg[1, :, 500:]).all()


def test_different_lengths_are_refused_without_a_duration(tmp_path, write_record):
    for name, seconds in [("a", 1), ("b", 2), ("c", 2)]:
        write_record(name, seconds=seconds)
    with pytest.raises(
        DurationError, match=r"got 2 s \(2 records\), 1 s \(1 records\).*duration=2"
    ):
        read_wfdb_folder(tmp_path)
    with pytest.raises(DurationError, match="above 0, got -1"):
        read_wfdb_folder(tmp_path, duration=-1)


def test_different_rates_are_refused_without_a_sampling_rate(tmp_path, write_record):
    for name, rate in [("a", 100), ("b", 400), ("c", 500), ("d", 500), ("e", 1000)]:
        write_record(name, rate=rate)
    with pytest.raises(SamplingRateError, match=r"500 Hz \(2 records\), 100 Hz.*sampling_rate=500"):
        read_wfdb_folder(tmp_path)
    frame = read_wfdb_folder(tmp_path, sampling_rate=500)
    ecg = frame["ecg"].ecg.to_numpy()
    assert ecg.shape == (5, 12, 500)
    inner = slice(50, 450)
    for resampled in ecg:  # a 3 Hz sine looks alike at every rate
        np.testing.assert_allclose(resampled[:, inner], ecg[2, :, inner], atol=0.02)


def test_an_unknown_lead_is_refused(tmp_path, write_record):
    write_record("r")
    with pytest.raises(LeadMismatchError, match="unknown lead 'V99'"):
        read_wfdb_folder(tmp_path, leads=["V99"])


def test_absent_records_are_refused(tmp_path, write_record):
    with pytest.raises(RecordReadError, match=r"no file matches .* Give the folder"):
        read_wfdb_folder(tmp_path)
    with pytest.raises(RecordReadError, match="which is not a folder"):
        read_wfdb_folder(tmp_path / "absent")
    with pytest.raises(RecordReadError, match=r"there is no header .*absent\.hea"):
        read_wfdb_record(tmp_path / "absent")
    write_record("bad")
    (tmp_path / "bad.dat").unlink()
    with pytest.raises(RecordReadError, match="none of 1 records can be read; the first: record"):
        read_wfdb_folder(tmp_path)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), "fast"])
def test_an_impossible_sampling_rate_is_refused(tmp_path, write_record, rate):
    write_record("r")
    with pytest.raises(SamplingRateError, match="Hz above 0"):
        read_wfdb_folder(tmp_path, sampling_rate=rate)


def test_an_unknown_value_of_errors_is_refused(tmp_path, write_record):
    write_record("r")
    with pytest.raises(ValueError, match="'list' or 'raise', got 'ignore'"):
        read_wfdb_folder(tmp_path, errors="ignore")


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "n_records", "dtype"),
    [
        ("brugada_huca", 248, "ecg[12x1200, 100 Hz]"),
        ("ludb", 157, "ecg[12x5000, 500 Hz]"),
        ("mimic_iv_demo/ecg", 113, "ecg[12x5000, 500 Hz]"),
    ],
)
def test_real_folders_of_one_rate_and_length(real_data, folder, n_records, dtype):
    frame = read_wfdb_folder(real_data / folder)
    assert len(frame) == n_records
    assert str(frame["ecg"].dtype) == dtype
    assert frame.attrs["broken"] == []


@pytest.mark.real_data
def test_real_challenge_records_differ_in_rate_and_length(real_data):
    folder = real_data / "cinc2021"
    with pytest.raises(SamplingRateError, match=r"500 Hz \(60 records\), 1000 Hz \(10 records\)"):
        read_wfdb_folder(folder)
    with pytest.raises(DurationError, match=r"10 s \(48 records\), 115.2 s \(7 records\)"):
        read_wfdb_folder(folder, sampling_rate=500)
    frame = read_wfdb_folder(folder, sampling_rate=500, duration=10)
    assert len(frame) == 70
    assert str(frame["ecg"].dtype) == "ecg[12x5000, 500 Hz]"
    assert frame["ecg"].ecg.quality()["usable"].all()
    assert frame["age"].notna().sum() > 60
    assert set(frame["sex"].dropna()) == {"F", "M"}
    assert frame["dx"].notna().all()
