"""Loader of CODE-15 % on two made parts of its layout."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import h5py
import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import load_code15
from ecgsk.exceptions import LeadMismatchError, RecordReadError, UnitError
from ecgsk.signals import STANDARD_12_LEADS

LONG, SHORT = 4000, 2934  # samples of 10 s and 7.3 s, in 4096
EXAMS = """exam_id,age,is_male,nn_predicted_age,1dAVb,RBBB,LBBB,SB,ST,AF,patient_id,death,timey,\
normal_ecg,trace_file
11,38,True,40.1,True,False,False,False,False,False,900,False,2.1,False,exams_part0.hdf5
12,73,False,67.0,False,False,False,False,False,True,901,True,8.3,False,exams_part1.hdf5
13,67,True,73.5,False,False,False,False,False,False,901,,,True,exams_part0.hdf5
14,41,False,50.0,False,True,False,False,True,False,902,False,9.9,False,exams_part1.hdf5
15,22,False,21.0,False,False,False,False,False,False,903,False,1.0,True,exams_part7.hdf5
"""


def tracing(exam, n_samples):
    """Make a zero-padded tracing in which every lead and sample has another value."""
    record = np.zeros((4096, 12), np.float32)
    start = (4096 - n_samples) // 2
    wave = 1 + np.arange(n_samples, dtype=np.float32)[:, None] / 10_000
    record[start : start + n_samples] = exam + wave * (1 + np.arange(12, dtype=np.float32))
    record[start + 100] = 0  # a zero inside is a value
    return record


def write_part(folder, number, lengths):
    exams = [*lengths, 0, 0]  # each file ends with rows without exam
    with h5py.File(folder / f"exams_part{number}.hdf5", "w") as file:
        file["exam_id"] = np.array(exams)
        file["tracings"] = np.stack(
            [tracing(exam, length) for exam, length in lengths.items()]
            + 2 * [np.zeros((4096, 12), np.float32)]
        )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "exams.csv").write_text(EXAMS)
    write_part(tmp_path, 0, {13: SHORT, 11: LONG})  # not in the order of the table
    write_part(tmp_path, 1, {14: LONG, 12: 4096})
    return tmp_path


def test_only_present_parts_are_loaded(folder):
    cohort = load_code15(folder)
    assert str(cohort.X["ecg"].dtype) == "ecg[12x4096, 400 Hz]"
    assert cohort.X.index.tolist() == [11, 12, 13, 14]
    assert cohort.X["ecg"].ecg.leads == STANDARD_12_LEADS
    assert cohort.X["age"].tolist() == [38, 73, 67, 41]
    assert cohort.X["sex"].tolist() == ["M", "F", "M", "F"]
    assert cohort.groups.tolist() == [900, 901, 901, 902]
    assert cohort.Y.columns.tolist() == ["1dAVb", "RBBB", "LBBB", "SB", "ST", "AF"]
    expected = [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1], [0] * 6, [0, 1, 0, 0, 1, 0]]
    np.testing.assert_array_equal(cohort.Y, expected)
    assert cohort.exams.columns.tolist() == ["nn_predicted_age", "normal_ecg", "death", "timey"]
    assert cohort.broken == []
    assert "2 of its 18 parts: 4 records of 3 patients" in cohort.DESCR


@pytest.mark.parametrize(("exam", "length"), [(11, LONG), (12, 4096), (13, SHORT), (14, LONG)])
def test_zero_padding_is_missing(folder, exam, length):
    X, _ = load_code15(folder, return_X_y=True)
    assert X.attrs["population"] == "patients of CODE-15 %"
    signal = X.loc[[exam], "ecg"].ecg.to_numpy()[0]
    start = (4096 - length) // 2
    expected = tracing(exam, length).T
    expected[:, :start] = expected[:, start + length :] = np.nan
    np.testing.assert_array_equal(signal, expected)
    assert signal[0, start + 100] == 0


def test_gain_and_leads_are_applied(folder):
    whole = load_code15(folder).X["ecg"].ecg.to_numpy()
    some = load_code15(folder, gain=2, leads=["V6", "II"]).X["ecg"]
    assert some.ecg.leads == ("V6", "II")
    np.testing.assert_array_equal(some.ecg.to_numpy(), whole[:, [11, 1]] / 2)
    with pytest.raises(LeadMismatchError):
        load_code15(folder, leads=["V7"])


def _first_samples(X):
    return X["ecg"].ecg.to_numpy()[:, :, 2000]


def test_pickle_holds_paths_and_reads_in_other_processes(folder, monkeypatch):
    X = load_code15(folder).X
    assert len(pickle.dumps(X)) < 5000
    assert X["ecg"].array.storage.nbytes == 0
    monkeypatch.chdir(folder.parent)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        read = pool.submit(_first_samples, X.iloc[[2, 0, 2]]).result(timeout=120)
    np.testing.assert_array_equal(read, _first_samples(X)[[2, 0, 2]])
    assert pickle.loads(pickle.dumps(X))["ecg"].array.equals(X["ecg"].array)


def test_exam_without_tracing_is_listed(folder):
    write_part(folder, 0, {11: LONG})
    cohort = load_code15(folder)
    assert cohort.X.index.tolist() == [11, 12, 14]
    assert cohort.broken == [
        {"record": "13", "reason": "exams_part0.hdf5 has no tracing of exam 13."}
    ]
    assert np.nanmax(cohort.X.loc[[14], "ecg"].ecg.to_numpy()) > 14


def test_all_zero_tracing_is_missing(folder):
    with h5py.File(folder / "exams_part0.hdf5", "a") as file:
        file["tracings"][0] = 0
    signal = load_code15(folder).X.loc[[13], "ecg"].ecg.to_numpy()
    assert np.isnan(signal).all()


def test_missing_flags_stay_missing(folder):
    table = pd.read_csv(folder / "exams.csv").astype({"AF": object, "is_male": object})
    table.loc[0, ["AF", "is_male"]] = None
    table.to_csv(folder / "exams.csv", index=False)
    cohort = load_code15(folder)
    np.testing.assert_array_equal(cohort.Y["AF"], [np.nan, 1, 0, 0])
    assert cohort.X["sex"].isna().tolist() == [True, False, False, False]


def test_unknown_sex_is_missing_and_reported(folder):
    table = pd.read_csv(folder / "exams.csv").astype({"is_male": object})
    table.loc[0, "is_male"] = "unknown"
    table.to_csv(folder / "exams.csv", index=False)
    with pytest.warns(UserWarning, match="1 of 4 values of is_male"):
        cohort = load_code15(folder)
    assert cohort.X["sex"].isna().sum() == 1


def test_invalid_input_is_rejected(folder, tmp_path_factory):
    with pytest.raises(UnitError, match="expected one positive gain in ADC units per mV, got 0"):
        load_code15(folder, gain=0)
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(RecordReadError, match=r"load_code15: there is no .*exams\.csv"):
        load_code15(empty)
    (empty / "exams.csv").write_text(EXAMS)
    with pytest.raises(RecordReadError, match=r"files such as exams_part0\.hdf5 .* Unpack"):
        load_code15(empty)
    write_part(folder, 0, {11: LONG, 13: SHORT})
    with h5py.File(folder / "exams_part0.hdf5", "a") as file:
        file["exam_id"][:2] = 11
    with pytest.raises(RecordReadError, match="exam 11 occurs more than once"):
        load_code15(folder)
    with h5py.File(folder / "exams_part0.hdf5", "a") as file:
        del file["exam_id"]
    with pytest.raises(RecordReadError, match=r"'exam_id' of .* cannot be read"):
        load_code15(folder)
    (folder / "exams_part0.hdf5").write_bytes(b"cut short")
    with pytest.raises(RecordReadError, match="Expected an HDF5 file; has it been moved or cut"):
        load_code15(folder)


def test_missing_h5py_is_an_error(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install 'ecgsk\[hdf5\]'"):
        load_code15(folder)
