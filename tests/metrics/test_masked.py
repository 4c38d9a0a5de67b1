"""Masked AUROC and average precision against scikit-learn."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from ecgsk.exceptions import ECGError
from ecgsk.metrics import (
    masked_average_precision,
    masked_average_precision_scorer,
    masked_brier_score,
    masked_calibration_error,
    masked_f_max,
    masked_roc_auc,
    masked_roc_auc_scorer,
)


def per_label(score):
    """Make a score of one label one of several, averaged as scikit-learn does."""

    def averaged(Y, P, average="macro", sample_weight=None):
        Y, P = np.asarray(Y), np.asarray(P)
        if average == "micro":
            weight = None if sample_weight is None else np.repeat(sample_weight, Y.shape[1])
            return score(Y.ravel(), P.ravel(), sample_weight=weight)
        scores = [score(y, p, sample_weight=sample_weight) for y, p in zip(Y.T, P.T, strict=True)]
        return np.mean(scores) if average == "macro" else np.array(scores)

    return averaged


def f_max(y, p, sample_weight=None):
    """F1 at every threshold, one by one."""
    w = np.ones(len(y)) if sample_weight is None else sample_weight
    called = [w * (p >= t) for t in np.unique(p)]
    return max(2 * (c @ y) / (c.sum() + w @ y) for c in called)


def calibration_error(y, p, sample_weight=None):
    """The textbook sum over bins, with scikit-learn's edges."""
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    edges = np.quantile(p, np.linspace(0, 1, 11))
    bins = np.searchsorted(edges[1:-1], p)
    total = 0.0
    for b in np.unique(bins):
        w = weight * (bins == b)
        total += w.sum() * abs(np.average(y, weights=w) - np.average(p, weights=w))
    return total / weight.sum()


RANKING = [
    (masked_roc_auc, roc_auc_score),
    (masked_average_precision, average_precision_score),
    (masked_f_max, per_label(f_max)),
]
PAIRS = [
    *RANKING,
    (masked_brier_score, per_label(brier_score_loss)),
    (masked_calibration_error, per_label(calibration_error)),
]


@st.composite
def tied_problem(draw):
    """Few distinct scores, so that ties abound; every label has both classes."""
    n, k = draw(st.integers(4, 40)), draw(st.integers(1, 4))
    Y = draw(hnp.arrays(np.int64, (n, k), elements=st.integers(0, 1)))
    Y[0], Y[1] = 0, 1
    P = draw(hnp.arrays(np.float64, (n, k), elements=st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0])))
    weight = draw(hnp.arrays(np.float64, n, elements=st.floats(0.1, 10)))
    return Y, P, weight


@pytest.mark.parametrize(("masked", "reference"), PAIRS)
@settings(max_examples=10, deadline=None)
@given(problem=tied_problem())
def test_equals_sklearn_on_complete_data(masked, reference, problem):
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
def test_unmeasured_records_change_nothing(masked, reference, problem, data):
    Y, P, _ = problem
    Y = Y.astype(float)
    hidden = data.draw(hnp.arrays(bool, (len(Y) - 2, Y.shape[1])))
    Y[2:][hidden] = np.nan
    for j, score in enumerate(masked(Y, P, average=None)):
        seen = ~np.isnan(Y[:, j])
        expected = reference(Y[seen, j : j + 1], P[seen, j : j + 1])
        assert score == pytest.approx(expected, abs=1e-12)
    seen = ~np.isnan(Y)
    expected = reference(Y[seen].reshape(-1, 1), P[seen].reshape(-1, 1))
    assert masked(Y, P, average="micro") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("masked", [masked for masked, _ in RANKING])
def test_single_class_labels_are_nan_and_leave_the_macro(masked):
    Y = np.array([[0, 1, np.nan], [1, 1, np.nan], [1, np.nan, 0]])
    P = np.array([[0.3, 0.2, 0.1], [0.9, 0.5, 0.1], [0.2, 0.5, 0.1]])
    per_label = masked(Y, P, average=None)
    assert np.isnan(per_label).tolist() == [False, True, True]
    assert masked(Y, P) == per_label[0]
    with pytest.raises(ECGError, match="at least one label with both 0 and 1"):
        masked(Y[:, 1:], P[:, 1:])


@pytest.mark.parametrize("masked", [masked_brier_score, masked_calibration_error])
def test_probabilities_need_no_second_class_but_a_record(masked):
    Y = np.array([[0, np.nan], [0, np.nan]])
    P = np.array([[0.5, 0.1], [0.5, 0.2]])
    assert np.isnan(masked(Y, P, average=None)).tolist() == [False, True]
    assert masked(Y, P) == masked(Y, P, average="micro") in (0.25, 0.5)
    with pytest.raises(ECGError, match="at least one label with measured records"):
        masked(Y[:, 1], P[:, 1])
    with pytest.raises(ECGError, match=r"probabilities in \[0, 1\] in P; got -1 to 2"):
        masked([0, 1], [-1, 2])


def test_calibration_error_bins():
    p = np.array([0.0, 0.01, 0.02, 0.03, 1.0])
    y = np.array([0, 1, 0, 0, 1])
    gaps = [abs(0.0 + 0.01 + 0.02 - 1), abs(0.03 + 1 - 1)]
    assert masked_calibration_error(y, p, n_bins=2) == pytest.approx(sum(gaps) / 5)
    gaps = [abs(0.06 - 1), 0]
    uniform = masked_calibration_error(y, p, n_bins=2, strategy="uniform")
    assert uniform == pytest.approx(sum(gaps) / 5)
    for wrong in ({"n_bins": 0}, {"strategy": "kmeans"}):
        with pytest.raises(ECGError, match="n_bins >= 1 and strategy"):
            masked_calibration_error(y, p, **wrong)


def test_zero_weights_can_leave_a_single_class():
    with pytest.raises(ECGError, match="both 0 and 1"):
        masked_roc_auc([0, 1], [0.1, 0.2], sample_weight=[1, 0])


def test_frames_series_and_nullable_columns():
    Y = pd.DataFrame({"AF": [0, 1, 1], "MI": [1, 0, None]}, index=[7, 8, 9]).astype("Int64")
    P = pd.DataFrame({"AF": [0.1, 0.8, 0.9], "MI": [0.6, 0.5, 0.1]}, index=[7, 8, 9])
    assert masked_roc_auc(Y, P) == masked_roc_auc(Y, P.to_numpy()) == 1
    assert masked_roc_auc(Y["AF"].astype(float), P["AF"]) == 1


@pytest.mark.parametrize(
    ("Y", "P", "message"),
    [
        ([[0], [1]], [[0.1, 0.2], [0.3, 0.4]], r"one shape .* Y \(2, 1\) and P \(2, 2\)"),
        ([0, 1, 2], [0.1, 0.2, 0.3], "0, 1 or NaN .* got 2"),
        ([0, 1, np.inf], [0.1, 0.2, 0.3], "got inf"),
        ([0, 1], [0.1, np.inf], "0 NaN and 1 infinite"),
        ([0, 1], [0.1, np.nan], "1 NaN and 0 infinite"),
        ([0, 1], np.zeros((2, 2, 2)), r"shape \(n_samples, n_labels\); got \(2, 2, 2\)"),
        (["no", "yes"], [0.1, 0.2], "expected numbers in Y"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "at least one record"),
        (pd.DataFrame({"a": [0, 1]}), pd.DataFrame({"b": [0, 1]}), r"Pass P\[Y.columns\]"),
        (pd.DataFrame({"a": [0, 1]}), pd.DataFrame({"a": [0, 1]}, [1, 0]), "Y's row index"),
    ],
)
@pytest.mark.parametrize("masked", [masked for masked, _ in PAIRS])
def test_bad_input_says_what_to_do(masked, Y, P, message):
    with pytest.raises(ECGError, match=f"{masked.__name__} .*{message}"):
        masked(Y, P)


@pytest.mark.parametrize("weight", [[1.0], [1.0, -1.0], [1.0, np.nan]])
def test_bad_weights(weight):
    with pytest.raises(ECGError, match="sample_weight"):
        masked_roc_auc([0, 1], [0.1, 0.2], sample_weight=weight)


def test_unknown_average():
    with pytest.raises(ECGError, match="'macro', 'micro' or None; got 'weighted'"):
        masked_roc_auc([0, 1], [0.1, 0.2], average="weighted")


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize(
    "estimator", [MLPClassifier(tol=1.0), RandomForestClassifier(n_estimators=5)]
)
@pytest.mark.parametrize(
    ("scorer", "score"),
    [
        (masked_roc_auc_scorer, masked_roc_auc),
        (masked_average_precision_scorer, masked_average_precision),
    ],
)
def test_scorers_read_predict_proba(scorer, score, estimator, n_labels):
    X = np.random.default_rng(0).normal(size=(60, 3))
    Y = (X[:, :n_labels] > 0).astype(float)
    model = estimator.set_params(random_state=0).fit(X, Y)
    P = model.predict_proba(X)
    P = np.column_stack([p[:, 1] for p in P]) if isinstance(P, list) else P
    Y[:20, 0] = np.nan
    assert scorer(model, X, Y) == score(Y, P)


def test_scorers_work_in_cross_validation_and_binary_problems():
    X = np.random.default_rng(0).normal(size=(80, 3))
    y = (X[:, 0] > 0).astype(int)
    scores = cross_val_score(LogisticRegression(), X, y, cv=3, scoring=masked_roc_auc_scorer)
    assert scores == pytest.approx(
        cross_val_score(LogisticRegression(), X, y, cv=3, scoring="roc_auc")
    )
    scoring = {"auroc": masked_roc_auc_scorer, "auprc": masked_average_precision_scorer}
    search = GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1]}, cv=KFold(3), scoring=scoring, refit="auroc"
    )
    assert search.fit(X, y).best_score_ > 0.9


def test_scorers_pickle_and_print_as_their_names():
    assert pickle.loads(pickle.dumps(masked_roc_auc_scorer)) is masked_roc_auc_scorer
    assert repr(masked_average_precision_scorer) == "masked_average_precision_scorer"
