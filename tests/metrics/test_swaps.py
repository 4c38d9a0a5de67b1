"""Paired permutation test: p-values against all swaps, level and power."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, rankdata

from ecgsk.metrics import compare_labels, masked_brier_score, masked_roc_auc


def ranks_by_patient(scores, groups):
    """Rank scores if each record of a patient is copied until all patients have as many."""
    visits = np.bincount(groups)[groups]
    copies = np.repeat(np.arange(len(scores)), np.lcm.reduce(visits) // visits)
    ranks = np.empty(len(scores))
    ranks[copies] = rankdata(scores[copies])  # copies of a record share a rank
    return ranks


@pytest.mark.parametrize("statistic", ["roc_auc", "brier"])
def test_p_value_approximates_the_share_of_all_swaps(statistic):
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(6), 4)
    y = (groups < 3).astype(float)
    y[::7] = np.nan
    a, b = (np.clip(0.5 + 0.1 * y + spread * rng.normal(size=24), 0, 1) for spread in (0.1, 0.2))
    a, b = np.nan_to_num(a), np.nan_to_num(b)
    seen = ~np.isnan(y)
    if statistic == "roc_auc":
        a[seen], b[seen] = (ranks_by_patient(scores[seen], groups[seen]) for scores in (a, b))
    score = {"roc_auc": masked_roc_auc, "brier": masked_brier_score}[statistic]
    scale = max(a.max(), b.max())
    a, b = a / scale, b / scale
    differences = []
    for swapped in product([False, True], repeat=6):
        other = np.array(swapped)[groups]
        mine, others = np.where(other, b, a), np.where(other, a, b)
        differences.append(score(y, mine) - score(y, others))
    expected = np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12)
    kw = {"groups": groups, "min_patients": 1, "n_resamples": 4000, "random_state": 0}
    table = compare_labels(y, a, b, statistic=statistic, **kw)
    assert 0.05 < expected < 0.95
    assert table["p_value"].item() == pytest.approx(expected, abs=0.03)


def test_p_value_of_a_ranking_depends_on_the_order_of_scores_alone():
    rng = np.random.default_rng(0)
    Y = rng.integers(2, size=(400, 2)).astype(float)
    P_a, P_b = (Y + rng.normal(size=Y.shape) for _ in range(2))
    kw = {"groups": np.arange(400) // 2, "n_resamples": 200, "random_state": 0}
    table = compare_labels(Y, P_a, P_b, **kw)
    rescaled = compare_labels(Y, P_a, np.exp(P_b - 100), **kw)
    pd.testing.assert_frame_equal(rescaled, table)


def equally_good(n_positive, n_labels=200):
    """Return Y, scores of two equally good models with correlated errors, and groups."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(150), 2)
    shape = (150, n_labels)
    shared = rng.normal(size=shape)
    Y = np.broadcast_to(np.arange(150)[:, None] < n_positive, shape).astype(float)
    models = (Y + shared + rng.normal(size=shape) for _ in range(2))
    return Y[groups], *(P[groups] + 0.5 * rng.normal(size=(300, n_labels)) for P in models), groups


def test_p_values_of_equally_good_models_are_uniform():
    *scored, groups = equally_good(60, 100)
    table = compare_labels(*scored, groups=groups, n_resamples=200, random_state=0)
    assert kstest(table["p_value"], "uniform").pvalue > 0.01
    assert table["p_adjusted"].min() > 0.05


def test_p_values_keep_their_level_with_a_patient_of_fifty_records():
    """With ranks by record, .16 of these p-values are below .05."""
    rng = np.random.default_rng(0)
    visits = np.where(np.arange(40) == 0, 50, rng.integers(1, 7, 40))
    groups = np.repeat(np.arange(40), visits)
    shape = (40, 200)
    Y = np.broadcast_to(np.arange(40)[:, None] < 12, shape).astype(float)[groups]
    models = (
        Y + 0.9 * rng.normal(size=shape)[groups] + 0.3 * rng.normal(size=Y.shape) for _ in range(2)
    )
    table = compare_labels(Y, *models, groups=groups, n_resamples=100, random_state=0)
    assert (table["p_value"] <= 0.05).mean() < 0.08


def test_p_values_keep_their_level_with_few_positive_patients():
    """Too many of the percentile intervals exclude 0."""
    *scored, groups = equally_good(5)
    kw = {"groups": groups, "n_resamples": 200, "random_state": 0}
    table = compare_labels(*scored, min_patients=5, **kw)
    assert (table["p_value"] <= 0.05).mean() < 0.07
    assert ((table["low"] > 0) | (table["high"] < 0)).mean() > 0.08
    few = compare_labels(*(x[:, :3] for x in scored), **kw)
    assert few[["p_value", "p_adjusted"]].isna().all(axis=None)


def test_p_value_is_below_one_in_n_resamples_with_many_patients():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=400).astype(float)
    noise = rng.normal(size=400)
    groups = np.arange(400) // 2
    table = compare_labels(
        y, y + noise, y + 3 * noise, groups=groups, n_resamples=100, random_state=0
    )
    assert 0 < table["p_value"].item() < 1e-6
    y = np.arange(10) % 2
    few = compare_labels(y, y, 1 - y, groups=np.arange(10), min_patients=1, random_state=0)
    assert few["p_value"].item() >= 2 / 2**10  # all patients swapped, or none
