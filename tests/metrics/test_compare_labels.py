"""Per-label comparison of two models: rows, p-values and their correction."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, rankdata

from ecgsk.exceptions import ECGError
from ecgsk.metrics import compare_labels, masked_brier_score, masked_roc_auc, paired_difference

COLUMNS = ["a", "b", "difference", "low", "high", "p_value", "p_adjusted"]


@pytest.fixture
def models():
    rng = np.random.default_rng(0)
    groups = np.arange(400) // 2
    Y = pd.DataFrame(rng.integers(2, size=(400, 4)).astype(float), columns=list("abcd"))
    noise = rng.normal(size=Y.shape)
    P_a, P_b = Y + noise, Y + noise * [1.3, 3, 1, 1]
    Y.loc[:99, "a"] = np.nan
    Y["d"] = 1.0
    return Y, P_a, P_b, groups


def test_a_row_is_the_paired_difference_of_its_label(models):
    Y, P_a, P_b, _ = models
    kw = {"n_resamples": 300, "random_state": 0}
    table = compare_labels(*models, **kw)
    assert list(table.columns) == [*COLUMNS, "n_positive", "n_patients"]
    difference = paired_difference(*models, **kw)
    np.testing.assert_array_equal(
        table[["difference", "low", "high"]], difference.to_frame().iloc[:, :3]
    )
    np.testing.assert_array_equal(table["a"], masked_roc_auc(Y, P_a, average=None))
    np.testing.assert_array_equal(table["b"], masked_roc_auc(Y, P_b, average=None))
    assert table["n_patients"].tolist() == [150, 200, 200, 200]
    assert table["n_positive"].tolist() == Y.sum().astype(int).tolist()
    assert table.loc["d", COLUMNS].isna().all()
    assert table.loc["c", "p_value"] == 1  # the same scores


@pytest.mark.parametrize("statistic", ["roc_auc", "brier"])
def test_p_value_is_the_share_of_all_swaps(statistic):
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(6), 4)
    y = (groups < 3).astype(float)
    y[::7] = np.nan
    a, b = (np.clip(0.5 + 0.1 * y + spread * rng.normal(size=24), 0, 1) for spread in (0.1, 0.2))
    a, b = np.nan_to_num(a), np.nan_to_num(b)
    seen = ~np.isnan(y)
    if statistic == "roc_auc":
        a[seen], b[seen] = rankdata(a[seen]), rankdata(b[seen])
    score = {"roc_auc": masked_roc_auc, "brier": masked_brier_score}[statistic]
    scale = max(a.max(), b.max())
    a, b = a / scale, b / scale
    differences = []
    for swapped in product([False, True], repeat=6):
        other = np.array(swapped)[groups]
        mine, others = np.where(other, b, a), np.where(other, a, b)
        differences.append(score(y, mine) - score(y, others))
    expected = np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12)
    table = compare_labels(
        y, a, b, groups, statistic=statistic, min_patients=1, n_resamples=4000, random_state=0
    )
    assert 0.05 < expected < 0.95
    assert table["p_value"].item() == pytest.approx(expected, abs=0.03)


def test_only_the_order_of_scores_matters_to_a_ranking(models):
    Y, P_a, P_b, groups = models
    kw = {"n_resamples": 200, "random_state": 0}
    table = compare_labels(Y, P_a, P_b, groups, **kw)
    rescaled = compare_labels(Y, P_a, np.exp(P_b - 100), groups, **kw)
    pd.testing.assert_frame_equal(rescaled, table)


def test_p_values_go_below_one_in_n_resamples_where_patients_are_many(models):
    table = compare_labels(*models, n_resamples=100, random_state=0)
    assert 0 < table.loc["b", "p_value"] < 1e-6
    y = np.arange(10) % 2
    few = compare_labels(y, y, 1 - y, np.arange(10), min_patients=1, random_state=0)
    assert few["p_value"].item() >= 2 / 2**10  # all swapped, or none


def test_corrections_over_the_labels_that_have_a_score(models):
    kw = {"n_resamples": 300, "random_state": 0}
    holm = compare_labels(*models, correction="holm", **kw)
    p = holm["p_value"].dropna().sort_values()
    expected = (p * [3, 2, 1]).clip(upper=1).cummax()
    pd.testing.assert_series_equal(
        holm["p_adjusted"].dropna().loc[p.index], expected, check_names=False
    )
    bh = compare_labels(*models, **kw)
    expected = (p * 3 / [1, 2, 3])[::-1].cummin().clip(upper=1)[::-1]
    pd.testing.assert_series_equal(
        bh["p_adjusted"].dropna().loc[p.index], expected, check_names=False
    )
    assert (holm["p_adjusted"].dropna() >= bh["p_adjusted"].dropna()).all()


def equally_good(n_positive, n_labels=200):
    """Two models whose errors are alike within a patient and between the models."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(150), 2)
    shape = (150, n_labels)
    shared = rng.normal(size=shape)
    Y = np.broadcast_to(np.arange(150)[:, None] < n_positive, shape).astype(float)
    models = (Y + shared + rng.normal(size=shape) for _ in range(2))
    return Y[groups], *(P[groups] + 0.5 * rng.normal(size=(300, n_labels)) for P in models), groups


def test_p_values_of_equally_good_models_are_uniform():
    table = compare_labels(*equally_good(60, 100), n_resamples=200, random_state=0)
    assert kstest(table["p_value"], "uniform").pvalue > 0.01
    assert table["p_adjusted"].min() > 0.05


def test_few_positive_patients_give_no_more_false_findings():
    """Of the percentile intervals, on the other hand, too many exclude 0."""
    kw = {"n_resamples": 200, "random_state": 0}
    table = compare_labels(*equally_good(5), min_patients=5, **kw)
    assert (table["p_value"] <= 0.05).mean() < 0.07
    assert ((table["low"] > 0) | (table["high"] < 0)).mean() > 0.08
    assert (
        compare_labels(*equally_good(5, 3), **kw)[["p_value", "p_adjusted"]].isna().all(axis=None)
    )


def test_any_statistic_that_has_a_value_a_label(models):
    Y, P_a, P_b, groups = models
    P_a, P_b = 1 / (1 + np.exp(-P_a)), 1 / (1 + np.exp(-P_b))
    kw = {"n_resamples": 200, "random_state": 0, "min_patients": 0}
    named = compare_labels(Y, P_a, P_b, groups, statistic="brier", **kw)
    assert named.notna().all(axis=None)  # needs no second class

    def brier(Y, P, sample_weight):
        return masked_brier_score(Y, P, average=None, sample_weight=sample_weight)

    called = compare_labels(Y, P_a, P_b, groups, statistic=brier, **kw)
    pd.testing.assert_frame_equal(named, called, atol=1e-9)
    with pytest.raises(ECGError, match="one value for each of 4 labels; got 1"):
        compare_labels(Y, P_a, P_b, groups, statistic=masked_brier_score, n_resamples=2)


def test_an_unknown_correction(models):
    with pytest.raises(ECGError, match="'benjamini_hochberg' or 'holm'; got 'bonferroni'"):
        compare_labels(*models, correction="bonferroni")
