"""Concatenated storages share samples and keep each storage once."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.signals import ECGArray
from ecgsk.signals.concat import ConcatStorage
from ecgsk.signals.storage import ArrayStorage


def test_concat_over_storages_copies_nothing(ecg, on_disk, x):
    joined = pd.concat([pd.Series(ecg[:3]), pd.Series(on_disk), pd.Series(ecg[5:])])
    array = joined.array
    assert list(array.storage.parts) == [ecg.storage, on_disk.storage]
    np.testing.assert_array_equal(array.read(), np.concatenate([x[:3], x, x[5:]]))


def test_concat_of_concats_keeps_each_storage_once(make):
    a, b = make(seed=1), make(seed=2)
    join = ECGArray._concat_same_type
    nested = join([join([b[1:], a]), join([a, b]), a[:0]])
    assert nested.storage.parts == (b.storage, a.storage)
    expected = np.concatenate([b.read()[1:], a.read(), a.read(), b.read()])
    np.testing.assert_array_equal(nested.read(), expected)


def test_two_columns_over_one_file_are_one_storage(on_disk):
    again = ECGArray.from_npy(on_disk.storage.path, leads=on_disk.leads, sampling_rate=100)
    assert pd.concat([pd.Series(on_disk), pd.Series(again)]).array.storage == on_disk.storage


def test_pickle_of_a_concat_compacts_its_parts(ecg, on_disk, x):
    both = ECGArray._concat_same_type([ecg, on_disk])
    pickled = pickle.dumps(both[[19, 25]])
    assert len(pickled) < x[0].nbytes + 3000
    np.testing.assert_array_equal(pickle.loads(pickled).read(), x[[19, 5]])


LEADS = ("I", "II")


@given(st.lists(st.integers(0, 11), max_size=20))
def test_concat_reads_each_row_from_its_part(rows):
    data = np.arange(12 * 2 * 3, dtype=np.float32).reshape(12, 2, 3)
    parts = [ArrayStorage(data[a:b], LEADS, 100) for a, b in [(0, 5), (5, 5), (5, 6), (6, 12)]]
    storage = ConcatStorage(parts)
    rows = np.array(rows, dtype=int)
    np.testing.assert_array_equal(storage.read(rows), data[rows])
    compact, numbers = storage.compact(rows)
    np.testing.assert_array_equal(compact.read(numbers), data[rows])
    assert len(compact) == len(set(rows.tolist()))


def test_concat_of_different_parts_raises():
    a = ArrayStorage(np.ones((1, 2, 3)), LEADS, 100)
    b = ArrayStorage(np.ones((1, 2, 3)), LEADS, 200)
    with pytest.raises(ValueError, match="expected parts with equal leads"):
        ConcatStorage([a, b])
