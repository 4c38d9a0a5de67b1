"""A folder of records becomes one file, whatever happens on the way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import distributed
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from ecgsk.exceptions import ECGError, RecordReadError, SamplingRateError, SignalQualityWarning
from ecgsk.io import _ingest, ingest_wfdb, read_ecg_folder, read_wfdb_folder
from ecgsk.preprocessing import BandpassFilter, Resample

FILES = ["broken.csv", "ecg.json", "ecg.npy", "records.parquet"]


@pytest.fixture(scope="module")
def written(write_record_into, tmp_path_factory):
    """Twenty records in two folders, one of them at another rate."""
    folder = tmp_path_factory.mktemp("written")
    rng = np.random.default_rng(0)
    for number in range(20):
        rate = 250 if number == 7 else 500
        signal = np.cumsum(rng.normal(scale=0.02, size=(12, 4 * rate)), axis=1).round(3)
        comments = [f"Age: {40 + number}", "Sex: F"]
        name = f"p{number % 2}/r{number:02d}"
        write_record_into(folder, name, rate=rate, signal=signal, comments=comments)
    return folder


@pytest.fixture
def records(written, tmp_path):
    """A copy of them, which a test may change."""
    return shutil.copytree(written, tmp_path / "in")


@pytest.fixture
def ingest(records, tmp_path):
    def call(out="out", **settings):
        return ingest_wfdb(
            records, tmp_path / out, **{"chunk_size": 3, "progress": False, **settings}
        )

    return call


def content(folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    return {name: (folder / name).read_bytes() for name in FILES}


def test_samples_are_those_of_the_transformers(ingest, records):
    frame, _ = read_ecg_folder(ingest(), verify=True)
    source = read_wfdb_folder(records, sampling_rate=500, progress=False)
    expected = make_pipeline(Resample(100), BandpassFilter(0.5, 40)).fit_transform(source)
    assert frame["record"].tolist() == source["record"].tolist()
    assert frame["age"].tolist() == source["age"].tolist()
    assert frame["ecg"].dtype == expected["ecg"].dtype
    got, wanted = (table["ecg"].ecg.to_numpy() for table in (frame, expected))
    np.testing.assert_allclose(got[..., 20:-20], wanted[..., 20:-20], atol=0.02)
    assert np.abs(got - wanted).mean() < 2e-3


def test_without_filters_samples_are_the_records_own(ingest, records):
    frame, _ = read_ecg_folder(ingest(sampling_rate=None, band=None))
    source = read_wfdb_folder(records, sampling_rate=500, progress=False)
    at_500 = np.arange(len(frame)) != frame["record"].tolist().index("p1/r07")
    got, wanted = (table["ecg"].ecg.to_numpy()[at_500] for table in (frame, source))
    np.testing.assert_allclose(got, wanted, atol=0.00051)
    assert frame["ecg"].ecg.sampling_rate == 500


def test_quality_is_that_of_the_signal_before_any_filter(ingest, records):
    frame, _ = read_ecg_folder(ingest())
    source = read_wfdb_folder(records, pattern="p0/*.hea", progress=False)
    expected = source["ecg"].ecg.quality()
    got = frame[frame["record"].str.startswith("p0")].reset_index(drop=True)
    pd.testing.assert_frame_equal(got[expected.columns], expected, check_dtype=False)


def test_neither_processes_nor_chunks_change_a_byte_of_the_samples(ingest):
    one = content(ingest())
    assert content(ingest("two", n_jobs=2)) == one
    assert content(ingest("large", chunk_size=100))["ecg.npy"] == one["ecg.npy"]


@pytest.mark.slow
def test_a_dask_cluster_writes_the_same_bytes(ingest):
    expected = content(ingest())
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with (
        cluster,
        distributed.Client(cluster) as client,
        distributed.get_task_stream(client) as done,
        joblib.parallel_config("dask"),
    ):
        assert content(ingest("elsewhere")) == expected
    assert done.data


def test_a_finished_ingest_is_not_done_again(ingest, monkeypatch):
    out = ingest()
    before = content(out)
    monkeypatch.setattr(_ingest, "convert", None)
    assert content(ingest()) == before


def test_an_interrupted_ingest_goes_on_after_its_last_chunk(ingest, monkeypatch, tmp_path):
    expected = content(ingest("whole"))
    convert, converted = _ingest.convert, []

    def interrupted(folder, names, conversion):
        if len(converted) == 3 and not (tmp_path / "again").exists():
            (tmp_path / "again").touch()
            raise KeyboardInterrupt
        converted.append(names)
        return convert(folder, names, conversion)

    monkeypatch.setattr(_ingest, "convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ingest()
    assert not (tmp_path / "out/ecg.json").exists()
    assert content(ingest()) == expected
    names = [name for chunk in converted for name in chunk]
    assert len(names) == len(set(names)) == 20


@pytest.mark.parametrize(
    "damage", ["cut line", "longer samples", "half a table", "renamed samples"]
)
def test_what_was_half_written_is_made_again(ingest, monkeypatch, tmp_path, damage):
    expected = content(ingest("whole"))
    finish = _ingest._finish
    monkeypatch.setattr(_ingest, "_finish", None)
    with pytest.raises(TypeError):
        ingest()
    out = tmp_path / "out"
    journal = out / ".ingest/journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    if damage == "cut line":
        journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:-5])
    elif damage == "longer samples":
        journal.write_bytes(b"".join(lines[:2]))
    elif damage == "half a table":
        journal.write_bytes(b"".join(lines[:-1]))
        (out / ".ingest/000006.parquet").write_bytes(b"PAR1")
    else:
        os.replace(out / ".ecg.npy", out / "ecg.npy")
    monkeypatch.setattr(_ingest, "_finish", finish)
    assert content(ingest()) == expected


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bytes(ingest, records, tmp_path):
    expected = content(ingest("whole", chunk_size=1))
    out, rng = tmp_path / "out", np.random.default_rng(0)
    code = (
        "from ecgsk.io import ingest_wfdb; print('ready', flush=True);"
        f"ingest_wfdb({str(records)!r}, {str(out)!r}, chunk_size=1, progress=False)"
    )
    lines = []
    for _ in range(5):
        run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        run.stdout.readline()
        time.sleep(rng.uniform(0.05, 0.25))
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        journal = out / ".ingest/journal.jsonl"
        lines.append(journal.read_bytes().count(b"\n") if journal.exists() else 20)
    assert lines == sorted(lines)  # nothing that was finished is lost
    assert content(ingest(chunk_size=1)) == expected


def test_broken_records_are_listed_and_never_fatal(ingest, records):
    (records / "p0/r02.dat").write_bytes(b"too short")
    (records / "p0/r04.hea").write_text("nonsense\n")
    (records / "p1/r09.dat").unlink()
    with pytest.warns(SignalQualityWarning, match="left out 3 of 20 records, such as p0/r02: rec"):
        out = ingest(n_jobs=2)
    broken = pd.read_csv(out / "broken.csv")
    assert broken["record"].tolist() == ["p0/r02", "p0/r04", "p1/r09"]
    assert broken["reason"].str.contains("truncated|cannot be understood|absent").all()
    frame, _ = read_ecg_folder(out, verify=True)
    assert len(frame) == 17


def test_records_of_another_duration(ingest, write_record):
    write_record("in/p0/long", seconds=6)
    write_record("in/p0/short", seconds=3)
    with pytest.warns(SignalQualityWarning, match=r"it lasts 6 s, and the others 4 s. Pass dura"):
        out = ingest()
    assert len(read_ecg_folder(out)[0]) == 20
    frame, _ = read_ecg_folder(ingest("all", duration=4.0))
    short = frame.loc[frame["record"] == "p0/short", "ecg"].ecg.to_numpy()[0]
    assert len(frame) == 22
    assert np.isnan(short[:, 300:]).all()
    assert np.isfinite(short[:, :300]).all()


def test_nothing_to_read(tmp_path, ingest, records):
    with pytest.raises(RecordReadError, match=r"no .hea file in .*empty, which is no folder"):
        ingest_wfdb(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(RecordReadError, match=r"none of 20 records can be read; the first: record"):
        ingest(leads=["V9"])
    with pytest.raises(RecordReadError, match=r"none of 20 records can be read"):
        ingest("other", leads=["V9"], duration=4.0)


def test_other_settings_do_not_mix(ingest, monkeypatch, write_record):
    ingest()
    with pytest.raises(ECGError, match=r"made with sampling_rate=100.0 and not 50.0; band="):
        ingest(sampling_rate=50, band=None)
    assert read_ecg_folder(ingest(sampling_rate=50, band=(1, 20), overwrite=True), verify=True)
    monkeypatch.setattr(_ingest, "_finish", None)
    with pytest.raises(TypeError):
        ingest("half")
    with pytest.raises(ECGError, match=r"holds an unfinished ingest, begun with gain=1000.0 and n"):
        ingest("half", gain=200)
    write_record("in/p0/new", seconds=4)
    with pytest.raises(ECGError, match=r"begun with n_found=20 and not 21"):
        ingest("half")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"sampling_rate": -1}, SamplingRateError, "ingest_wfdb"),
        ({"band": (0.5, 60)}, SamplingRateError, r"to end below 50 Hz, half the sampling rate"),
        ({"band": (40, 0.5)}, ECGError, r"a band of 0 < low < high in Hz, got \(40, 0.5\)"),
        ({"duration": 0}, ECGError, "expected duration above 0, got 0"),
        ({"gain": -5}, ECGError, "expected gain above 0, got -5"),
        ({"chunk_size": 0}, ECGError, "expected chunk_size above 0, got 0"),
    ],
)
def test_settings_that_cannot_be(ingest, settings, error, message):
    with pytest.raises(error, match=message):
        ingest(**settings)


def test_amplitudes_beyond_the_file_s_are_told(ingest):
    with pytest.warns(SignalQualityWarning, match=r"samples beyond 0.0032767 mV were clipped"):
        ingest(gain=1e7)


def test_what_was_made_is_written_down(ingest, records):
    made = json.loads((ingest() / "ecg.json").read_text())["extra"]["ingest"]
    assert (made["source"], made["band"], made["n_found"]) == (str(records), [0.5, 40.0], 20)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "settings", "n_records"),
    [
        ("ludb", {}, 157),
        ("brugada_huca", {"sampling_rate": None}, 248),
        ("cinc2021", {"duration": 10.0}, 70),
        ("mimic_iv_demo/ecg", {}, 113),
    ],
)
def test_real_folders(real_data, tmp_path, folder, settings, n_records):
    out = ingest_wfdb(real_data / folder, tmp_path / "out", progress=False, **settings)
    frame, _ = read_ecg_folder(out, verify=True)
    assert len(frame) == n_records
    assert frame["usable"].all()
    assert pd.read_csv(out / "broken.csv").empty
    assert (np.nanmax(np.abs(frame["ecg"].ecg.to_numpy()), axis=(1, 2)) > 0.1).all()
