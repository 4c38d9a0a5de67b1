"""WFDB records: leads by name, units, lengths and rates, and the facts of headers."""

import pickle

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import DurationError, SamplingRateError
from ecgsk.io import WFDBStorage, read_wfdb_folder, read_wfdb_record
from ecgsk.signals import STANDARD_12_LEADS

SWAPPED = ("I", "II", "III", "AVR", "aVF", "avl", "v1", "V2", "V3", "V4", "V5", "V6")


def test_leads_are_found_by_name_in_any_case_and_order(tmp_path, write_record):
    signal = write_record("mimic", leads=SWAPPED)
    ecg = read_wfdb_record(tmp_path / "mimic.hea")
    assert ecg.leads == STANDARD_12_LEADS
    expected = signal[[0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11]]
    np.testing.assert_allclose(ecg.read()[0], expected, atol=1e-6)


def test_leads_come_in_the_order_wanted_and_other_signals_are_passed_over(tmp_path, write_record):
    signal = write_record("monitor", leads=("RESP", "V1", "II"))
    ecg = read_wfdb_record(tmp_path / "monitor", leads=["ii", "v1"])
    assert ecg.leads == ("II", "V1")
    np.testing.assert_allclose(ecg.read()[0], signal[[2, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("unit", "millivolts"), [("mV", 1), ("mv", 1), ("uV", 1e-3), ("µV", 1e-3), ("V", 1e3)]
)
def test_units_become_millivolts(tmp_path, write_record, unit, millivolts):
    signal = write_record("r", unit="mV")
    header = tmp_path / "r.hea"
    header.write_text(header.read_text().replace("/mV", f"/{unit}"), encoding="utf-8")
    np.testing.assert_allclose(
        read_wfdb_record(tmp_path / "r").read()[0], signal * millivolts, rtol=1e-6, atol=1e-9
    )


def test_folder_is_a_table_of_signals_and_header_facts(tmp_path, write_record):
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


def test_header_lines_never_replace_the_frame_s_own_columns(tmp_path, write_record):
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


def test_different_lengths_need_a_duration(tmp_path, write_record):
    for name, seconds in [("a", 1), ("b", 2), ("c", 2)]:
        write_record(name, seconds=seconds)
    with pytest.raises(
        DurationError, match=r"got 2 s \(2 records\), 1 s \(1 records\).*duration=2"
    ):
        read_wfdb_folder(tmp_path)
    with pytest.raises(DurationError, match="above 0, got -1"):
        read_wfdb_folder(tmp_path, duration=-1)


def test_different_rates_need_a_choice(tmp_path, write_record):
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


def test_resampled_crop_has_no_edge_at_its_end(tmp_path, write_record):
    write_record("long", rate=1000, seconds=4)
    whole = read_wfdb_record(tmp_path / "long", sampling_rate=500).read()
    crop = read_wfdb_record(tmp_path / "long", sampling_rate=500, duration=2).read()
    np.testing.assert_allclose(crop[..., 50:], whole[..., 50:1000], atol=1e-3)


def test_missing_samples_stay_missing_and_stay_in_their_lead(tmp_path, write_record):
    signal = np.tile(np.sin(np.arange(1000) / 50), (12, 1))
    signal[3, 200:300] = np.nan
    signal[5] = np.nan
    write_record("gap", rate=1000, signal=signal)
    out = read_wfdb_record(tmp_path / "gap", sampling_rate=500).read()[0]
    assert np.isnan(out[5]).all()
    np.testing.assert_array_equal(np.isnan(out[3]).nonzero()[0][[0, -1]], [100, 150])
    assert not np.isnan(np.delete(out, [3, 5], axis=0)).any()
    np.testing.assert_allclose(out[3, 10:90], signal[3, 20:180:2], atol=0.02)


def test_storage_pickles_paths_alone(tmp_path, write_record):
    signals = [write_record(f"r{number}") for number in range(3)]
    frame = read_wfdb_folder(tmp_path)
    blob = pickle.dumps(frame["ecg"].array[1:2])
    assert len(blob) < 1500 < signals[0].astype("f4").nbytes
    np.testing.assert_allclose(pickle.loads(blob).read()[0], signals[1], atol=1e-6)


def test_storages_of_the_same_records_are_equal(tmp_path, write_record):
    write_record("r")
    first, second = (WFDBStorage([tmp_path / name], ["I"], 500, 500) for name in ("r", "r.hea"))
    assert first == second
    assert hash(first) == hash(second)
    assert first != WFDBStorage([tmp_path / "r"], ["II"], 500, 500)
