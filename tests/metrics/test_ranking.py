"""Rankings of many resamples at once against scikit-learn in a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgsk.metrics import patient_bootstrap
from ecgsk.metrics._ranking import RankedLabel

STATISTICS = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}


def sklearn_loop(statistic):
    """Return a statistic that calls scikit-learn for each label."""

    def score(Y, P, sample_weight):
        values = np.full(Y.shape[1], np.nan)
        for j in range(Y.shape[1]):
            seen = ~np.isnan(Y[:, j]) & (sample_weight > 0)
            if len(np.unique(Y[seen, j])) == 2:
                weight = sample_weight[seen]
                values[j] = statistic(Y[seen, j], P[seen, j], sample_weight=weight)
        return values

    return score


@st.composite
def clustered_problem(draw):
    """Return labels with NaN, scores with ties, and patients."""
    n, k = draw(st.integers(6, 40)), draw(st.integers(1, 3))
    Y = draw(hnp.arrays(np.float64, (n, k), elements=st.sampled_from([0.0, 1.0, np.nan])))
    Y[0], Y[1] = 0, 1
    scores = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(-5, 5))
    P = draw(hnp.arrays(np.float64, (n, k), elements=scores))
    groups = draw(hnp.arrays(np.int64, n, elements=st.integers(0, n)))
    groups[:2] = -1, -2
    return Y, P, groups


@pytest.mark.parametrize("statistic", STATISTICS)
@settings(max_examples=10, deadline=None)
@given(problem=clustered_problem(), seed=st.integers(0, 100))
def test_distribution_equals_scikit_learn_in_a_loop(statistic, problem, seed):
    Y, P, groups = problem
    kw = {"groups": groups, "n_resamples": 8, "random_state": seed}
    fast = patient_bootstrap(Y, P, statistic=statistic, **kw)
    slow = patient_bootstrap(Y, P, statistic=sklearn_loop(STATISTICS[statistic]), **kw)
    for name in ("label_distribution", "label_estimate", "label_low", "label_high"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name), atol=1e-9)
    np.testing.assert_allclose(fast.distribution, slow.distribution, atol=1e-9)
    np.testing.assert_allclose([fast.low, fast.high], [slow.low, slow.high], atol=1e-9)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_distribution_equals_scikit_learn_on_a_larger_cohort_with_ties(statistic):
    rng = np.random.default_rng(0)
    groups = rng.integers(400, size=2000)
    Y = (rng.random((2000, 3)) < [0.01, 0.2, 0.8]).astype(float)
    P = np.round(Y + rng.normal(size=Y.shape), 1)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    kw = {"groups": groups, "n_resamples": 70, "random_state": 3}
    fast = patient_bootstrap(Y, P, statistic=statistic, **kw)
    slow = patient_bootstrap(Y, P, statistic=sklearn_loop(STATISTICS[statistic]), **kw)
    np.testing.assert_allclose(fast.label_distribution, slow.label_distribution, atol=1e-12)


def test_score_is_nan_if_one_class_is_drawn():
    y, p = np.array([0.0, 1, 1]), np.array([0.1, 0.2, 0.3])
    counts = np.array([[1.0, 0], [1, 1], [1, 2]])
    for statistic in ("roc_auc", "average_precision", "f_max"):
        label = RankedLabel.from_scores(statistic, y, p, np.arange(3), 3)
        np.testing.assert_array_equal(label.score(counts), [1, np.nan])
