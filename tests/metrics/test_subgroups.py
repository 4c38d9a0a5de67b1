"""Scores of subgroups and their differences from the other records."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.metrics import masked_roc_auc, patient_bootstrap, subgroup_scores


@pytest.fixture
def cohort():
    """Return Y, P, groups and by: two labels, and a model that is worse in men."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(300), 2)
    by = pd.DataFrame(
        {
            "sex": pd.Categorical(np.repeat(rng.choice(["F", "M"], 300), 2), ["M", "F", "X"]),
            "age": np.repeat(rng.integers(20, 90, 300), 2) + np.tile([0.0, 1.0], 300),
        }
    )
    Y = pd.DataFrame(rng.integers(2, size=(600, 2)).astype(float), columns=["AF", "MI"])
    P = Y + rng.normal(size=Y.shape) * np.where(by["sex"] == "M", 3, 1)[:, np.newaxis]
    return Y, P, groups, by


def test_rows_have_the_scores_of_their_records(cohort):
    Y, P, groups, by = cohort
    table = subgroup_scores(
        Y, P, by, groups=groups, edges={"age": [40, 65]}, n_resamples=200, random_state=0
    )
    assert table["level"].tolist() == ["M", "F", "<40", "40-<65", ">=65"]
    assert table["column"].tolist() == ["sex", "sex", "age", "age", "age"]
    assert table.groupby("column")["n_records"].sum().eq(600).all()
    assert table["n_patients"][:2].sum() == 300
    assert table["n_patients"][2:].sum() > 300  # some patients have records in two age groups
    for row, inside in zip(table[:3].itertuples(), masks(by), strict=True):
        assert row.score == pytest.approx(masked_roc_auc(Y[inside], P[inside]))
        rest = masked_roc_auc(Y[~inside], P[~inside])
        assert row.difference == pytest.approx(row.score - rest)
        assert row.low < row.score < row.high
        assert row.difference_low < row.difference < row.difference_high
    men, women = table.iloc[0], table.iloc[1]
    assert men["difference_high"] < 0 < women["difference_low"]
    assert men["difference_low"] == pytest.approx(-women["difference_high"])


def masks(by):
    return by["sex"] == "M", by["sex"] == "F", by["age"] < 40


def test_interval_of_whole_patients_is_as_wide_as_their_own_bootstrap(cohort):
    Y, P, groups, by = cohort
    women = by["sex"] == "F"
    row = subgroup_scores(Y, P, by["sex"], groups=groups, random_state=0).iloc[1]
    own = patient_bootstrap(Y[women], P[women], groups=groups[women], random_state=0)
    assert row["score"] == own.estimate
    assert row["high"] - row["low"] == pytest.approx(own.high - own.low, rel=0.15)


def test_missing_values_form_a_level_and_labels_may_lack_in_a_level(cohort):
    Y, P, groups, by = cohort
    by.loc[:99, "age"] = np.nan
    by["code"] = pd.array([1, 0] * 250 + [None] * 100, dtype="Int64")
    Y.loc[:99, "MI"] = 0.0
    Y.loc[500:, :] = np.nan
    settings = {"edges": {"age": [50]}, "n_resamples": 50, "random_state": 0}
    table = subgroup_scores(Y, P, by, groups=groups, **settings)
    table = table.set_index(["column", "level"])
    missing = table.loc[("age", "missing")]
    assert (missing["n_records"], missing["n_patients"], missing["n_labels"]) == (100, 50, 1)
    labelled = np.arange(600) < 100
    score, rest = (masked_roc_auc(Y.loc[m, "AF"], P.loc[m, "AF"]) for m in (labelled, ~labelled))
    assert missing["score"] == pytest.approx(score)
    assert missing["difference"] == pytest.approx(score - rest)  # of the label in both
    unlabelled = table.loc[("code", "missing")]
    assert unlabelled["n_labels"] == 0
    assert unlabelled[["score", "low", "high", "difference"]].isna().all()
    assert table.loc["code"].index.tolist() == ["0", "1", "missing"]


def test_difference_is_nan_without_other_records(cohort):
    Y, P, groups, _ = cohort
    site = pd.Series("here", index=Y.index, name="site")
    row = subgroup_scores(Y, P, site, groups=groups, n_resamples=20, random_state=0).iloc[0]
    assert row["score"] == masked_roc_auc(Y, P)
    assert np.isnan(row["difference"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, r"edges for the numeric column 'age' with \d+ distinct"),
        ({"edges": {"age": [65, 40]}}, "increasing edges"),
        ({"edges": {"age": []}}, "increasing edges"),
        ({"edges": {"sex": [1]}}, "for a numeric column"),
        ({"edges": {"height": [170]}}, r"\['sex', 'age'\]; got {'height'}"),
        ({"by": pd.Series(["F", "M"], name="sex")}, "600 rows; got 2"),
        ({"by": pd.Series("F", index=range(600, 0, -1))}, "Y's row index"),
        ({"statistic": "accuracy"}, "expected statistic"),
    ],
)
def test_malformed_input_raises_with_advice(cohort, change, message):
    keys = ("Y", "P", "groups", "by")
    with pytest.raises(ECGError, match=f"subgroup_scores .*{message}"):
        subgroup_scores(**(dict(zip(keys, cohort, strict=True)) | change))
