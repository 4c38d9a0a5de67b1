"""Storage of records in files of any format."""

import os
import pickle

import joblib
import numpy as np
import pytest

from ecgsk.exceptions import RecordReadError
from ecgsk.io import read_ecg, read_ecgs
from tests.io.formats.writers import (
    EIGHT,
    edf_signal,
    make_digital,
    muse_waveform,
    write_edf,
    write_muse,
)


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        digital = make_digital(EIGHT, 1000, seed=number)
        write_muse(tmp_path / f"r{number}.xml", [muse_waveform("Rhythm", digital, "5")])
    return tmp_path


def test_samples_are_read_on_demand_as_one_file_is(folder):
    frame = read_ecgs(folder)
    assert frame["ecg"].array.nbytes < 100
    for number in range(3):
        expected = read_ecg(folder / f"r{number}.xml").signal
        np.testing.assert_array_equal(frame["ecg"].iloc[number].signal, expected)


def test_a_record_is_cropped_padded_and_resampled(folder):
    cropped = read_ecgs(folder, duration=1)["ecg"].iloc[0].signal
    whole = read_ecg(folder / "r0.xml")
    np.testing.assert_array_equal(cropped, whole.signal[:, :500])
    padded = read_ecgs(folder, duration=3)["ecg"].iloc[0].signal
    np.testing.assert_array_equal(padded[:, :1000], whole.signal)
    assert np.isnan(padded[:, 1000:]).all()
    slow = read_ecgs(folder, sampling_rate=250)["ecg"].iloc[0].signal
    expected = read_ecg(folder / "r0.xml", sampling_rate=250).signal
    np.testing.assert_allclose(slow, expected, atol=1e-5)


def test_only_the_beginning_of_a_long_edf_file_is_read(tmp_path):
    digital = make_digital(["II"], 60 * 100)["II"]
    write_edf(tmp_path / "a.edf", [edf_signal("II", digital, 100)])
    signal = read_ecgs(tmp_path, leads=["II"], duration=2)["ecg"].iloc[0].signal
    np.testing.assert_allclose(signal[0], digital[:200] * 1e-4, atol=1e-7)


@pytest.mark.parametrize("rate", [100, 250])
def test_windows_of_an_edf_file_equal_those_of_the_whole(tmp_path, rate):
    digital = make_digital(["II"], 60 * 100)["II"]
    write_edf(tmp_path / "a.edf", [edf_signal("II", digital, 100)])
    whole = read_ecgs(tmp_path, leads=["II"], sampling_rate=rate)["ecg"].array
    storage = whole._storage
    n_samples = 7 * rate
    for start in (0, 11, 20 * rate + 3, 53 * rate, 57 * rate):
        out = np.empty((1, n_samples), np.float32)
        storage.read_record(0, out, start)
        expected = np.full((1, n_samples), np.nan, np.float32)
        part = whole.read()[0][:, start : start + n_samples]
        expected[:, : part.shape[1]] = part
        np.testing.assert_allclose(out, expected, atol=2e-4)


def test_a_column_travels_by_pickle_and_is_hashed_with_its_files(folder):
    column = read_ecgs(folder)["ecg"]
    part = pickle.loads(pickle.dumps(column.iloc[[2]]))
    np.testing.assert_array_equal(part.iloc[0].signal, column.iloc[2].signal)
    before = joblib.hash(read_ecgs(folder)["ecg"])
    assert joblib.hash(read_ecgs(folder)["ecg"]) == before
    state = os.stat(folder / "r1.xml")
    os.utime(folder / "r1.xml", ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert joblib.hash(read_ecgs(folder)["ecg"]) != before


def test_a_file_that_has_changed_is_refused(folder):
    column = read_ecgs(folder)["ecg"]
    write_muse(folder / "r1.xml", [muse_waveform("Rhythm", make_digital(EIGHT, 9), "5")])
    with pytest.raises(RecordReadError, match=r"r1\.xml: .*has changed since it was read"):
        column.iloc[1].signal  # noqa: B018
    (folder / "r2.xml").unlink()
    with pytest.raises(RecordReadError, match=r"r2\.xml: .*No such file"):
        column.iloc[2].signal  # noqa: B018
