"""Labels and laboratory targets among the inputs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecgsk import check_table
from ecgsk.checks._labels import separations

N = 300


@pytest.fixture
def y():
    return pd.Series(np.random.default_rng(0).random(N) < 0.2).astype(float)


def kinds(values, y, **options):
    X = pd.DataFrame({"x": values, "age": np.random.default_rng(1).normal(60, 10, N)})
    return {(f.kind, f.severity, *f.columns) for f in check_table(X, y, **options).findings}


LEAK = {("label", "warning", "x")}
MADE_FROM_IT = {
    "equal": lambda y: y,
    "opposite": lambda y: 1 - y,
    "bool": lambda y: y == 1,
    "text": lambda y: y.map({0: "no", 1: "yes"}),
    "category": lambda y: y.map({0: "no", 1: "yes"}).astype("category"),
    "nullable": lambda y: y.astype("Int64"),
    "known to some": lambda y: y.where(np.arange(N) % 2 == 0),
    "noise": lambda y: y + np.random.default_rng(2).normal(0, 0.01, N),
    "probability": lambda y: np.where(y == 1, 0.6, 0.1) + np.arange(N) / 10_000,
    "one in 40 wrong": lambda y: y.where(np.arange(N) % 40 != 0, 1 - y),
    "much noise": lambda y: y + np.random.default_rng(2).normal(0, 0.25, N),
}


@pytest.mark.parametrize("make", MADE_FROM_IT.values(), ids=list(MADE_FROM_IT))
def test_column_made_from_the_label(make, y):
    assert kinds(make(y), y) == LEAK
    assert kinds(make(y), pd.DataFrame({"other": np.arange(N) % 2, "af": y})) == LEAK


LEVELS = ["sinus", "flutter", "fibrillation", "paced"]


@pytest.mark.parametrize("as_codes", [False, True])
def test_column_of_which_one_level_is_the_label(as_codes):
    levels = np.random.default_rng(0).permutation(np.arange(N) % 4)
    values = levels if as_codes else pd.Series(LEVELS)[levels].to_numpy()
    assert kinds(values, pd.DataFrame({"af": levels == 2}).astype(float)) == LEAK
    other = np.random.default_rng(1).permutation(levels) == 2
    assert kinds(values, pd.DataFrame({"af": other}).astype(float)) == set()


@pytest.mark.parametrize("n_positive", [6, 20, 40])
def test_many_levels_are_no_evidence_by_chance(n_positive):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        ward = pd.Series([f"ward {i}" for i in rng.integers(0, 40, N)])
        y = pd.Series(rng.permutation(np.arange(N) < n_positive)).astype(float)
        assert kinds(ward, y) == set()


PREDICTORS = {
    "strong": lambda y: y + np.random.default_rng(2).normal(0, 0.5, N),
    "unrelated": lambda y: np.random.default_rng(2).normal(size=N),
    "a risk factor": lambda y: (y + (np.random.default_rng(2).random(N) < 0.3)).clip(0, 1),
    "perfect in four patients": lambda y: np.where(y.cumsum() <= 4, y + np.arange(N) / N, np.nan),
    "empty": lambda y: y * np.nan,
}


@pytest.mark.parametrize("make", PREDICTORS.values(), ids=list(PREDICTORS))
def test_predictor_of_the_label(make, y):
    assert {found for found in kinds(make(y), y) if found[1] != "note"} == set()


def test_repeated_records_of_few_patients_are_no_evidence():
    patients = np.arange(N) // 60  # five patients
    y = (patients % 2).astype(float)
    weight = patients % 2 * 20 + patients * 0.5 + 60
    assert kinds(weight, y, groups=patients) == set()


def test_one_class_per_record(y):
    classes = y.map({0: "sinus", 1: "fibrillation"})
    assert kinds(y, classes) == LEAK
    assert kinds(y, classes.to_numpy()) == LEAK
    assert kinds(y, np.arange(N) % 3) == set()


def test_auroc_equals_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    scores = np.round(rng.normal(size=200), 1)  # with ties
    scores[::7] = np.nan
    Y = (rng.random((200, 70)) < 0.3).astype(np.float32)
    Y[rng.random(Y.shape) < 0.1] = np.nan
    Y[:, 5] = 1
    auroc, n_rarer = separations(scores, Y)
    for place in range(70):
        known = ~np.isnan(scores) & ~np.isnan(Y[:, place])
        y = Y[known, place]
        assert n_rarer[place] == min(y.sum(), len(y) - y.sum())
        if place != 5:
            expected = roc_auc_score(y, scores[known])
            assert auroc[place] == pytest.approx(max(expected, 1 - expected))
    assert auroc[5] == 0


def test_laboratory_target_under_another_name(clean):
    X = clean.X.drop(columns=["ecg", "potassium"]).assign(k=clean.labs["potassium"])
    (finding,) = check_table(X, labs=clean.labs).findings
    assert (finding.kind, finding.columns) == ("laboratory target", ("k",))
    # Under its own name it is what pre-training learns from.
    assert len(check_table(clean.X.drop(columns="ecg"), labs=clean.labs)) == 0
