"""Storages in memory and on disk: scaling, sharing, pickles and errors."""

import errno
import os
import pickle

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ecgsk.exceptions import (
    DurationError,
    ECGError,
    LeadMismatchError,
    RecordReadError,
    SamplingRateError,
    UnitError,
)
from ecgsk.signals import ECGArray
from ecgsk.signals.storage import INT16_NAN, ArrayStorage, LeadSelection, NpyStorage

LEADS = ("I", "II")


@given(arrays(np.int16, (3, 2, 4)), st.floats(0.5, 5000))
def test_int16_is_divided_by_its_gain_and_its_minimum_is_nan(data, gain):
    expected = np.where(data == INT16_NAN, np.nan, data / gain)
    got = ArrayStorage(data, LEADS, 100, gain=gain).read(np.arange(3))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_come_out_as_float32(dtype):
    data = np.array([[[0.5, np.nan], [-1, 2]]], dtype)
    got = ArrayStorage(data, LEADS, 100).read(np.array([0, 0]))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, np.concatenate([data, data]))


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_read_returns_a_new_contiguous_array(dtype):
    data = np.ones((4, 2, 5), dtype)
    storage = ArrayStorage(data, LEADS, 100, gain=1)
    for rows in ([0, 1, 2, 3], [1], []):
        got = storage.read(np.array(rows, dtype=int))
        got += 1
        assert got.flags.c_contiguous
    assert (data == 1).all()


def test_samples_are_shared_and_read_only():
    data = np.ones((4, 2, 5), np.float32)
    storage = ArrayStorage(data, LEADS, 100)
    assert np.shares_memory(storage.data, data)
    assert not storage.data.flags.writeable
    assert data.flags.writeable


@pytest.mark.parametrize(("dtype", "gain"), [("float32", None), ("float16", None), ("int16", 200)])
def test_npy_storage_equals_array_storage(tmp_path, dtype, gain):
    data = (np.random.default_rng(0).normal(size=(5, 2, 30)) * 100).astype(dtype)
    np.save(tmp_path / "ecg.npy", data)
    rows = np.array([4, 0, 0])
    on_disk = NpyStorage(tmp_path / "ecg.npy", LEADS, 100, gain=gain)
    in_memory = ArrayStorage(data, LEADS, 100, gain=gain)
    np.testing.assert_array_equal(on_disk.read(rows), in_memory.read(rows))
    assert on_disk.nbytes == 0


@pytest.mark.parametrize(("dtype", "gain"), [("float32", None), ("float16", None), ("int16", 200)])
def test_npy_is_read_row_by_row_when_mapping_fails(tmp_path, monkeypatch, dtype, gain):
    data = np.random.default_rng(0).integers(-900, 900, (7, 2, 5)).astype(dtype)
    np.save(tmp_path / "ecg.npy", data)
    rows = np.array([6, 0, 3, 3])
    expected = NpyStorage(tmp_path / "ecg.npy", LEADS, 100, gain=gain).read(rows)

    def refuse(*args, **kwargs):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(np, "load", refuse)
    storage = NpyStorage(tmp_path / "ecg.npy", LEADS, 100, gain=gain)
    np.testing.assert_array_equal(storage.read(rows), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(storage)).read(rows), expected)
    (tmp_path / "ecg.npy").write_bytes((tmp_path / "ecg.npy").read_bytes()[:-1])
    with pytest.raises(RecordReadError, match="has changed since it was opened"):
        storage.read(rows)


def test_npy_pickles_as_its_path(tmp_path, monkeypatch):
    np.save(tmp_path / "ecg.npy", np.ones((500, 2, 500), np.float32))
    monkeypatch.chdir(tmp_path)
    storage = NpyStorage("ecg.npy", LEADS, 100)
    pickled = pickle.dumps(storage)
    assert len(pickled) < 1000
    monkeypatch.chdir("/")  # a worker may stand elsewhere
    again = pickle.loads(pickled)
    assert again == storage
    assert again.read(np.array([3])).sum() == 1000


def test_missing_or_invalid_npy_raises(tmp_path):
    with pytest.raises(RecordReadError, match=r"cannot read .*absent\.npy: No such file"):
        NpyStorage(tmp_path / "absent.npy", LEADS, 100)
    (tmp_path / "text.npy").write_text("not an array")
    with pytest.raises(RecordReadError, match=r"Expected a complete file that numpy\.save wrote"):
        NpyStorage(tmp_path / "text.npy", LEADS, 100)


def test_truncated_npy_raises(tmp_path):
    path = tmp_path / "ecg.npy"
    np.save(path, np.ones((10, 2, 50), np.float32))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RecordReadError, match="Expected a complete file"):
        NpyStorage(path, LEADS, 100)


def write_again(path, data):
    """Rewrite a file with the same size, at another time."""
    before = path.stat()
    np.save(path, data)
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


@pytest.mark.parametrize("pickled", [True, False])
def test_npy_that_changed_since_it_was_opened(tmp_path, pickled):
    np.save(tmp_path / "ecg.npy", np.ones((10, 2, 50), np.float32))
    storage = NpyStorage(tmp_path / "ecg.npy", LEADS, 100)
    content = pickle.dumps(storage)
    write_again(tmp_path / "ecg.npy", np.zeros((10, 2, 50), np.float32))
    with pytest.raises(RecordReadError, match=r"ecg\.npy has changed since it was opened"):
        (pickle.loads(content) if pickled else storage).read(np.array([0]))


def test_npy_that_was_replaced_is_read_as_it_was(tmp_path):
    np.save(tmp_path / "ecg.npy", np.ones((10, 2, 50), np.float32))
    np.save(tmp_path / "new.npy", np.zeros((10, 2, 50), np.float32))
    storage = NpyStorage(tmp_path / "ecg.npy", LEADS, 100)
    os.replace(tmp_path / "new.npy", tmp_path / "ecg.npy")
    assert storage.read(np.array([0])).all()


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: x.select_leads(["II"]), lambda x: x[3:5]])
def test_hash_and_equality_notice_a_file_that_was_written_again(tmp_path, wrap):
    path = tmp_path / "ecg.npy"
    np.save(path, np.ones((10, 2, 50), np.float32))

    def read():
        return wrap(ECGArray.from_npy(path, leads=LEADS, sampling_rate=100))

    before, again = read(), read()
    earlier = joblib.hash(before)
    assert earlier == joblib.hash(again) == joblib.hash(pickle.loads(pickle.dumps(before)))
    assert (before.storage, hash(before.storage)) == (again.storage, hash(again.storage))
    write_again(path, np.zeros((10, 2, 50), np.float32))
    assert joblib.hash(before) != earlier
    assert joblib.hash(read()) != earlier
    assert read().storage != before.storage


def test_paths_that_are_no_regular_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    for path in (tmp_path / "pipe.npy", tmp_path, "/dev/zero"):
        with pytest.raises(RecordReadError, match="NpyStorage: cannot read"):
            NpyStorage(path, LEADS, 100)


@given(st.data())
def test_a_damaged_npy_is_refused_with_an_error_of_ours(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("npy") / "ecg.npy"
    np.save(path, np.ones((3, 2, 5), np.int16))
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, 127), min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        storage = NpyStorage(path, LEADS, 100, gain=200)
        assert storage.read(np.arange(len(storage))).nbytes <= 4 * 128
    except ECGError:
        pass


def test_lead_selection_reads_by_name_and_does_not_stack(x):
    full = ArrayStorage(x, ECGArray.from_numpy(x, **TWELVE).leads, 100)
    chosen = LeadSelection(LeadSelection(full, ["V1", "II", "I"]), ["I", "V1"])
    assert chosen.storage is full
    np.testing.assert_array_equal(chosen.read(np.array([2]))[0], x[2, [0, 6]])


TWELVE = {
    "leads": ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"],
    "sampling_rate": 100,
}


GOOD = {"leads": ["I", "II"], "sampling_rate": 100}


@pytest.mark.parametrize(
    ("x", "change", "error", "message"),
    [
        ((4, 3, 50), {}, LeadMismatchError, r"2 leads \(I, II\).* with 3 leads"),
        ((4, 50, 2), {}, LeadMismatchError, r"axes look swapped: try x\.transpose\(0, 2, 1\)"),
        ((4, 2, 5), {"leads": ["I", "IX"]}, LeadMismatchError, "unknown lead 'IX'"),
        ((4, 2, 5), {"leads": ["I", "i"]}, LeadMismatchError, "lead I is repeated"),
        ((4, 2, 5), {"sampling_rate": 0}, SamplingRateError, "in Hz above 0, got 0"),
        ((4, 2, 5), {"unit": "ADC"}, UnitError, "unknown unit 'ADC'"),
        ((4, 2, 5), {"gain": -1}, UnitError, "one positive gain"),
        ((4, 2, 5), {"gain": [200, 200]}, UnitError, "one positive gain"),
        ((4, 2, 5), {"gain": 1e-40}, UnitError, "one positive gain"),
        ((4, 2, 5), {"gain": "200/mV"}, UnitError, "one positive gain"),
        ((4, 5), {}, DurationError, r"\(n_records, n_leads, n_samples\), got \(4, 5\)"),
        ((4, 2, 0), {}, DurationError, "at least one sample"),
    ],
)
def test_samples_that_contradict_parameters_raise(x, change, error, message):
    with pytest.raises(error, match=message):
        ECGArray.from_numpy(np.zeros(x), **(GOOD | change))


def test_int16_without_gain():
    with pytest.raises(UnitError, match=r"expected gain= for int16"):
        ECGArray.from_numpy(np.zeros((1, 2, 5), "int16"), **GOOD)


@pytest.mark.parametrize("dtype", ["int32", "complex64", "U3", "bool"])
def test_samples_of_other_dtypes(dtype):
    with pytest.raises(UnitError, match=f"float32, float16 or int16 .*got .*{dtype.lstrip('U')}"):
        ECGArray.from_numpy(np.zeros((1, 2, 5), dtype), **GOOD)
