"""Per-label comparison of two models: rows, p-values and their correction."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

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
    draws = difference.label_distribution[:, 0]
    expected = 2 * (1 + min((draws <= 0).sum(), (draws >= 0).sum())) / 301
    assert table.loc["a", "p_value"] == pytest.approx(expected)
    assert table.loc["b", "p_value"] == 2 / 301  # never 0
    assert table.loc["c", "p_value"] == 1  # the same scores


def test_corrections_over_the_labels_that_have_a_score(models):
    kw = {"n_resamples": 300, "random_state": 0}
    holm = compare_labels(*models, **kw)
    p = holm["p_value"].dropna().sort_values()
    expected = (p * [3, 2, 1]).clip(upper=1).cummax()
    pd.testing.assert_series_equal(
        holm["p_adjusted"].dropna().loc[p.index], expected, check_names=False
    )
    bh = compare_labels(*models, correction="benjamini_hochberg", **kw)
    expected = (p * 3 / [1, 2, 3])[::-1].cummin().clip(upper=1)[::-1]
    pd.testing.assert_series_equal(
        bh["p_adjusted"].dropna().loc[p.index], expected, check_names=False
    )
    assert (holm["p_adjusted"].dropna() >= bh["p_adjusted"].dropna()).all()


def test_p_values_of_equally_good_models_are_uniform():
    rng = np.random.default_rng(0)
    Y = rng.integers(2, size=(200, 100)).astype(float)
    p = compare_labels(
        Y,
        Y + rng.normal(size=Y.shape),
        Y + rng.normal(size=Y.shape),
        np.arange(200),
        n_resamples=300,
        correction="benjamini_hochberg",
        random_state=0,
    )
    assert kstest(p["p_value"], "uniform").pvalue > 0.01
    assert p["p_adjusted"].min() > 0.05


def test_any_statistic_that_has_a_value_a_label(models):
    Y, P_a, P_b, groups = models
    P_a, P_b = 1 / (1 + np.exp(-P_a)), 1 / (1 + np.exp(-P_b))
    kw = {"n_resamples": 200, "random_state": 0}
    named = compare_labels(Y, P_a, P_b, groups, statistic="brier", **kw)
    assert named.notna().all(axis=None)  # needs no second class

    def brier(Y, P, sample_weight):
        return masked_brier_score(Y, P, average=None, sample_weight=sample_weight)

    called = compare_labels(Y, P_a, P_b, groups, statistic=brier, **kw)
    pd.testing.assert_frame_equal(named, called, atol=1e-9)
    with pytest.raises(ECGError, match="one value for each of 4 labels; got 1"):
        compare_labels(Y, P_a, P_b, groups, statistic=masked_brier_score, n_resamples=2)


def test_too_few_resamples_for_holm_say_so(models):
    with pytest.warns(UserWarning, match="Pass n_resamples=120 or more"):
        compare_labels(*models, n_resamples=100, random_state=0)
    compare_labels(*models, n_resamples=100, correction="benjamini_hochberg", random_state=0)
    with pytest.raises(ECGError, match="'holm' or 'benjamini_hochberg'; got 'bonferroni'"):
        compare_labels(*models, correction="bonferroni")
