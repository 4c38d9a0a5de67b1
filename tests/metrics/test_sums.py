"""Weighted sums by bin, and the scores computed from them."""

import numpy as np
import pytest

from ecgsk.metrics import masked_brier_score, masked_calibration_error
from ecgsk.metrics._sums import BinnedSums, SummedLabel


def test_total_sums_by_bin_and_weights_by_patient():
    values, bins, patients = (
        np.array([1.0, 2, 4, 8]),
        np.array([0, 2, 2, 0]),
        np.array([0, 0, 1, 1]),
    )
    sums = BinnedSums.from_values([values, -values], bins, 3, patients, 2)
    total = sums.total(np.array([[1.0, 0], [1, 2]]))
    np.testing.assert_array_equal(total[0], [[9, 16], [0, 0], [6, 8]])
    np.testing.assert_array_equal(total[1], -total[0])


@pytest.mark.parametrize(
    ("statistic", "masked"),
    [("brier", masked_brier_score), ("calibration_error", masked_calibration_error)],
)
def test_score_equals_the_masked_score_for_each_set_of_weights(statistic, masked):
    rng = np.random.default_rng(0)
    patients = rng.integers(20, size=90)
    p = rng.random(90).round(2)
    y = (rng.random(90) < p).astype(float)
    weights = rng.integers(3, size=(20, 5)).astype(float)
    scores = SummedLabel.from_scores(statistic, y, p, patients, 20).score(weights)
    expected = [masked(y, p, sample_weight=w[patients]) for w in weights.T]
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_score_is_nan_if_no_record_is_drawn():
    label = SummedLabel.from_scores("brier", np.ones(2), np.zeros(2), np.array([0, 0]), 2)
    np.testing.assert_array_equal(label.score(np.array([[1.0, 0], [1, 2]])), [1, np.nan])
