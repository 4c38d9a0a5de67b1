"""A folder of WFDB records as one ECG folder."""

import json
import os
import shutil

import distributed
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline

from ecgsk import io
from ecgsk.exceptions import (
    DamagedFileError,
    ECGError,
    RecordReadError,
    SamplingRateError,
    SignalQualityWarning,
)
from ecgsk.io import _ingest, read_ecg_folder, read_wfdb_folder
from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads
from ecgsk.signals import ECGArray

FILTERED = make_pipeline(Resample(100), BandpassFilter(0.5, 40))


def test_without_transform_the_folder_keeps_what_was_recorded(ingest, records):
    frame, _ = read_ecg_folder(ingest())
    source = read_wfdb_folder(records, sampling_rate=500, progress=False)
    assert frame["ecg"].dtype == source["ecg"].dtype
    got, expected = (table["ecg"].ecg.to_numpy() for table in (frame, source))
    at_500 = frame["record"] != "p1/r07"
    np.testing.assert_allclose(got[at_500], expected[at_500], atol=0.00051)
    # The storage resamples the other one in float64, the ingest in float32.
    np.testing.assert_allclose(got, expected, atol=0.0006)


def test_samples_are_those_of_the_transformers(ingest, records):
    frame, _ = read_ecg_folder(ingest(transform=FILTERED), verify=True)
    for rate in (250, 500):
        at_rate = (frame["record"] == "p1/r07") == (rate == 250)
        paths = [str(records / record) for record in frame.loc[at_rate, "record"]]
        assert len(paths) == {250: 1, 500: 19}[rate]
        names = frame.loc[at_rate, "record"].tolist()
        source = pd.concat(
            [read_wfdb_folder(records, pattern=f"{name}.hea", progress=False) for name in names]
        )
        expected = FILTERED.fit_transform(source)["ecg"].ecg.to_numpy()
        got = 1000 * frame.loc[at_rate, "ecg"].ecg.to_numpy()
        np.testing.assert_array_equal(np.rint(got), np.rint(np.float32(1000) * expected))
    assert str(frame["ecg"].dtype) == "ecg[12x400, 100 Hz]"


def test_table_has_what_headers_say(ingest, records):
    frame, _ = read_ecg_folder(ingest())
    source = read_wfdb_folder(records, sampling_rate=500, progress=False)
    assert frame["record"].tolist() == source["record"].tolist()
    assert frame["age"].tolist() == source["age"].tolist()


def test_quality_is_that_of_the_signal_before_the_transform(ingest, records):
    frame, _ = read_ecg_folder(ingest(transform=FILTERED))
    source = read_wfdb_folder(records, pattern="p0/*.hea", progress=False)
    expected = source["ecg"].ecg.quality()
    got = frame[frame["record"].str.startswith("p0")].reset_index(drop=True)
    pd.testing.assert_frame_equal(got[expected.columns], expected, check_dtype=False)


def test_a_transform_may_choose_leads(ingest):
    transform = make_pipeline(SelectLeads(["V1", "II"]), Resample(250))
    frame, _ = read_ecg_folder(ingest(transform=transform), verify=True)
    assert str(frame["ecg"].dtype) == "ecg[2x1000, 250 Hz: V1 II]"


def test_processes_and_chunks_do_not_change_the_samples(ingest, content):
    one = content(ingest(transform=FILTERED))
    assert content(ingest("two", FILTERED, n_jobs=2)) == one
    assert content(ingest("large", FILTERED, chunk_size=100))["ecg.npy"] == one["ecg.npy"]


def test_a_dask_cluster_writes_the_same_bytes(ingest, content):
    expected = content(ingest(transform=FILTERED))
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with (
        cluster,
        distributed.Client(cluster) as client,
        distributed.get_task_stream(client) as done,
        joblib.parallel_config("dask"),
    ):
        assert content(ingest("elsewhere", FILTERED)) == expected
    assert done.data


def test_a_finished_ingest_is_not_done_again(ingest, content, monkeypatch):
    before = content(ingest(transform=FILTERED))
    monkeypatch.setattr(_ingest, "convert", None)
    assert content(ingest(transform=FILTERED)) == before


def test_a_folder_without_readable_records_is_refused(tmp_path, ingest):
    with pytest.raises(RecordReadError, match=r"no recording in .*empty, which is not a folder"):
        io.ingest(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(RecordReadError, match=r"none of 20 records can be read; the first: record"):
        ingest(leads=["V9"])


def test_other_settings_than_those_of_the_folder_are_refused(ingest):
    ingest(transform=Resample(100))
    with pytest.raises(
        ECGError,
        match=r"made with transform=\['Resample\(input_sampling_rate=None, sampling_rate=100\)'\] "
        r"and not \['Resample\(input_sampling_rate=None, sampling_rate=50\)'\]. Choose another",
    ):
        ingest(transform=Resample(50))
    with pytest.raises(ECGError, match=r"and not \[\]; gain=1000.0 and not 200.0. Choose another"):
        ingest(gain=200)
    assert ingest(transform=Resample(100, n_jobs=2))  # threads do not decide the result
    out = ingest(transform=Resample(50), overwrite=True)
    assert read_ecg_folder(out, verify=True)[0]["ecg"].ecg.sampling_rate == 50


def test_a_store_of_another_folder_is_refused(ingest, records, tmp_path):
    out = ingest()
    shutil.copytree(records, tmp_path / "other")
    with pytest.raises(ECGError, match="made of the records of another folder"):
        io.ingest(tmp_path / "other", out, chunk_size=3)


def test_an_unfinished_ingest_with_other_settings_is_refused(ingest, monkeypatch):
    finish = _ingest._finish
    monkeypatch.setattr(_ingest, "_finish", None)
    with pytest.raises(TypeError):
        ingest(transform=FILTERED)
    with pytest.raises(
        ECGError,
        match=r"holds an unfinished ingest, begun with transform=\[.*BandpassFilter\(high=40, .*"
        r"and not \[.*BandpassFilter\(high=45, .* Start it with the same settings, or pass",
    ):
        ingest(transform=make_pipeline(Resample(100), BandpassFilter(0.5, 45)))
    monkeypatch.setattr(_ingest, "_finish", finish)
    out = ingest(transform=make_pipeline(Resample(100), BandpassFilter(0.5, 45)), overwrite=True)
    assert len(read_ecg_folder(out, verify=True)[0]) == 20


@pytest.fixture
def is_read_again(ingest, content, monkeypatch):
    """Ingest once more; return whether records were read, and check the result."""
    convert, read = _ingest.convert, []

    def counted(folder, names, conversion):
        read.extend(names)
        return convert(folder, names, conversion)

    monkeypatch.setattr(_ingest, "convert", counted)

    def check(**settings):
        read.clear()
        again = content(ingest(**settings))
        was_read = bool(read)
        if was_read:
            assert again == content(ingest("fresh", overwrite=True))
        return was_read

    return check


def rewrite(path, change, *, later=1):
    before = path.stat()
    path.write_bytes(change(path.read_bytes()))
    os.utime(path, ns=(0, before.st_mtime_ns + later))


CHANGES = {
    "samples": lambda folder: rewrite(folder / "p0/r04.dat", lambda x: x[::-1]),
    "header": lambda folder: rewrite(
        folder / "p0/r04.hea", lambda x: x.replace(b"Age: 44", b"Age: 45"), later=0
    ),
    "longer samples": lambda folder: rewrite(folder / "p0/r04.dat", lambda x: x + x, later=0),
    "added": lambda folder: [
        shutil.copy(folder / f"p0/r04.{suffix}", folder / f"p0/r041.{suffix}")
        for suffix in ("dat", "hea")
    ],
}


@pytest.mark.filterwarnings("ignore:ingest. 1 of 2. records differ from the checksums")
@pytest.mark.parametrize("change", CHANGES)
def test_changed_and_added_records_are_noticed(ingest, records, is_read_again, change, caplog):
    ingest()
    assert not is_read_again()
    CHANGES[change](records)
    assert is_read_again()
    counts = "1 were added and 0" if change == "added" else "0 were added and 1"
    assert f"{counts} have changed since" in caplog.text
    assert not is_read_again()


def test_a_broken_record_is_tried_again_once_it_has_changed(ingest, records, is_read_again):
    header = records / "p0/r02.hea"
    good = header.read_bytes()
    header.write_bytes(b"")
    with pytest.warns(SignalQualityWarning, match="left out 1 of 20"):
        assert len(read_ecg_folder(ingest())[0]) == 19
    header.write_bytes(good)
    assert is_read_again()
    assert len(read_ecg_folder(ingest())[0]) == 20


def test_removed_records_leave_a_store_only_with_overwrite(ingest, records, content):
    out = ingest()
    before = content(out)
    (records / "p0/r02.hea").unlink()
    with pytest.raises(ECGError, match=r"1 of the 20 records .* such as p0/r02\. Bring them back"):
        ingest()
    assert content(out) == before
    assert len(read_ecg_folder(ingest(overwrite=True))[0]) == 19


def test_overwrite_reads_all_records_again(ingest, is_read_again):
    ingest()
    assert is_read_again(overwrite=True)


@pytest.mark.parametrize("name", ["ecg.json", "ecg.npy", "sources.parquet"])
def test_a_damaged_store_is_not_taken_for_a_finished_one(ingest, content, name):
    out = ingest()
    before = content(out)
    (out / name).write_bytes(before[name][:-9])
    with pytest.raises(DamagedFileError, match=r"Pass overwrite=True to ingest again"):
        ingest()
    assert content(ingest(overwrite=True)) == before


def test_functions_of_a_transform_are_told_apart_by_their_code(ingest):
    def transform(function):
        return make_pipeline(Resample(100), Scale(function))

    half, third = (lambda x: x / 2), (lambda x: x / 3)
    out = ingest(transform=transform(half))
    assert ingest(transform=transform(lambda x: x / 2)) == out
    with pytest.raises(ECGError, match=r"made with transform=.*Scale"):
        ingest(transform=transform(third))


class Scale(TransformerMixin, BaseEstimator):
    """A transformer that takes a function."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        x = self.function(X.read())
        return ECGArray.from_numpy(x, leads=X.leads, sampling_rate=X.sampling_rate)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"transform": Resample(-1)}, SamplingRateError, "Resample: expected a sampling rate"),
        (
            {"transform": make_pipeline(Resample(100), BandpassFilter(0.5, 60))},
            SamplingRateError,
            "high below 50 Hz, half the sampling rate of 100 Hz",
        ),
        ({"transform": BandpassFilter(40, 0.5)}, ValueError, "0 < low < high in Hz, got low=40"),
        ({"transform": Resample}, ECGError, "expected transform to be a transformer or a pipeline"),
        ({"duration": 0}, ECGError, "expected duration above 0, got 0"),
        ({"gain": -5}, ECGError, "expected gain above 0, got -5"),
        ({"chunk_size": 0}, ECGError, "expected chunk_size above 0, got 0"),
        ({"chunk_size": 2.5}, ECGError, "a whole number as chunk_size, got 2.5"),
        ({"gain": float("inf")}, ECGError, "expected gain above 0, got inf"),
        ({"duration": 1e9}, ECGError, "expected records of 1 to .* samples"),
        ({"n_jobs": 0}, ECGError, "expected n_jobs to be a number of processes, got 0. Pass 1"),
    ],
)
def test_impossible_settings_leave_no_folder(ingest, tmp_path, settings, error, message):
    with pytest.raises(error, match=message):
        ingest(**settings)
    assert not (tmp_path / "out").exists()


def test_clipped_amplitudes_warn(ingest):
    with pytest.warns(SignalQualityWarning, match=r"samples beyond 0.0032767 mV were clipped"):
        ingest(gain=1e7)


def test_settings_are_written_into_the_manifest(ingest, records):
    text = (ingest(transform=FILTERED) / "ecg.json").read_text()
    made = json.loads(text)["extra"]["ingest"]
    assert str(records) not in text
    assert made["n_found"] == 20
    assert made["transform"] == [
        "Resample(input_sampling_rate=None, sampling_rate=100)",
        "BandpassFilter(high=40, input_sampling_rate=None, low=0.5, order=3)",
    ]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "settings", "n_records"),
    [
        ("ludb", {"transform": FILTERED}, 157),
        ("brugada_huca", {"transform": BandpassFilter(0.5, 40)}, 248),
        ("cinc2021", {"transform": FILTERED, "duration": 10.0}, 70),
        ("mimic_iv_demo/ecg", {}, 113),
    ],
)
def test_real_folders(real_data, tmp_path, folder, settings, n_records):
    out = io.ingest(real_data / folder, tmp_path / "out", progress=False, **settings)
    frame, _ = read_ecg_folder(out, verify=True)
    assert len(frame) == n_records
    assert frame["usable"].all()
    assert pd.read_csv(out / "broken.csv").empty
    assert (np.nanmax(np.abs(frame["ecg"].ecg.to_numpy()), axis=(1, 2)) > 0.1).all()
