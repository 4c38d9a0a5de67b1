"""WFDBStorage reads records on demand and pickles paths."""

import os
import pickle

import joblib
import numpy as np
import pytest

from ecgsk.exceptions import RecordReadError
from ecgsk.io import read_wfdb_folder, read_wfdb_record
from ecgsk.io._wfdb import load_wfdb
from ecgsk.signals import STANDARD_12_LEADS


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


def test_a_sample_at_a_rail_is_missing_before_it_is_resampled(tmp_path, write_record):
    signal = np.tile(np.sin(np.arange(1000) / 50), (12, 1))
    write_record("good", rate=1000, signal=signal)
    signal[3, 400:402] = -32.7
    write_record("rail", rate=1000, signal=signal)
    kept = read_wfdb_record(tmp_path / "rail").read()[0]
    assert kept[3, 400] == np.float32(-32.7)  # as recorded
    good, out = (
        read_wfdb_record(tmp_path / n, sampling_rate=500).read()[0] for n in ("good", "rail")
    )
    missing = np.isnan(out)
    assert missing[3, 200]
    assert missing.sum() <= 3
    np.testing.assert_allclose(out[~missing], good[~missing], atol=0.02)


def test_a_pickle_holds_paths_alone(tmp_path, write_record):
    signals = [write_record(f"r{number}") for number in range(3)]
    frame = read_wfdb_folder(tmp_path)
    blob = pickle.dumps(frame["ecg"].array[1:2])
    assert len(blob) < 1500 < signals[0].astype("f4").nbytes
    np.testing.assert_allclose(pickle.loads(blob).read()[0], signals[1], atol=1e-6)


def test_storages_of_the_same_records_are_equal(tmp_path, write_record):
    write_record("r")
    first, second = (
        read_wfdb_record(tmp_path / name, leads=["I"]).storage for name in ("r", "r.hea")
    )
    assert first == second
    assert hash(first) == hash(second)
    assert first != read_wfdb_record(tmp_path / "r", leads=["II"]).storage


def test_a_record_that_is_truncated_after_its_header_was_read(tmp_path, write_record):
    write_record("bad")
    frame = read_wfdb_folder(tmp_path)
    path = tmp_path / "bad.dat"
    path.write_bytes(path.read_bytes()[:1001])
    with pytest.raises(RecordReadError, match=r"record .*bad: its samples cannot be read"):
        frame["ecg"].ecg.to_numpy()


def test_a_header_that_changes_after_it_was_read(tmp_path, write_record):
    write_record("bad")
    frame = read_wfdb_folder(tmp_path)
    header = tmp_path / "bad.hea"
    header.write_text(header.read_text().replace(" aVF\n", " V7\n"))
    with pytest.raises(RecordReadError, match="header has changed since it was read"):
        frame["ecg"].ecg.to_numpy()


@pytest.mark.parametrize("suffix", ["hea", "dat"])
def test_hash_notices_files_that_were_written_again(tmp_path, write_record, suffix):
    write_record("r")
    write_record("s")
    column = read_wfdb_folder(tmp_path)["ecg"]
    kept, changed = column.iloc[1:], column.iloc[:1]
    before = [joblib.hash(kept), joblib.hash(changed)]
    assert before[1] == joblib.hash(pickle.loads(pickle.dumps(changed)))
    path = tmp_path / f"r.{suffix}"
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert joblib.hash(kept) == before[0]
    assert joblib.hash(changed) != before[1]
    assert joblib.hash(read_wfdb_folder(tmp_path)["ecg"].iloc[:1]) != before[1]
    with pytest.raises(RecordReadError, match="changed since it was read"):
        pickle.loads(pickle.dumps(changed)).array.read()
    kept.array.read()


def test_a_header_that_is_deleted_after_it_was_read(tmp_path, write_record):
    write_record("r")
    storage = read_wfdb_folder(tmp_path)["ecg"].array
    (tmp_path / "r.hea").unlink()
    with pytest.raises(RecordReadError, match=r"cannot be read \(FileNotFoundError"):
        storage.read()


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["brugada_huca", "ludb", "cinc2021", "mimic_iv_demo/ecg"])
def test_every_sample_equals_wfdb(real_data, folder):
    wfdb = load_wfdb()
    wanted = [lead.lower() for lead in STANDARD_12_LEADS]
    for path in sorted((real_data / folder).rglob("*.hea")):
        reference = wfdb.rdrecord(str(path.with_suffix("")))
        stored = [name.lower() for name in reference.sig_name]
        expected = reference.p_signal.T[[stored.index(lead) for lead in wanted]]
        ecg = read_wfdb_record(path)
        assert ecg.sampling_rate == reference.fs
        # 1e-6 mV; beyond 16 mV a float32 itself is coarser.
        np.testing.assert_allclose(ecg.read()[0], expected, atol=1e-6, rtol=1e-7)


@pytest.mark.parametrize("rate", [500, 360, 257, 1000])
def test_a_part_of_a_resampled_record_has_no_edge(tmp_path, write_record, rate):
    write_record("long", rate=rate, seconds=9, leads=["II"])
    storage = read_wfdb_record(tmp_path / "long", leads=["II"], sampling_rate=250).storage
    (whole,) = storage.read(np.array([0]))
    for start, n_samples in ((0, 300), (701, 500), (1100, 900), (1750, 500), (2000, 250)):
        part = storage.read_part(np.array([0]), np.array([start]), n_samples)[0]
        np.testing.assert_allclose(part, whole[:, start : start + n_samples], atol=2e-3)


def test_a_part_beyond_the_end_of_a_padded_record_is_missing(tmp_path, write_record):
    signal = write_record("short", rate=500, seconds=2)
    for rate in (500, 250):
        ecg = read_wfdb_record(tmp_path / "short", sampling_rate=rate, duration=6)
        rows, starts = np.array([0, 0]), np.array([4 * rate, rate])
        beyond, across = ecg.storage.read_part(rows, starts, 2 * rate)
        assert np.isnan(beyond).all()
        assert np.isnan(across[:, rate:]).all()
        expected = signal[:, 500 :: 500 // rate]
        np.testing.assert_allclose(across[:, 20 : rate - 20], expected[:, 20:-20], atol=0.02)


def test_a_part_reads_its_own_bytes_alone(tmp_path, write_record, monkeypatch):
    write_record("long", rate=500, seconds=60, leads=["I", "II"])
    storage = read_wfdb_record(tmp_path / "long", leads=["I", "II"]).storage
    read, fromfile = [], np.fromfile

    def count(*args, **kwargs):
        read.append(kwargs["count"])
        return fromfile(*args, **kwargs)

    monkeypatch.setattr(np, "fromfile", count)
    storage.read_part(np.array([0]), np.array([10_000]), 500)
    assert read == [500 * 2 * 2]
