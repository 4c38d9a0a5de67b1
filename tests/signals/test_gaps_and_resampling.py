import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ecgsk.exceptions import SamplingRateError
from ecgsk.signals.gaps import bridge_gaps
from ecgsk.signals.resampling import resample, resampled_length

SAMPLES = st.one_of(st.just(np.nan), st.floats(-10, 10))


@given(arrays(np.float64, array_shapes(max_dims=3, max_side=8), elements=SAMPLES))
def test_bridges_touch_gaps_alone_and_stay_between_their_ends(signals):
    before = signals.copy()
    bridged, missing = bridge_gaps(signals)
    np.testing.assert_array_equal(signals, before)
    if missing is None:
        assert bridged is signals
        return
    np.testing.assert_array_equal(missing, np.isnan(signals))
    np.testing.assert_array_equal(bridged[~missing], signals[~missing])
    for trace, lead in zip(
        bridged.reshape(-1, signals.shape[-1]), signals.reshape(-1, signals.shape[-1]), strict=True
    ):
        known = lead[~np.isnan(lead)] if not np.isnan(lead).all() else np.zeros(1)
        assert known.min() <= trace.min()
        assert trace.max() <= known.max()


@given(
    st.integers(1, 10_000),
    st.sampled_from([100, 128, 257, 360.1, 500, 1000]),
    st.sampled_from([50, 100, 250.5, 500]),
)
def test_length_is_the_exact_ratio_rounded_up(n_samples, from_rate, to_rate):
    expected = -(-n_samples * round(10 * to_rate) // round(10 * from_rate))
    assert resampled_length(n_samples, from_rate, to_rate) == expected


def test_leads_and_records_are_resampled_apart():
    x = np.random.default_rng(0).normal(size=(2, 3, 250)).astype(np.float32)
    out = resample(x, 250, 100)
    assert (out.shape, out.dtype) == ((2, 3, 100), np.float32)
    np.testing.assert_allclose(resample(x[1, 2], 250, 100), out[1, 2], atol=1e-6)


def test_the_same_rate_gives_the_input_itself():
    x = np.ones((2, 3))
    assert resample(x, 100, 100.0) is x


@pytest.mark.parametrize("rates", [(0, 100), (100, -1), (None, 100)])
def test_rates_must_be_positive(rates):
    with pytest.raises(SamplingRateError, match="in Hz above 0"):
        resample(np.ones(3), *rates)


@pytest.mark.parametrize(
    "rates", [(1000 / 3.9, 500), (500, 1000 / 3.9), (360.123456, 100), (3e4 / 7, 250)]
)
def test_awkward_ratios_take_little_memory(rates):
    from_rate, to_rate = rates
    times = np.arange(round(4 * from_rate)) / from_rate
    signal = np.sin(2 * np.pi * 3 * times)
    tracemalloc.start()
    out = resample(signal, from_rate, to_rate)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6
    assert len(out) == resampled_length(len(signal), from_rate, to_rate)
    expected = np.sin(2 * np.pi * 3 * np.arange(len(out)) / to_rate)
    inner = slice(round(0.5 * to_rate), round(3.5 * to_rate))
    np.testing.assert_allclose(out[inner], expected[inner], atol=0.02)


@given(st.floats(1, 20_000), st.floats(1, 20_000))
def test_any_ratio_is_bounded_or_refused(from_rate, to_rate):
    try:
        n_out = resampled_length(1000, from_rate, to_rate)
    except SamplingRateError as error:
        assert "nearest rate possible" in str(error)  # noqa: PT017
    else:
        assert abs(n_out - 1000 * to_rate / from_rate) <= 1.1


@pytest.mark.parametrize("rate", [0.9, 20_001, 1e300])
def test_rates_beyond_those_of_ecgs_are_refused(rate):
    with pytest.raises(SamplingRateError, match="1 to 20000 Hz"):
        resample(np.zeros(10), 500, rate)
