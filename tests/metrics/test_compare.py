"""Comparison of two models per label: scores, intervals and corrected p-values."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.metrics import compare_labels, masked_brier_score, masked_roc_auc, paired_difference

COLUMNS = ["a", "b", "difference", "low", "high", "p_value", "p_adjusted"]


@pytest.fixture
def models():
    """Return Y, P_a, P_b and groups: a partly measured label, and d with one class."""
    rng = np.random.default_rng(0)
    groups = np.arange(400) // 2
    Y = pd.DataFrame(rng.integers(2, size=(400, 4)).astype(float), columns=list("abcd"))
    noise = rng.normal(size=Y.shape)
    P_a, P_b = Y + noise, Y + noise * [1.3, 3, 1, 1]
    Y.loc[:99, "a"] = np.nan
    Y["d"] = 1.0
    return Y, P_a, P_b, groups


def test_each_row_is_the_paired_difference_of_its_label(models):
    Y, P_a, P_b, groups = models
    kw = {"groups": groups, "n_resamples": 300, "random_state": 0}
    table = compare_labels(Y, P_a, P_b, **kw)
    assert list(table.columns) == [*COLUMNS, "n_positive", "n_patients"]
    difference = paired_difference(Y, P_a, P_b, **kw)
    np.testing.assert_array_equal(
        table[["difference", "low", "high"]], difference.to_frame().iloc[:, :3]
    )
    np.testing.assert_array_equal(table["a"], masked_roc_auc(Y, P_a, average=None))
    np.testing.assert_array_equal(table["b"], masked_roc_auc(Y, P_b, average=None))
    assert table["n_patients"].tolist() == [150, 200, 200, 200]
    assert table["n_positive"].tolist() == Y.sum().astype(int).tolist()
    assert table.loc["d", COLUMNS].isna().all()
    assert table.loc["c", "p_value"] == 1  # the same scores


def test_p_adjusted_corrects_for_the_labels_with_a_p_value(models):
    *scored, groups = models
    kw = {"groups": groups, "n_resamples": 300, "random_state": 0}
    holm = compare_labels(*scored, correction="holm", **kw)
    p = holm["p_value"].dropna().sort_values()
    expected = (p * [3, 2, 1]).clip(upper=1).cummax()
    pd.testing.assert_series_equal(
        holm["p_adjusted"].dropna().loc[p.index], expected, check_names=False
    )
    bh = compare_labels(*scored, **kw)
    expected = (p * 3 / [1, 2, 3])[::-1].cummin().clip(upper=1)[::-1]
    pd.testing.assert_series_equal(
        bh["p_adjusted"].dropna().loc[p.index], expected, check_names=False
    )
    assert (holm["p_adjusted"].dropna() >= bh["p_adjusted"].dropna()).all()


def test_callable_statistic_returns_one_value_for_each_label(models):
    Y, P_a, P_b, groups = models
    P_a, P_b = 1 / (1 + np.exp(-P_a)), 1 / (1 + np.exp(-P_b))
    kw = {"n_resamples": 200, "random_state": 0, "min_patients": 0, "groups": groups}
    named = compare_labels(Y, P_a, P_b, statistic="brier", **kw)
    assert named.notna().all(axis=None)  # one class is enough

    def brier(Y, P, sample_weight):
        return masked_brier_score(Y, P, average=None, sample_weight=sample_weight)

    called = compare_labels(Y, P_a, P_b, statistic=brier, **kw)
    pd.testing.assert_frame_equal(named, called, atol=1e-9)
    with pytest.raises(ECGError, match="one value for each of 4 labels; got 1"):
        compare_labels(Y, P_a, P_b, statistic=masked_brier_score, **kw)


def test_unknown_correction_raises(models):
    *scored, groups = models
    with pytest.raises(ECGError, match="'benjamini_hochberg' or 'holm'; got 'bonferroni'"):
        compare_labels(*scored, groups=groups, correction="bonferroni")
