"""AUROC, average precision and F-max: labels with one class, and scorers."""

import pickle

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.neural_network import MLPClassifier

from ecgsk.exceptions import ECGError
from ecgsk.metrics import (
    masked_average_precision,
    masked_average_precision_scorer,
    masked_f_max,
    masked_roc_auc,
    masked_roc_auc_scorer,
)


@pytest.mark.parametrize("masked", [masked_roc_auc, masked_average_precision, masked_f_max])
def test_labels_with_one_class_are_nan_and_left_out_of_the_macro_average(masked):
    Y = np.array([[0, 1, np.nan], [1, 1, np.nan], [1, np.nan, 0]])
    P = np.array([[0.3, 0.2, 0.1], [0.9, 0.5, 0.1], [0.2, 0.5, 0.1]])
    per_label = masked(Y, P, average=None)
    assert np.isnan(per_label).tolist() == [False, True, True]
    assert masked(Y, P) == per_label[0]
    with pytest.raises(ECGError, match="at least one label with both 0 and 1"):
        masked(Y[:, 1:], P[:, 1:])


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
def test_scorers_score_predict_proba(scorer, score, estimator, n_labels):
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
