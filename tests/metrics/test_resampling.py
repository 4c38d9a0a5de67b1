"""Draws of the patient bootstrap, and named statistics of its resamples."""

import numpy as np
import pytest

from ecgsk.metrics import (
    masked_brier_score,
    masked_calibration_error,
    masked_f_max,
    patient_bootstrap,
)
from ecgsk.metrics.resampling import Resamples, patient_counts


@pytest.mark.parametrize(
    ("statistic", "masked"),
    [
        ("f_max", masked_f_max),
        ("brier", masked_brier_score),
        ("calibration_error", masked_calibration_error),
    ],
)
def test_named_statistics_equal_the_masked_scores_of_each_resample(statistic, masked):
    rng = np.random.default_rng(0)
    groups = rng.integers(60, size=200)
    P = np.round(rng.random((200, 4)), 2)
    Y = (rng.random(P.shape) < P).astype(float)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    Y[:, 2], Y[:, 3] = np.nan, 0  # rarely measured; a single class
    Y[:3, 2] = 0, 1, 1  # some resamples have no measured record, or positives alone

    def loop(Y, P, sample_weight):
        return masked(Y, P, average=None, sample_weight=sample_weight)

    kw = {"groups": groups, "n_resamples": 70, "random_state": 3}
    fast = patient_bootstrap(Y, P, statistic=statistic, **kw)
    slow = patient_bootstrap(Y, P, statistic=loop, **kw)
    np.testing.assert_allclose(fast.label_distribution, slow.label_distribution, atol=1e-9)
    np.testing.assert_allclose(fast.label_estimate, slow.label_estimate, atol=1e-9)
    assert np.isnan(fast.label_distribution[:, 2]).any()
    assert fast.n_labels_skipped == (statistic == "f_max")


def all_counts(*args):
    return np.concatenate([counts for _, counts in patient_counts(*args)], axis=1)


def test_patient_counts_ignore_the_block_size():
    counts = all_counts(7, 50, 3)
    assert counts.shape == (7, 50)
    assert (counts.sum(axis=0) == 7).all()
    for size in (1, 8, 50, 64):
        np.testing.assert_array_equal(all_counts(7, 50, 3, size), counts)
    blocks = [block for block, _ in patient_counts(7, 50, 3, 32)]
    assert blocks == [slice(0, 32), slice(32, 50)]


def test_patient_counts_are_successive_draws_of_the_seed():
    rng = np.random.RandomState(5)
    drawn = [np.bincount(rng.randint(9, size=9), minlength=9) for _ in range(40)]
    np.testing.assert_array_equal(all_counts(9, 40, 5).T, drawn)
    np.testing.assert_array_equal(all_counts(9, 40, np.random.RandomState(5)).T, drawn)


def test_records_of_a_subset_keep_the_resampled_patients():
    groups, labels = np.array(["b", "a", "b", "c"]), np.zeros((4, 1))
    resamples = Resamples.from_groups("test", groups, labels, labels, 10, 0.95, 0)
    part = resamples.of_records(np.array([True, False, False, True]))
    np.testing.assert_array_equal(part.patients, [1, 2])
    for (_, own), (_, all_) in zip(part.blocks(), resamples.blocks(), strict=True):
        np.testing.assert_array_equal(own, all_)
