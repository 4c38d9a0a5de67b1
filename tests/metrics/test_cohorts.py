"""combine_cohorts: coverage and size by simulation, spread, and input checks."""

import numpy as np
import pytest

from ecgsk.exceptions import ECGError
from ecgsk.metrics import combine_cohorts, paired_difference
from ecgsk.metrics._result import BootstrapResult

N_COHORTS = 3


def result(estimate, error=0.004, resamples="same", rng=None):
    """Return a difference with a normal bootstrap distribution of this standard error."""
    normal = np.random.default_rng(0).normal(size=200) if rng is None else rng.normal(size=200)
    distribution = estimate + error * (normal - normal.mean()) / normal.std()
    low, high = np.quantile(distribution, [0.025, 0.975])
    one = np.array([estimate])
    return BootstrapResult(
        "difference of roc_auc", estimate, low, high, distribution, ("y",), one, one, one,
        distribution[:, None], 0.95, 500, resamples,
    )  # fmt: skip


def simulate(rng, truth, n_arms, base, arms, error=0.004):
    """Draw differences of arms from one baseline: training noise of both, and test noise."""
    shape = (n_arms, N_COHORTS)
    drawn = truth + np.broadcast_to(arms, n_arms)[:, None] * rng.normal(size=shape)
    drawn = drawn - base * rng.normal(size=N_COHORTS)
    test = rng.normal(size=shape) + rng.normal(size=N_COHORTS)
    drawn = drawn + error * test / np.sqrt(2)
    return {str(a): [[result(x, error)] for x in row] for a, row in enumerate(drawn)}


@pytest.mark.parametrize(
    ("n_arms", "base", "arms"),
    [
        (1, 0.005, 0.005),
        (12, 0.003, 0.003),
        (12, 0.008, 0.002),  # the baseline varies most, so that all differences move together
        (12, 0.003, np.repeat([0.002, 0.008], [8, 4])),  # trainings vary fourfold
    ],
)
def test_intervals_of_three_cohorts_hold_the_truth(n_arms, base, arms):
    rng = np.random.default_rng(0)
    held = []
    for _ in range(120):
        table = combine_cohorts(simulate(rng, 0.02, n_arms, base, arms))
        held.append((table["low"] <= 0.02) & (table["high"] >= 0.02))
    # Two standard errors of a share of .95 over 120 simulations are .04.
    assert np.mean(held, axis=0).min() > 0.91


def test_holm_bounds_the_chance_of_a_false_call():
    rng = np.random.default_rng(1)
    calls = [
        (combine_cohorts(simulate(rng, 0, 8, 0.004, 0.004))["p_adjusted"] < 0.05).any()
        for _ in range(120)
    ]
    assert np.mean(calls) < 0.05 + 0.04


def test_clear_difference_is_called_among_many():
    rng = np.random.default_rng(2)
    calls = []
    for _ in range(50):
        table = combine_cohorts(simulate(rng, np.r_[0.03, np.zeros(11)][:, None], 12, 0.003, 0.003))
        calls.append(table["p_adjusted"].iloc[0] < 0.05)
    assert np.mean(calls) > 0.8


def test_cohorts_that_agree_by_chance_do_not_make_the_interval_short():
    table = combine_cohorts({"a": [[result(0.01, error=0.006)]] * 3})
    assert table["sd_cohorts"].item() == 0
    half = (table["high"] - table["low"]).item() / 2
    assert half == pytest.approx(4.303 * 0.006 / np.sqrt(3), rel=1e-3)


def test_starts_are_averaged_and_their_spread_is_shown():
    starts = [[result(0.01), result(0.03)], [result(0.02), result(0.02)], [result(0.05)]]
    row = combine_cohorts({"a": starts}).loc["a"]
    assert row["estimate"] == pytest.approx(np.mean([0.02, 0.02, 0.05]))
    assert row["sd_starts"] == pytest.approx(np.sqrt(2 * 0.01**2 / 2))
    assert row["sd_cohorts"] == pytest.approx(np.std([0.02, 0.02, 0.05], ddof=1))
    assert np.isnan(combine_cohorts({"a": [[result(0.1)]] * 2})["sd_starts"].item())


def test_signs_say_which_cohorts_show_a_difference():
    cohorts = [[result(0.02)], [result(0.001)], [result(-0.02)]]
    assert combine_cohorts({"a": cohorts})["signs"].item() == "+.-"


def test_bootstraps_of_real_scores_are_taken():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(80), 2)
    cohorts = []
    for _ in range(2):
        y = rng.integers(2, size=160)
        P = [y + rng.normal(size=160) for _ in range(3)]
        of = {"groups": groups, "n_resamples": 50, "random_state": 0}
        cohorts.append(
            [paired_difference(y, P[0], P[1], **of), paired_difference(y, P[2], P[1], **of)]
        )
    assert np.isfinite(combine_cohorts({"a": cohorts})["p_value"].item())


@pytest.mark.parametrize(
    "differences",
    [
        {},
        {"a": [[result(0.1)]]},
        {"a": [[result(0.1)]] * 3, "b": [[result(0.1)]] * 2},
        {"a": [[result(0.1)], []]},
    ],
)
def test_fewer_than_two_or_unequal_cohorts_raise(differences):
    with pytest.raises(ECGError, match="expected comparisons of the same cohorts, two or more"):
        combine_cohorts(differences)


def test_starts_on_other_patients_raise():
    starts = [[result(0.1), result(0.1, resamples="other")], [result(0.1)]]
    with pytest.raises(ECGError, match="starts of a cohort on the same resampled patients"):
        combine_cohorts({"a": starts})
