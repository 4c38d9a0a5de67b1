"""HDF5Storage reads records on demand and pickles its path."""

import os
import pickle
from contextlib import suppress

import h5py
import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import DurationError, ECGError, RecordReadError, UnitError
from ecgsk.io.hdf5_storage import HDF5Storage


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(24.0).reshape(2, 3, 4)
        file["integers"] = np.zeros((2, 3, 4), "int16")
    return path


@pytest.fixture
def storage(path):
    return HDF5Storage(path, "x", ["I", "II", "III", "V1"], 100, gain=2)


def test_records_are_read_in_any_order_and_repeated(storage):
    expected = np.arange(24.0).reshape(2, 3, 4).transpose(0, 2, 1) / 2
    signals = storage.read(np.array([1, 0, 1]))
    assert signals.dtype == np.float32
    np.testing.assert_array_equal(signals, expected[[1, 0, 1]])
    assert storage.read(np.array([], dtype=int)).shape == (0, 4, 3)


@pytest.mark.parametrize("zero_padded", [False, True])
def test_a_part_has_the_samples_of_the_whole_record(tmp_path, zero_padded):
    data = np.random.default_rng(0).normal(size=(3, 50, 2))
    data[1, :8] = data[1, 30:] = data[2, 20:25] = 0
    with h5py.File(tmp_path / "long.hdf5", "w") as file:
        file.create_dataset("x", data=data, chunks=(1, 10, 2), compression="gzip")
    path = tmp_path / "long.hdf5"
    storage = HDF5Storage(path, "x", ["I", "II"], 100, zero_padded=zero_padded)
    rows, starts = np.array([2, 1, 0, 1]), np.array([15, 25, 0, 2])
    part, whole = storage.read_part(rows, starts, 12), storage.read(rows)
    for found, record, start in zip(part, whole, starts, strict=True):
        np.testing.assert_array_equal(found, record[:, start : start + 12])


def test_storages_of_one_data_set_are_equal(storage, path):
    again = pickle.loads(pickle.dumps(storage))
    assert again == storage
    assert hash(again) == hash(storage)
    assert storage != HDF5Storage(path, "x", ["I", "II", "III", "V1"], 100)


def test_a_data_set_of_another_shape_or_type_is_refused(path):
    with pytest.raises(DurationError, match=r"n_samples, 2\), got \(2, 3, 4\)"):
        HDF5Storage(path, "x", ["I", "II"], 100)
    with pytest.raises(UnitError, match=r"expected floating-point samples in .* got int16"):
        HDF5Storage(path, "integers", ["I", "II", "III", "V1"], 100)
    with pytest.raises(RecordReadError, match=r"a data set 'y' in .*, got integers, x"):
        HDF5Storage(path, "y", ["I", "II"], 100)


def test_a_file_that_changes_its_shape_is_refused(storage, path):
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros((5, 3, 4))
    with pytest.raises(RecordReadError, match=r"x\.hdf5 has changed since it was opened"):
        storage.read(np.array([0]))


def test_a_damaged_chunk_names_its_record(tmp_path):
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("x", data=np.ones((2, 3, 2)), chunks=(1, 3, 2), fletcher32=True)
        place = data.id.get_chunk_info(1).byte_offset
    with path.open("r+b") as raw:
        raw.seek(place)
        raw.write(b"damage")
    storage = HDF5Storage(path, "x", ["I", "II"], 100)
    assert storage.read(np.array([0])).mean() == 1
    with pytest.raises(RecordReadError, match=r"record 1 of .*x\.hdf5 cannot be read"):
        storage.read(np.array([0, 1]))


def test_hash_notices_a_file_that_was_written_again(storage, path):
    before = joblib.hash(storage)
    assert joblib.hash(pickle.loads(pickle.dumps(storage))) == before
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert joblib.hash(storage) != before
    assert HDF5Storage(path, "x", ["I", "II", "III", "V1"], 100, gain=2) != storage
    with pytest.raises(RecordReadError, match="changed since it was opened"):
        storage.read(np.array([0]))


def test_paths_that_hold_no_data_set_are_refused(tmp_path, path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RecordReadError, match="expected a regular file, got a device, pipe"):
        HDF5Storage(tmp_path / "pipe", "x", ["I"], 100)
    with h5py.File(path, "a") as file:
        file.create_group("group")
        file.create_dataset("bomb", (10**6, 10**4, 1), "f4", chunks=(1, 10**4, 1))
    with pytest.raises(RecordReadError, match="expected a data set 'group'"):
        HDF5Storage(path, "group", ["I"], 100)
    with pytest.raises(RecordReadError, match="states samples of 40000000000 bytes, more than"):
        HDF5Storage(path, "bomb", ["I"], 100)


@given(st.data())
def test_a_damaged_file_is_refused_with_an_error_of_ours(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("hdf5") / "x.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=np.ones((2, 3, 1)), chunks=(1, 3, 1), compression="gzip")
    content = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=9)):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with suppress(ECGError):
        HDF5Storage(path, "x", ["I"], 100).read(np.arange(2))
