"""An ingest of files of several formats."""

import os
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from ecgsk import io
from ecgsk.exceptions import ECGError, SignalQualityWarning
from ecgsk.io import _ingest, read_ecg, read_ecg_folder, read_ecgs
from ecgsk.preprocessing import Resample
from ecgsk.signals import STANDARD_12_LEADS
from tests.io.formats.writers import (
    EIGHT,
    edf_signal,
    make_digital,
    muse_waveform,
    write_edf,
    write_muse,
    write_scp,
)


@pytest.fixture
def folder(write_record, tmp_path):
    write_record("in/a", seconds=2, comments=["Age: 40"])
    digital = make_digital(EIGHT, 1000)
    write_muse(tmp_path / "in" / "b.xml", [muse_waveform("Rhythm", digital, "5")])
    write_scp(tmp_path / "in" / "c.scp", digital, stated=1001)
    write_edf(tmp_path / "in" / "d.edf", [edf_signal("II", digital["II"], 500)])
    return tmp_path / "in"


def ingest(folder, out, **options):
    return io.ingest(folder, out, **{"progress": False, "n_jobs": 1, **options})


@pytest.mark.filterwarnings("ignore:ingest. left out 1 of 4")
def test_a_store_holds_what_each_file_holds(folder, tmp_path):
    out = ingest(folder, tmp_path / "out", chunk_size=3)
    frame, _ = read_ecg_folder(out, verify=True)
    assert frame["record"].tolist() == ["a", "b.xml", "c.scp"]
    assert frame["ecg"].ecg.leads == STANDARD_12_LEADS
    for row, record in enumerate(frame["record"]):
        expected = read_ecg(folder / record, leads=STANDARD_12_LEADS).signal
        np.testing.assert_allclose(frame["ecg"].iloc[row].signal, expected, atol=0.00051)
    assert frame["age"].tolist()[:2] == [40.0, 61.0]
    assert frame["note"].tolist()[:2] == ["", ""]
    assert "section 3 states 1001 samples" in frame["note"][2]
    assert read_ecgs(out)["note"].tolist() == frame["note"].tolist()
    (broken,) = pd.read_csv(out / "broken.csv").to_dict("records")
    assert broken["record"] == "d.edf"
    assert "lacks I" in broken["reason"]
    assert str(folder) not in broken["reason"]


@pytest.mark.filterwarnings("ignore:ingest. left out 1 of 4")
def test_a_changed_file_is_noticed(folder, tmp_path, caplog):
    out = ingest(folder, tmp_path / "out")
    before = os.stat(out / "ecg.npy").st_mtime_ns
    assert os.stat(ingest(folder, out) / "ecg.npy").st_mtime_ns == before
    write_muse(folder / "b.xml", [muse_waveform("Rhythm", make_digital(EIGHT, 1000, 1), "5")])
    ingest(folder, out)
    assert "1 have changed" in caplog.text
    expected = read_ecg(folder / "b.xml").signal
    got = read_ecg_folder(out, verify=True)[0]["ecg"].iloc[1].signal
    np.testing.assert_allclose(got, expected, atol=0.00051)


def test_a_transform_sees_every_format_at_its_rate(folder, tmp_path):
    with pytest.warns(SignalQualityWarning, match="left out 1 of 4"):
        out = ingest(folder, tmp_path / "out", transform=Resample(100))
    frame, _ = read_ecg_folder(out)
    expected = read_ecg(folder / "b.xml", sampling_rate=100).signal
    np.testing.assert_allclose(frame["ecg"].iloc[1].signal, expected, atol=0.002)


def test_arrays_are_ingested_as_declared(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        np.save(folder / f"r{number}.npy", np.array([*make_digital(EIGHT, 500, number).values()]))
    declared = {"leads": EIGHT, "sampling_rate": 250, "unit": "uV"}
    frame, _ = read_ecg_folder(ingest(folder, tmp_path / "out", **declared))
    assert str(frame["ecg"].dtype) == "ecg[8x500, 250 Hz: I II V1 V2 V3 V4 V5 V6]"
    np.testing.assert_array_equal(
        np.rint(1000 * frame["ecg"].iloc[2].signal), [*make_digital(EIGHT, 500, 2).values()]
    )
    with pytest.raises(ECGError, match="already holds an ECG folder, made with declared="):
        ingest(folder, tmp_path / "out", **declared | {"unit": "mV"})
    with pytest.raises(ECGError, match=r"none of 3 records .* does not state the unit of lead I"):
        ingest(folder, tmp_path / "other", leads=EIGHT, sampling_rate=250)


@pytest.mark.parametrize("leads", [["II", "V1"], ("II", "V1"), {"II": "II", "V1": "x-v1"}])
@pytest.mark.parametrize("is_finished", [True, False])
def test_an_ingest_of_named_leads_is_repeated(folder, tmp_path, leads, is_finished, monkeypatch):
    (folder / "d.edf").unlink()
    options = {"leads": leads, "chunk_size": 1, "sampling_rate": 500}

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if not is_finished:
            patch.setattr(_ingest, "_finish", interrupt)
        with suppress(KeyboardInterrupt):
            ingest(folder, tmp_path / "out", **options)
    monkeypatch.setattr(_ingest, "convert", interrupt)  # no record is read again
    frame, _ = read_ecg_folder(ingest(folder, tmp_path / "out", **options))
    assert frame["record"].tolist() == ["a", "b.xml", "c.scp"]
