"""Averages over labels of all masked scores against scikit-learn and plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from ecgsk.exceptions import ECGError
from ecgsk.metrics import (
    masked_average_precision,
    masked_brier_score,
    masked_calibration_error,
    masked_f_max,
    masked_roc_auc,
)


def per_label(score):
    """Extend a score of one label to several, averaged as in scikit-learn."""

    def averaged(Y, P, average="macro", sample_weight=None):
        Y, P = np.asarray(Y), np.asarray(P)
        if average == "micro":
            weight = None if sample_weight is None else np.repeat(sample_weight, Y.shape[1])
            return score(Y.ravel(), P.ravel(), sample_weight=weight)
        scores = [score(y, p, sample_weight=sample_weight) for y, p in zip(Y.T, P.T, strict=True)]
        return np.mean(scores) if average == "macro" else np.array(scores)

    return averaged


def f_max(y, p, sample_weight=None):
    """Return the largest F1 over all thresholds, in a loop."""
    w = np.ones(len(y)) if sample_weight is None else sample_weight
    predicted = [w * (p >= t) for t in np.unique(p)]
    return max(2 * (c @ y) / (c.sum() + w @ y) for c in predicted)


def calibration_error(y, p, sample_weight=None):
    """Sum over bins with scikit-learn's edges, in a loop."""
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    edges = np.quantile(p, np.linspace(0, 1, 11))
    bins = np.searchsorted(edges[1:-1], p)
    total = 0.0
    for b in np.unique(bins):
        w = weight * (bins == b)
        total += w.sum() * abs(np.average(y, weights=w) - np.average(p, weights=w))
    return total / weight.sum()


PAIRS = [
    (masked_roc_auc, roc_auc_score),
    (masked_average_precision, average_precision_score),
    (masked_f_max, per_label(f_max)),
    (masked_brier_score, per_label(brier_score_loss)),
    (masked_calibration_error, per_label(calibration_error)),
]


@st.composite
def tied_problem(draw):
    """Return labels with both classes, scores with many ties, and weights."""
    n, k = draw(st.integers(4, 40)), draw(st.integers(1, 4))
    Y = draw(hnp.arrays(np.int64, (n, k), elements=st.integers(0, 1)))
    Y[0], Y[1] = 0, 1
    P = draw(hnp.arrays(np.float64, (n, k), elements=st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0])))
    weight = draw(hnp.arrays(np.float64, n, elements=st.floats(0.1, 10)))
    return Y, P, weight


@pytest.mark.parametrize(("masked", "reference"), PAIRS)
@settings(max_examples=10, deadline=None)
@given(problem=tied_problem())
def test_scores_equal_scikit_learn_on_complete_data(masked, reference, problem):
    Y, P, weight = problem
    for average in ("macro", "micro", None):
        expected = reference(Y, P, average=average, sample_weight=weight)
        np.testing.assert_allclose(masked(Y, P, average, weight), expected, atol=1e-12)
        np.testing.assert_allclose(
            masked(Y, P, average), reference(Y, P, average=average), atol=1e-12
        )


@pytest.mark.parametrize(("masked", "reference"), PAIRS)
@settings(max_examples=10, deadline=None)
@given(problem=tied_problem(), data=st.data())
def test_scores_ignore_unmeasured_records(masked, reference, problem, data):
    Y, P, _ = problem
    Y = Y.astype(float)
    hidden = data.draw(hnp.arrays(bool, (len(Y) - 2, Y.shape[1])))
    Y[2:][hidden] = np.nan
    for j, score in enumerate(masked(Y, P, average=None)):
        measured = ~np.isnan(Y[:, j])
        expected = reference(Y[measured, j : j + 1], P[measured, j : j + 1])
        assert score == pytest.approx(expected, abs=1e-12)
    measured = ~np.isnan(Y)
    expected = reference(Y[measured].reshape(-1, 1), P[measured].reshape(-1, 1))
    assert masked(Y, P, average="micro") == pytest.approx(expected, abs=1e-12)


def test_zero_weights_that_leave_one_class_raise():
    with pytest.raises(ECGError, match="both 0 and 1"):
        masked_roc_auc([0, 1], [0.1, 0.2], sample_weight=[1, 0])


@pytest.mark.parametrize("weight", [[1.0], [1.0, -1.0], [1.0, np.nan]])
def test_malformed_weights_raise(weight):
    with pytest.raises(ECGError, match="sample_weight"):
        masked_roc_auc([0, 1], [0.1, 0.2], sample_weight=weight)


def test_unknown_average_raises():
    with pytest.raises(ECGError, match="'macro', 'micro' or None; got 'weighted'"):
        masked_roc_auc([0, 1], [0.1, 0.2], average="weighted")
