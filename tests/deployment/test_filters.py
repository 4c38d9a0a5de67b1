"""Filters and resampling in torch give the answers of the NumPy code."""

import numpy as np
import pytest
import torch

from ecgsk.deployment import _filters
from ecgsk.deployment._screening import _bridged
from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import BandpassFilter
from ecgsk.signals.resampling import resample
from ecgsk.signals.spectral import bandpass


def records(n_samples):
    rng = np.random.default_rng(0)
    x = (0.1 * rng.normal(size=(2, 3, n_samples)).cumsum(axis=2)).astype(np.float32)
    x[0, 0, 7:20] = np.nan
    x[1, 2, -1] = np.nan
    return x - np.float32(2.0)


def bridge(x):
    return _bridged(x, ~x.isnan()), x.isnan()


def apply(module, x):
    """Apply a filter without torch.cond, which compiles."""
    del module.bridge
    module.bridge = bridge
    return module(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize(
    ("from_rate", "to_rate", "n_samples"),
    [(500, 100, 5000), (500, 100, 299), (257, 100, 2571), (250, 360, 700), (100, 500, 1000)],
)
@pytest.mark.parametrize("largest", [0, 2**22])
def test_resampling_equals_numpy(from_rate, to_rate, n_samples, largest, monkeypatch):
    monkeypatch.setattr(_filters, "_MAX_MATRIX", largest)
    module = _filters.resampling_filter(n_samples, from_rate, to_rate)
    x = records(n_samples)
    got, expected = apply(module, x), resample(x, from_rate, to_rate)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_allclose(got, expected, rtol=0, atol=5e-5)


@pytest.mark.parametrize("edges", [(0.5, 40), (None, 30), (1.0, None)])
def test_bandpass_equals_numpy(edges):
    x = records(600)
    got = apply(_filters.bandpass_filter(600, 100, BandpassFilter(*edges)), x)
    np.testing.assert_allclose(got, bandpass(x, 100, *edges), rtol=0, atol=1e-5)


def test_bandpass_of_long_records_is_refused():
    with pytest.raises(ECGError, match=r"records of 10,000 samples.*Put Resample before"):
        _filters.bandpass_filter(10_000, 1000, BandpassFilter())
