"""Columns too large for memory are transformed when they are read."""

import os
import pickle
from collections.abc import Callable

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.pipeline import make_pipeline

from ecgsk.exceptions import SignalQualityError
from ecgsk.io import read_ecg_folder, write_ecg_folder
from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads
from ecgsk.preprocessing._transformed import TransformedStorage
from ecgsk.signals import ECGArray
from ecgsk.signals.storage import ArrayStorage, LeadSelection, NpyStorage

LEADS = ("I", "II", "V1")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    x = np.random.default_rng(0).normal(size=(50, 3, 700)).cumsum(axis=2) * 20
    samples = x.astype(np.int16)
    samples[3, 1, 40:90] = -32768
    path = tmp_path_factory.mktemp("samples") / "ecg.npy"
    np.save(path, samples)
    return path


@pytest.fixture(scope="module")
def make_pipe() -> Callable:
    return lambda rate=100: make_pipeline(
        SelectLeads(["V1", "I", "II"]), Resample(rate), BandpassFilter(0.5, 40)
    )


@pytest.fixture(scope="module")
def column(path):
    return ECGArray.from_npy(path, leads=LEADS, sampling_rate=250, gain=1000)


@pytest.fixture(scope="module")
def lazy(column, make_pipe):
    with config_context(working_memory=0):
        return make_pipe().fit_transform(column)


@pytest.fixture(scope="module")
def in_memory(column, make_pipe):
    return make_pipe().fit_transform(column)


def test_a_result_larger_than_working_memory_stays_on_disk(lazy, in_memory):
    assert isinstance(lazy.storage, TransformedStorage)
    assert lazy.nbytes == lazy.rows.nbytes
    assert isinstance(in_memory.storage, ArrayStorage)
    assert lazy.dtype == in_memory.dtype
    assert str(lazy.dtype) == "ecg[3x280, 100 Hz: V1 I II]"


def test_an_array_in_memory_is_transformed_once(column):
    held = ECGArray.from_numpy(column.read(), leads=LEADS, sampling_rate=250)
    with config_context(working_memory=0):
        assert isinstance(Resample(100).fit_transform(held).storage, ArrayStorage)
        # Four times as many bytes as the column holds.
        assert isinstance(Resample(1000).fit_transform(held).storage, TransformedStorage)


@given(st.lists(st.integers(0, 49), max_size=40))
def test_samples_do_not_depend_on_the_others_of_a_read(lazy, in_memory, rows):
    np.testing.assert_array_equal(lazy.read(rows), in_memory.read(rows))


def test_missing_and_repeated_records(column):
    array = ECGArray(column.storage, [3, -1, 3, 0])
    with config_context(working_memory=0):
        out = Resample(100).fit_transform(array)
    assert out.isna().tolist() == [False, True, False, False]
    np.testing.assert_array_equal(out.read(), Resample(100).fit_transform(array).read())


def test_threads_change_nothing(column, lazy):
    with config_context(working_memory=0):
        threads = BandpassFilter(0.5, 40, n_jobs=2).fit_transform(column)
        one = BandpassFilter(0.5, 40).fit_transform(column)
    np.testing.assert_array_equal(threads.read(), one.read())
    assert threads.storage == one.storage


def test_equal_transforms_of_equal_storages_are_equal(column, lazy, make_pipe, path):
    with config_context(working_memory=0):
        again = make_pipe().fit_transform(ECGArray(NpyStorage(path, LEADS, 250, gain=1000)))
        other = make_pipe(125).fit_transform(column)
    assert again.storage == lazy.storage
    assert hash(again.storage) == hash(lazy.storage)
    assert other.storage != lazy.storage
    both = pd.concat([pd.Series(lazy[:2]), pd.Series(again[5:7])], ignore_index=True)
    assert both.array.storage is lazy.storage


def test_later_parameters_do_not_change_a_column(column):
    resample = Resample(100)
    with config_context(working_memory=0):
        out = resample.fit_transform(column)
    resample.set_params(sampling_rate=50)
    assert out[:1].read().shape == (1, 3, 280)


def test_a_pickle_holds_no_samples(lazy):
    content = pickle.dumps(lazy[10:20])
    assert len(content) < 3000
    np.testing.assert_array_equal(pickle.loads(content).read(), lazy[10:20].read())


def test_a_pickle_of_some_rows_holds_those_rows_alone(column):
    held = ECGArray.from_numpy(column.read(), leads=LEADS, sampling_rate=250)
    with config_context(working_memory=0):
        lazy = Resample(1000).fit_transform(held)
    content = pickle.dumps(lazy[10:12])
    assert len(content) < 4 * 3 * 4 * 700
    np.testing.assert_array_equal(pickle.loads(content).read(), lazy[10:12].read())


def test_leads_are_chosen_after_the_transform(lazy):
    chosen = lazy.select_leads(["II"])
    assert isinstance(chosen.storage, LeadSelection)
    np.testing.assert_array_equal(chosen.read([4]), lazy.read([4])[:, [2]])


def test_infinite_samples_are_refused_when_read(tmp_path):
    x = np.zeros((40, 1, 100), np.float32)
    x[33, 0, 5] = np.inf
    np.save(tmp_path / "x.npy", x)
    column = ECGArray.from_npy(tmp_path / "x.npy", leads=["II"], sampling_rate=100)
    with config_context(working_memory=0):
        lazy = Resample(50).fit_transform(column)
    lazy[:33].read()
    with pytest.raises(SignalQualityError, match=r"Resample: .* got infinite ones in row 33"):
        lazy.read()


def test_write_ecg_folder_filters_a_large_column_once(tmp_path, lazy, in_memory):
    write_ecg_folder(pd.DataFrame({"ecg": lazy}), tmp_path, progress=False)
    frame, _ = read_ecg_folder(tmp_path)
    assert isinstance(frame["ecg"].array.storage, NpyStorage)
    np.testing.assert_allclose(frame["ecg"].ecg.to_numpy(), in_memory.read(), atol=0.00051)


def test_a_cached_pipeline_notices_samples_that_were_written_again(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(4, 3, 500)).astype(np.float32))

    def fit():
        column = ECGArray.from_npy(tmp_path / "x.npy", leads=LEADS, sampling_rate=100)
        steps = [BandpassFilter(0.5, 40), Resample(50)]
        return make_pipeline(*steps, memory=str(tmp_path / "cache")).fit_transform(column)

    with config_context(working_memory=0):
        first, again = fit(), fit()
        assert first.storage == again.storage
        hashed = joblib.hash(first)
        before = first.read()
        state = (tmp_path / "x.npy").stat()
        np.save(tmp_path / "x.npy", rng.normal(size=(4, 3, 500)).astype(np.float32))
        os.utime(tmp_path / "x.npy", ns=(0, state.st_mtime_ns + 1))
        assert joblib.hash(first) != hashed
        assert np.abs(fit().read() - before).max() > 0.1
