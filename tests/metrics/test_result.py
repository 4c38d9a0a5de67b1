"""Subtraction of bootstrap results, percentile intervals and the share of a gap closed."""

import numpy as np
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.metrics import gap_closed, patient_bootstrap
from ecgsk.metrics._result import mean_over_labels, percentile_interval


def test_subtraction_needs_equal_resamples_and_statistic(clustered):
    Y, P, groups = clustered
    a = patient_bootstrap(Y, P, groups=groups, n_resamples=20, random_state=0)
    others = [
        patient_bootstrap(Y, P, groups=groups, n_resamples=20, random_state=1),
        patient_bootstrap(Y, P, groups=groups, n_resamples=21, random_state=0),
        patient_bootstrap(1 - Y, P, groups=groups, n_resamples=20, random_state=0),
        patient_bootstrap(Y, P, groups=groups[::-1], n_resamples=20, random_state=0),
        patient_bootstrap(
            Y,
            P,
            groups=groups,
            n_resamples=20,
            random_state=0,
            statistic="average_precision",
        ),
    ]
    for other in others:
        with pytest.raises(ECGError, match="an integer random_state"):
            a - other
    with pytest.raises(TypeError):
        a - 1


def arms(Y, P, groups, *noises):
    """Bootstrap arms whose scores have so much added noise."""
    rng = np.random.default_rng(0)
    error = rng.normal(size=P.shape)
    return [
        patient_bootstrap(Y, P + noise * error, groups=groups, random_state=0) for noise in noises
    ]


def test_gap_closed_is_the_ratio_of_two_differences(clustered):
    joint, signal, multimodal = arms(*clustered, 1.0, 2.0, 0.0)
    share = gap_closed(joint, signal, multimodal)
    assert share.bounded
    assert 0 < share.low < share.estimate < share.high < 1
    gap = multimodal.estimate - signal.estimate
    assert share.gap.estimate == pytest.approx(gap)
    assert share.estimate == pytest.approx((joint.estimate - signal.estimate) / gap)
    assert gap_closed(multimodal, signal, multimodal).estimate == 1
    assert gap_closed(signal, signal, multimodal).high == 0


def test_gap_closed_has_infinite_bounds_if_the_gap_may_be_zero(clustered):
    Y, P, groups = clustered
    noises = np.random.default_rng(0).normal(size=(3, *P.shape))
    joint, signal, multimodal = (
        patient_bootstrap(Y, P + noise, groups=groups, random_state=0) for noise in noises
    )
    share = gap_closed(joint, signal, multimodal)
    assert not share.bounded
    assert (share.low, share.high) == (-np.inf, np.inf)
    assert 0.025 < np.isnan(share.distribution).mean() < 1


def test_gap_closed_is_nan_without_a_gap(clustered):
    joint, signal, multimodal = arms(*clustered, 1.0, 0.0, 2.0)
    share = gap_closed(joint, signal, multimodal)
    assert np.isnan(share.estimate)
    assert not share.bounded


def test_percentile_interval_and_mean_leave_out_nan():
    values = np.array([[1.0, np.nan, 4.0], [2.0, np.nan, np.nan], [3.0, np.nan, 8.0]])
    low, high = percentile_interval(values, 0.5)
    np.testing.assert_array_equal(low, [1.5, np.nan, 5.0])
    np.testing.assert_array_equal(high, [2.5, np.nan, 7.0])
    np.testing.assert_array_equal(mean_over_labels(values), [2.5, 2.0, 5.5])
    np.testing.assert_array_equal(mean_over_labels(values[:, [1]]), [np.nan] * 3)
