"""HDF5 storage: shapes, damage and equality."""

import pickle

import h5py
import numpy as np
import pytest

from ecgsk.exceptions import DurationError, RecordReadError, UnitError
from ecgsk.io import HDF5Storage


def test_other_shapes_and_types_are_rejected(tmp_path):
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros((2, 3, 4))
        file["integers"] = np.zeros((2, 3, 4), "int16")
    with pytest.raises(DurationError, match=r"n_samples, 2\), got \(2, 3, 4\)"):
        HDF5Storage(path, "x", ["I", "II"], 100)
    with pytest.raises(UnitError, match=r"expected floating-point samples in .* got int16"):
        HDF5Storage(path, "integers", ["I", "II", "III", "V1"], 100)
    with pytest.raises(RecordReadError, match=r"a data set 'y' in .*, got integers, x"):
        HDF5Storage(path, "y", ["I", "II"], 100)
    storage = HDF5Storage(path, "x", ["I", "II", "III", "V1"], 100)
    assert storage == HDF5Storage(path, "x", ["I", "II", "III", "V1"], 100)
    assert hash(storage) == hash(pickle.loads(pickle.dumps(storage)))
    assert storage.read(np.array([], dtype=int)).shape == (0, 4, 3)
    assert storage.read(np.array([1, 0, 1])).dtype == np.float32
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros((5, 3, 4))
    with pytest.raises(RecordReadError, match=r"held samples of shape \(2, 3, 4\) and now holds"):
        storage.read(np.array([0]))


def test_damaged_chunk_names_the_record(tmp_path):
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("x", data=np.ones((2, 3, 2)), chunks=(1, 3, 2), fletcher32=True)
        offset = data.id.get_chunk_info(1).byte_offset
    with path.open("r+b") as raw:
        raw.seek(offset)
        raw.write(b"damage")
    storage = HDF5Storage(path, "x", ["I", "II"], 100)
    assert storage.read(np.array([0])).mean() == 1
    with pytest.raises(RecordReadError, match=r"record 1 of .*x\.hdf5 cannot be read"):
        storage.read(np.array([0, 1]))
