"""Parts of records, and windows of long records: the samples of the whole record."""

import pickle

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.signals import ECGArray, ECGStorage
from ecgsk.signals.concat import ConcatStorage
from ecgsk.signals.derived_leads import DerivedLeads
from ecgsk.signals.file_rows import FileRows
from ecgsk.signals.refitted import RefittedStorage
from ecgsk.signals.storage import ArrayStorage, LeadSelection, NpyStorage
from ecgsk.signals.windows import WindowStorage

LEADS, RATE, N_RECORDS, N_SAMPLES = ("I", "II"), 10.0, 3, 40
_DATA = np.random.default_rng(0).integers(-900, 900, (N_RECORDS, 2, N_SAMPLES)).astype(np.int16)
_DATA[0, 1, 3] = np.iinfo(np.int16).min


class WithoutParts(ECGStorage):
    """A storage of a user, which reads whole records."""

    leads, sampling_rate, n_samples = LEADS, RATE, N_SAMPLES

    def __len__(self):
        return N_RECORDS

    def read(self, rows):
        return make("int16").read(rows)


def make(kind: str, path=None) -> ECGStorage:
    integers = ArrayStorage(_DATA, LEADS, RATE, gain=200)
    if kind == "npy":
        return NpyStorage(path, LEADS, RATE, gain=200)
    return {
        "int16": lambda: integers,
        "float32": lambda: ArrayStorage(_DATA.astype(np.float32), LEADS, RATE),
        "whole records": WithoutParts,
        "selected": lambda: LeadSelection(integers, ["II"]),
        "derived": lambda: DerivedLeads(integers, ["III", "V1", "I"], mask=True),
        "cropped": lambda: RefittedStorage(integers, RATE, 25),
        "padded": lambda: RefittedStorage(integers, RATE, 70),
        "resampled": lambda: RefittedStorage(integers, 2 * RATE, 60),
        "joined": lambda: ConcatStorage([make("float32"), integers]),
        "windows": lambda: WindowStorage(
            integers, np.array([2, 0, 1]), np.array([4, 0, 9]), N_SAMPLES - 9
        ),
    }[kind]()


KINDS = ["int16", "float32", "npy", "whole records", "selected", "derived", "joined", "windows"]
KINDS += ["cropped", "padded", "resampled"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "ecg.npy"
    np.save(path, _DATA)
    return path


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_part_has_the_samples_of_the_whole_record(path, kind, data):
    storage = make(kind, path)
    rows = data.draw(st.lists(st.integers(0, len(storage) - 1), max_size=5))
    n_samples = data.draw(st.integers(1, storage.n_samples))
    start = st.integers(0, storage.n_samples - n_samples)
    starts = data.draw(st.lists(start, min_size=len(rows), max_size=len(rows)))
    rows, starts = np.array(rows, int), np.array(starts, int)
    part = storage.read_part(rows, starts, n_samples)
    assert part.shape == (len(rows), len(storage.leads), n_samples)
    assert part.dtype == np.float32
    for found, whole, start in zip(part, storage.read(rows), starts, strict=True):
        np.testing.assert_array_equal(found, whole[:, start : start + n_samples])


def test_without_a_memory_map_a_part_is_the_same(path, monkeypatch):
    expected = make("npy", path).read_part(np.array([2, 0]), np.array([5, 0]), 7)
    storage = make("npy", path)
    monkeypatch.setattr(storage, "_data", FileRows(path))
    np.testing.assert_array_equal(
        storage.read_part(np.array([2, 0]), np.array([5, 0]), 7), expected
    )


def test_a_pickle_holds_the_records_of_its_windows_alone():
    long = np.zeros((50, 1, 10_000), np.float32)
    storage = ArrayStorage(long, ["II"], 100)
    rows = np.repeat(np.arange(50), 10)
    windows = ECGArray(WindowStorage(storage, rows, np.tile(np.arange(10) * 1000, 50), 1000))
    blob = pickle.dumps(windows[[7, 495]])
    assert len(blob) < 2.1 * long[0].nbytes
    np.testing.assert_array_equal(pickle.loads(blob).read(), windows[[7, 495]].read())


def test_equal_windows_are_equal_and_others_are_not(path):
    a, b, other = (
        WindowStorage(make("npy", path), np.array([2, 0]), np.array([4, start]), 9)
        for start in (0, 0, 1)
    )
    assert a == b
    assert hash(a) == hash(b)
    assert joblib.hash(a) == joblib.hash(b)
    assert a != other


def test_windows_of_windows_refer_to_the_record():
    outer = make("windows")
    inner = WindowStorage(outer, np.array([0, 2]), np.array([1, 2]), 5)
    assert inner.storage is outer.storage
    np.testing.assert_array_equal(
        inner.read(np.arange(2)), outer.read_part(np.array([0, 2]), np.array([1, 2]), 5)
    )
