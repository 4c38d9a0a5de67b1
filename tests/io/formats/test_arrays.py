"""CSV, NumPy and MATLAB files: declared rate, leads and unit, and what a file states itself."""

import gzip
import sys

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from ecgsk.exceptions import LeadMismatchError, RecordReadError, SamplingRateError, UnitError
from ecgsk.io import read_ecg
from ecgsk.io.formats import arrays
from tests.io.formats.writers import EIGHT, derive, make_digital

DECLARED = {"sampling_rate": 500, "unit": "uV"}


@given(
    separator=st.sampled_from([",", ";", "\t"]),
    header=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    decimal=st.sampled_from([".", ","]),
)
def test_csv_dialects_give_the_same_samples(tmp_path_factory, separator, header, end, bom, decimal):
    decimal = "." if separator == "," else decimal
    samples = np.array([[0.5, -1.25], [100.0, 3.75], [-7.5, 0.0]])
    rows = [separator.join(f"{v:.2f}".replace(".", decimal) for v in row) for row in samples]
    lines = ([separator.join(["II", "V1"])] if header else []) + rows
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes((b"\xef\xbb\xbf" if bom else b"") + (end.join(lines) + end).encode())
    record = read_ecg(path, leads=["II", "V1"], **DECLARED)
    assert (record.leads, record.sampling_rate) == (("II", "V1"), 500)
    np.testing.assert_allclose(record.signal, samples.T / 1000, rtol=1e-6)


def test_named_columns_are_found_by_name(tmp_path):
    (tmp_path / "a.csv").write_text("time,V1,ii\n0,10,100\n0.002,,200\n")
    record = read_ecg(tmp_path / "a.csv", **DECLARED)
    assert record.leads == ("II", "V1")
    np.testing.assert_allclose(record.signal, [[0.1, 0.2], [0.01, np.nan]], atol=1e-8)


def test_lines_that_end_with_a_separator_have_no_further_lead(tmp_path):
    (tmp_path / "a.csv").write_text("1,2,\n3,4,\n")
    record = read_ecg(tmp_path / "a.csv", leads=["I", "II"], **DECLARED)
    np.testing.assert_allclose(record.signal, [[1e-3, 3e-3], [2e-3, 4e-3]], rtol=1e-6)


def test_an_empty_lead_is_missing(tmp_path):
    (tmp_path / "a.csv").write_text("1,\n3,\n")
    record = read_ecg(tmp_path / "a.csv", leads=["I", "II"], **DECLARED)
    np.testing.assert_allclose(record.signal, [[1e-3, 3e-3], [np.nan, np.nan]], rtol=1e-6)


def test_a_table_may_be_compressed(tmp_path, monkeypatch):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"I,II\n1,2\n3,4\n"))
    record = read_ecg(tmp_path / "a.csv.gz", **DECLARED)
    np.testing.assert_allclose(record.signal, [[1e-3, 3e-3], [2e-3, 4e-3]], rtol=1e-6)
    monkeypatch.setattr(arrays, "MAX_CSV_BYTES", 10)
    with pytest.raises(RecordReadError, match="expected at most 10 bytes of samples, got 11"):
        read_ecg(tmp_path / "a.csv.gz", **DECLARED)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"I,II\n1,2\n" * 99)[:-9])
    with pytest.raises(RecordReadError, match=r"b\.csv\.gz"):
        read_ecg(tmp_path / "b.csv.gz", **DECLARED)


def test_text_in_a_lead_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("time,I,II\n10:01,1,2\n10:02,3,bad\n")
    with pytest.raises(RecordReadError, match="got 2 rows with text in II"):
        read_ecg(tmp_path / "a.csv", **DECLARED)


def write(path, array, **entries):
    kind = path.suffix
    if kind == ".npy":
        np.save(path, array)
    elif kind == ".npz":
        np.savez(path, signal=array, **entries)
    else:
        savemat(path, {"signal": array, **entries})
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat"])
@pytest.mark.parametrize("dtype", ["<i2", "<f4", ">f8"])
@pytest.mark.parametrize("leads_first", [True, False])
def test_an_array_is_read_with_declared_leads(tmp_path, suffix, dtype, leads_first):
    eight = make_digital(EIGHT, 300)
    array = np.array([*eight.values()], dtype)
    path = write(tmp_path / f"a{suffix}", array if leads_first else array.T)
    record = read_ecg(path, leads=EIGHT, **DECLARED)
    assert record.leads == EIGHT
    np.testing.assert_allclose(record.signal, array / 1000, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_named_entries_state_all(tmp_path, suffix):
    eight = make_digital(EIGHT, 300)
    entries = {"sampling_rate": 250, "unit": "uV", "leads": np.array(EIGHT, dtype=object)}
    if suffix == ".npz":
        entries["leads"] = np.array(EIGHT)
    path = write(tmp_path / f"a{suffix}", np.array([*eight.values()]), **entries)
    record = read_ecg(path)
    assert (len(record.leads), record.sampling_rate) == (12, 250)
    expected = derive({lead: samples / 1000 for lead, samples in eight.items()})
    np.testing.assert_allclose(record.signal, [expected[lead] for lead in record.leads], atol=1e-6)
    assert read_ecg(path, sampling_rate=500).n_samples == 600


def write_mat_73(path, array, **texts):
    """Write what MATLAB's save(..., '-v7.3') does: HDF5 after 512 bytes, axes reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["signal"] = np.asarray(array).T
        for name, value in texts.items():
            if np.isscalar(value) and not isinstance(value, str):
                file[name] = np.array([[float(value)]])
                continue
            words = [value] if isinstance(value, str) else value
            stored = []
            for number, word in enumerate(words):
                place = name if isinstance(value, str) else f"#refs#/{name}{number}"
                file[place] = np.array([[ord(letter)] for letter in word], np.uint16)
                file[place].attrs["MATLAB_class"] = np.bytes_("char")
                stored.append(file[place].ref)
            if not isinstance(value, str):
                file[name] = np.array(stored, h5py.ref_dtype)[:, None]
                file[name].attrs["MATLAB_class"] = np.bytes_("cell")
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")
    return path


def test_matlab_7_3_states_all_or_is_declared(tmp_path):
    eight = make_digital(EIGHT, 300)
    array = np.array([*eight.values()])
    stated = {"sampling_rate": 250, "unit": "uV", "leads": EIGHT}
    record = read_ecg(write_mat_73(tmp_path / "a.mat", array, **stated))
    assert (len(record.leads), record.sampling_rate) == (12, 250)
    expected = derive({lead: samples / 1000 for lead, samples in eight.items()})
    np.testing.assert_allclose(record.signal, [expected[lead] for lead in record.leads], atol=1e-6)
    for axes in (array, array.T):
        path = write_mat_73(tmp_path / "b.mat", axes)
        declared = read_ecg(path, leads=EIGHT, sampling_rate=250, unit="uV")
        np.testing.assert_allclose(declared.signal, array / 1000, rtol=1e-6)


def test_matlab_7_3_reads_no_other_file(tmp_path, monkeypatch):
    path = write_mat_73(tmp_path / "a.mat", np.ones((2, 90)))
    write_mat_73(tmp_path / "b.mat", np.ones((2, 90)))
    with h5py.File(path, "r+") as file:
        del file["signal"]
        file["signal"] = h5py.ExternalLink(str(tmp_path / "b.mat"), "signal")
    with pytest.raises(RecordReadError, match=r"expected an array .signal. .* got none"):
        read_ecg(path, leads=["I", "II"], **DECLARED)
    path = write_mat_73(tmp_path / "cut.mat", np.ones((2, 900)))
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(RecordReadError, match=r"it cannot be read as MATLAB 7.3 \("):
        read_ecg(path, leads=["I", "II"], **DECLARED)
    monkeypatch.setattr(arrays, "MAX_BYTES", 100)
    with pytest.raises(RecordReadError, match="expected at most 100 bytes of samples"):
        read_ecg(tmp_path / "b.mat", leads=["I", "II"], **DECLARED)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(RecordReadError, match=r"pip install 'ecgsk\[hdf5\]'"):
        read_ecg(tmp_path / "b.mat", leads=["I", "II"], **DECLARED)


def test_what_is_not_declared_is_asked_for(tmp_path):
    path = write(tmp_path / "a.npy", np.ones((2, 100)))
    with pytest.raises(LeadMismatchError, match=r"names none of its 2 leads. Name all .*leads=\["):
        read_ecg(path, **DECLARED)
    with pytest.raises(SamplingRateError, match=r"rate of I. Pass it, .*sampling_rate=500"):
        read_ecg(path, leads=["I", "II"], unit="uV")
    with pytest.raises(UnitError, match=r"unit of lead I. Pass it, such as unit='uV'"):
        read_ecg(path, leads=["I", "II"], sampling_rate=500)
    with pytest.raises(LeadMismatchError, match=r"expected an array of 3 leads, .*\(2, 100\)"):
        read_ecg(path, leads=["I", "II", "V1"], **DECLARED)
    square = write(tmp_path / "b.npy", np.ones((2, 2)))
    with pytest.raises(LeadMismatchError, match=r"expected an array of 2 leads"):
        read_ecg(square, leads=["I", "II"], **DECLARED)
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    with pytest.raises(LeadMismatchError, match=r"expected 1 leads .II., got 2 columns"):
        read_ecg(tmp_path / "a.csv", leads=["II"], **DECLARED)


def test_pickles_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(RecordReadError, match=r"cannot be read as NumPy .*Python objects"):
        read_ecg(tmp_path / "a.npy", leads=["I"], **DECLARED)


def test_a_file_that_states_more_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 10_000)
    zeros = np.zeros((2, 10_000), "<i2")
    np.savez_compressed(tmp_path / "a.npz", signal=zeros)
    savemat(tmp_path / "a.mat", {"signal": zeros}, do_compression=True)
    np.save(tmp_path / "a.npy", zeros)
    for suffix in ("npz", "mat", "npy"):
        with pytest.raises(RecordReadError, match="expected at most 10,000 bytes of samples"):
            read_ecg(tmp_path / f"a.{suffix}", leads=["I", "II"], **DECLARED)


def test_other_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((2, 9)), y=np.ones((2, 9)))
    with pytest.raises(RecordReadError, match=r"expected an array 'signal' .*x \(2, 9\) float64"):
        read_ecg(tmp_path / "a.npz", leads=["I", "II"], **DECLARED)
    np.save(tmp_path / "a.npy", np.ones((3, 2, 9)))
    with pytest.raises(RecordReadError, match=r"expected an array .*\(3, 2, 9\)"):
        read_ecg(tmp_path / "a.npy", leads=["I", "II"], **DECLARED)
