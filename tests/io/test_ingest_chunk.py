"""Records of an ingest that are broken, or of another duration or sampling rate than most."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from ecgsk.exceptions import ECGError, SignalQualityWarning
from ecgsk.io import _ingest_chunk, read_ecg_folder
from ecgsk.io._wfdb_header import read_header
from ecgsk.preprocessing import BandpassFilter, Resample


def test_broken_records_are_listed_and_left_out(ingest, records):
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


def test_records_of_another_duration_are_broken_cropped_or_padded(ingest, write_record):
    write_record("in/p0/long", seconds=6)
    write_record("in/p0/short", seconds=3)
    with pytest.warns(SignalQualityWarning, match=r"it lasts 6 s, and the others 4 s. Pass dura"):
        out = ingest(transform=Resample(100))
    assert len(read_ecg_folder(out)[0]) == 20
    frame, _ = read_ecg_folder(ingest("all", Resample(100), duration=4.0))
    short = frame.loc[frame["record"] == "p0/short", "ecg"].ecg.to_numpy()[0]
    assert len(frame) == 22
    assert np.isnan(short[:, 300:]).all()
    assert np.isfinite(short[:, :300]).all()


def test_a_record_of_another_rate_is_transformed_at_its_own_and_then_resampled(ingest, records):
    frame, _ = read_ecg_folder(ingest(transform=BandpassFilter(0.5, 40)))
    assert frame["ecg"].ecg.sampling_rate == 500
    row = frame["record"].tolist().index("p1/r07")
    stored = np.fromfile(records / "p1/r07.dat", "<i2").reshape(-1, 12).T / np.float32(1000)
    alone = BandpassFilter(0.5, 40, input_sampling_rate=250).fit_transform(stored[None])
    expected = Resample(500, input_sampling_rate=250).fit_transform(alone.astype("float32"))[0]
    np.testing.assert_allclose(frame["ecg"].ecg.to_numpy()[row], expected, atol=0.0006)


def test_records_that_the_transform_refuses_are_broken(ingest):
    with pytest.warns(
        SignalQualityWarning,
        match=r"left out 1 of 20 records, such as p1/r07: .* high below 125 Hz",
    ):
        out = ingest(transform=BandpassFilter(0.5, 150))
    assert len(read_ecg_folder(out, verify=True)[0]) == 19


def test_a_record_whose_name_no_table_can_hold_is_broken(ingest, records):
    for suffix in (b"hea", b"dat"):
        shutil.copy(
            records / f"p0/r04.{suffix.decode()}", os.fsencode(records) + b"/\xe4." + suffix
        )
    with pytest.warns(SignalQualityWarning, match=r"left out 1 of 21 records, such as .udce4"):
        out = ingest()
    assert len(read_ecg_folder(out, verify=True)[0]) == 20
    assert ingest() == out


def test_an_error_of_any_class_breaks_one_record_alone(ingest, monkeypatch):
    def read(path, leads, declared):
        number = int(path[-2:])
        if number in ERRORS:
            raise ERRORS[number]
        return read_header(path, leads)

    monkeypatch.setattr(_ingest_chunk, "open_header", read)
    with pytest.warns(SignalQualityWarning, match="left out 3 of 20 records"):
        out = ingest(transform=FailsAtOne())
    broken = pd.read_csv(out / "broken.csv")
    assert broken["reason"].str.split(":").str[0].tolist() == [
        "MemoryError", "ZeroDivisionError", "IndexError",
    ]  # fmt: skip
    assert len(read_ecg_folder(out, verify=True)[0]) == 17


ERRORS = {4: MemoryError("no room"), 9: IndexError("list index out of range")}


class FailsAtOne(TransformerMixin, BaseEstimator):
    """Divides by zero for the record that is sampled at 250 Hz."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        assert 1 // int(X.sampling_rate > 250)
        return X


class Dies(FailsAtOne):
    """Ends its process where it is not the one that was given."""

    def __init__(self, parent):
        self.parent = parent

    def transform(self, X):
        if os.getpid() != self.parent:
            os._exit(1)
        return X


@pytest.mark.slow
def test_a_worker_that_is_killed_is_explained(ingest):
    with pytest.raises(
        ECGError, match="worker process was killed, probably because memory ran out"
    ):
        ingest(transform=Dies(os.getpid()), n_jobs=2)
