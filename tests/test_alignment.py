"""Tables that are combined by position name the same rows and labels, or share none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from ecgsk import compare_arms
from ecgsk._alignment import check_label_order, check_row_order
from ecgsk.calibration import (
    ConformalSets,
    MultilabelCalibrator,
    ProbabilityCalibrator,
    choose_thresholds,
)
from ecgsk.exceptions import AlignmentError
from ecgsk.explain import LabEvidence, SimilarPatients
from ecgsk.metrics import masked_roc_auc, masked_roc_auc_scorer, patient_bootstrap
from ecgsk.model_selection import MultilabelGroupKFold, patient_split


def frame(index, n_columns=1):
    return pd.DataFrame({f"c{i}": 0.0 for i in range(n_columns)}, index=index)


@pytest.mark.parametrize(
    "other",
    [[2, 0, 1], [1, 2, 3], ["b", "c", "d"]],
    ids=["another order", "partly others", "strings of others"],
)
@pytest.mark.parametrize("kind", [pd.Index, pd.CategoricalIndex])
def test_row_order_refuses_rows_of_other_records(other, kind):
    names = ["a", "b", "c"] if isinstance(other[0], str) else [0, 1, 2]
    with pytest.raises(AlignmentError, match=r"expected y to have X's row index.*\.loc\[X.index\]"):
        check_row_order("fit", frame(kind(names)), y=frame(kind(other)))


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (frame([5, 3, 9]), frame(range(3))),
        (frame(range(3)), frame(["a", "b", "c"])),
        (frame([5, 3, 9]), frame([6, 4, 1])),
        (frame([1, 1, 2]), frame([1, 1, 2])),
        (np.zeros((3, 1)), frame([2, 1, 0])),
        (frame([2, 1, 0]), [0, 1, 0]),
        (frame([2, 1, 0]), None),
    ],
)
def test_row_order_accepts_positions_where_indexes_say_nothing(X, y):
    check_row_order("fit", X, y=y)


@given(st.lists(st.integers() | st.text(), min_size=2, max_size=20, unique=True), st.randoms())
def test_row_order_refuses_every_permutation_but_the_same(names, random):
    shuffled = random.sample(names, len(names))
    a, b = frame(pd.Index(names, dtype=object)), frame(pd.Index(shuffled, dtype=object))
    if names == shuffled:
        check_row_order("fit", a, y=b)
    else:
        with pytest.raises(AlignmentError):
            check_row_order("fit", a, y=b)


def test_row_order_refuses_a_multi_index_in_another_order():
    index = pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")])
    with pytest.raises(AlignmentError):
        check_row_order("fit", frame(index), y=frame(index[[1, 0, 2]]))


def test_row_order_refuses_a_default_index_where_rows_were_shuffled():
    X = frame(range(4)).sample(frac=1, random_state=0)
    with pytest.raises(AlignmentError):
        check_row_order("fit", X, y=pd.Series([0, 1, 0, 1]))


def test_label_order_refuses_fitted_labels_in_another_order():
    check_label_order("score", ["a", "b"], pd.DataFrame(columns=["a", "b"]))
    check_label_order("score", ["a", "b"], pd.DataFrame(columns=["0", "1"]))
    check_label_order("score", None, pd.DataFrame(columns=["b", "a"]))
    check_label_order("score", ["a", "b"], np.zeros((1, 2)))
    for columns in (["b", "a"], ["a", "c"], ["a"]):
        with pytest.raises(AlignmentError, match="labels in their order"):
            check_label_order("score", ["a", "b"], pd.DataFrame(columns=columns))


@pytest.fixture(scope="module")
def labelled():
    """Labels, probabilities and patients of 40 records by name, and the same rows reversed."""
    rng = np.random.default_rng(0)
    names = [f"r{i}" for i in range(40)]
    Y = pd.DataFrame(rng.integers(0, 2, (40, 2)), names, ["a", "b"]).astype(float)
    P = pd.DataFrame(rng.random((40, 2)), names, ["a", "b"])
    groups = pd.Series(np.repeat(np.arange(20), 2), names)
    return Y, P, groups, slice(None, None, -1)


ENTRANCES = {
    "choose_thresholds": lambda Y, P, g, r: choose_thresholds(Y[r], P, groups=g),
    "conformal": lambda Y, P, g, r: ConformalSets().fit(P, Y, g[r]),
    "probability": lambda Y, P, g, r: ProbabilityCalibrator().fit(P[r], Y, g),
    "calibrator": lambda Y, P, g, r: MultilabelCalibrator(None).fit(P, Y[r], groups=g),
    "calibrator of a model": lambda Y, P, g, r: MultilabelCalibrator(LogisticRegression()).fit(
        P, Y["a"][r], groups=g
    ),
    "kfold": lambda Y, P, g, r: next(MultilabelGroupKFold(2).split(P, Y[r], g)),
    "kfold groups": lambda Y, P, g, r: next(MultilabelGroupKFold(2).split(P, Y, g[r])),
    "kfold of arrays": lambda Y, P, g, r: next(MultilabelGroupKFold(2).split(P.values, Y, g[r])),
    "patient_split": lambda Y, P, g, r: patient_split(g[r], Y=Y),
    "metric": lambda Y, P, g, r: masked_roc_auc(Y[r], P),
    "metric weight": lambda Y, P, g, r: masked_roc_auc(Y, P, sample_weight=g[r]),
    "bootstrap": lambda Y, P, g, r: patient_bootstrap(Y, P, groups=g[r]),
    "evidence": lambda Y, P, g, r: LabEvidence().fit(P, Y, Y[r], g, weight=np.eye(2)),
    "similar patients": lambda Y, P, g, r: SimilarPatients().fit(P.values, g, Y[r]),
    "scorer": lambda Y, P, g, r: masked_roc_auc_scorer(
        LogisticRegression().fit(P, Y["a"]), P, Y["a"][r]
    ),
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_every_entrance_refuses_rows_in_another_order(entrance, labelled):
    with pytest.raises(AlignmentError, match="row index"):
        ENTRANCES[entrance](*labelled)


def test_cross_validation_refuses_labels_in_another_order(labelled):
    Y, P, groups, backwards = labelled
    model, cv = LogisticRegression(), MultilabelGroupKFold(2)
    with pytest.raises(AlignmentError):
        cross_val_score(model, P, Y["a"][backwards], groups=groups, cv=cv, error_score="raise")


@pytest.mark.parametrize("calibrator", [ProbabilityCalibrator(), ConformalSets()])
def test_calibrators_refuse_probabilities_in_another_order_of_labels(calibrator, labelled):
    Y, P, groups, _ = labelled
    use = getattr(calibrator.fit(P, Y, groups), "transform", None) or calibrator.predict_sets
    use(P)
    with pytest.raises(AlignmentError, match="columns of P"):
        use(P[["b", "a"]])


def test_estimators_refuse_tables_in_another_order(cohort, make_classifier, make_pretrainer):
    X, Y, weight = cohort.X, cohort.Y, pd.Series(1.0, cohort.X.index)
    backwards = slice(None, None, -1)
    for wrong in (
        lambda: make_classifier().fit(X, Y[backwards]),
        lambda: make_classifier().fit(X, Y, weight[backwards]),
        lambda: make_classifier().fit(X, Y, groups=cohort.groups[backwards]),
        lambda: make_pretrainer().fit(X, None, weight[backwards]),
        lambda: make_pretrainer().fit(X, groups=cohort.groups[backwards]),
        lambda: compare_arms(X, Y[backwards]),
        lambda: compare_arms(X, Y, cohort.labs[backwards]),
    ):
        with pytest.raises(AlignmentError, match="row index"):
            wrong()


def test_score_refuses_labels_in_another_order(cohort, make_classifier):
    X, Y = cohort.X, cohort.Y.loc[:, cohort.Y.nunique() == 2].fillna(0)
    model = make_classifier().fit(X, Y)
    assert model.score(X, Y) == model.score(X, Y.to_numpy())
    for score in (model.score, lambda X, Y: masked_roc_auc_scorer(model, X, Y)):
        with pytest.raises(AlignmentError, match="row index"):
            score(X, Y[::-1])
        with pytest.raises(AlignmentError, match="labels in their order"):
            score(X, Y[Y.columns[::-1]])
