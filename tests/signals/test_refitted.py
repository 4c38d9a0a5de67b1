"""Records cropped, padded or resampled when they are read."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.signals import ECGArray
from ecgsk.signals.refitted import refit
from ecgsk.signals.resampling import resample

X = np.cumsum(np.random.default_rng(0).normal(scale=0.02, size=(3, 2, 100)), axis=2)
X = X.astype(np.float32)


@pytest.fixture
def ecg():
    return ECGArray.from_numpy(X, leads=["I", "II"], sampling_rate=100)


@given(n_samples=st.integers(1, 300))
def test_longer_records_are_cropped_and_shorter_ones_padded(n_samples):
    ecg = ECGArray.from_numpy(X, leads=["I", "II"], sampling_rate=100)
    x = refit(ecg, 100, n_samples).read()
    assert x.shape == (3, 2, n_samples)
    np.testing.assert_array_equal(x[..., :100], X[..., :n_samples])
    assert np.isnan(x[..., 100:]).all()


def test_records_are_resampled(ecg):
    refitted = refit(ecg, 50, 50)
    assert str(refitted.dtype) == "ecg[2x50, 50 Hz: I II]"
    np.testing.assert_array_equal(refitted.read(), resample(X, 100, 50))


def test_records_that_fit_are_not_wrapped(ecg):
    assert refit(ecg, 100, 100) is ecg


def test_rows_missing_records_and_pickles_are_kept(ecg):
    chosen = ECGArray(ecg.storage, [2, -1, 0])
    refitted = pickle.loads(pickle.dumps(refit(chosen, 100, 80)))
    x = refitted.read()
    np.testing.assert_array_equal(x[[0, 2]], X[[2, 0], :, :80])
    assert np.isnan(x[1]).all()


def test_equal_views_are_equal(ecg):
    assert refit(ecg, 100, 80).storage == refit(ecg, 100, 80).storage
    assert refit(ecg, 100, 80).storage != refit(ecg, 100, 81).storage
