"""Differences of models trained in several cohorts: mean, interval and spread."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from ecgsk.exceptions import ECGError
from ecgsk.metrics._compare import _adjust
from ecgsk.metrics._result import BootstrapResult
from ecgsk.metrics.resampling import check_confidence_level

if TYPE_CHECKING:
    import pandas as pd

# Limit of the degrees of freedom that other comparisons may add, in those of one comparison. The
# arms share their baseline and perhaps a pre-training, so they say less than their number.
_MAX_POOLED = 2


def combine_cohorts(
    differences: Mapping[str, Sequence[Sequence[BootstrapResult]]],
    *,
    confidence_level: float = 0.95,
) -> "pd.DataFrame":
    """Summarise differences over cohorts and training starts by a random-effects t interval.

    Each difference is averaged over the starts of a cohort, then over cohorts with equal
    weights. The interval covers new patients, new training patients and new starts: it is about
    another cohort of the same population.

    .. versionadded:: 0.1

    Parameters
    ----------
    differences : mapping of name to sequence of sequence of BootstrapResult
        For each comparison one list per cohort, in the same order, with one
        :func:`paired_difference` per start. The starts of a cohort share their test patients
        and resamples. All comparisons have the same baseline.
    confidence_level : float, default=0.95
        Nominal coverage of the intervals, in (0, 1).

    Returns
    -------
    DataFrame
        One row for each comparison: estimate, low, high, p_value (two-sided), p_adjusted (Holm,
        over the comparisons), sd_cohorts (of the cohorts' means), sd_starts (within a cohort;
        NaN with one start each), se_patients (bootstrap standard error within a cohort), and
        signs: for each cohort ``+`` or ``-`` where its own patient interval excludes 0, else
        ``.``.

    Raises
    ------
    ECGError
        If there are no comparisons, fewer than two cohorts, unequal numbers of cohorts, or
        starts of a cohort with different resamples.

    Notes
    -----
    The standard error of a mean over k cohorts is the larger of two: that of this comparison's
    own k means (Hartung and Knapp, *Stat. Med.* 20, 2001), and that of the patient bootstrap
    plus a variance between trainings, which is pooled over the comparisons. The t distribution
    has k - 1 degrees of freedom for one comparison and up to 2 (k - 1) for several: with three
    cohorts a single comparison's own spread is too uncertain for a useful interval. The mean
    within-cohort variance bounds the interval from below, so cohorts that agree by chance do
    not make it short (Röver, Knapp and Friede, *BMC Med. Res. Methodol.* 15, 2015).

    Pooling assumes that trainings of the compared models vary alike. Simulated coverage was .95
    or more where they vary fourfold in standard deviation or share a pre-training, and .91 to
    .94 where the training of one model alone, or of the shared baseline alone, varies three
    times as much as the patients do.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import combine_cohorts, paired_difference
    >>> groups = np.arange(300)
    >>> cohorts = []
    >>> for seed in range(3):
    ...     rng = np.random.default_rng(seed)
    ...     y = rng.integers(2, size=300)
    ...     better, worse = y + rng.normal(size=300), y + 3 * rng.normal(size=300)
    ...     difference = paired_difference(y, better, worse, groups=groups, random_state=0)
    ...     cohorts.append([difference])
    >>> table = combine_cohorts({"better - worse": cohorts})
    >>> table["signs"].tolist(), bool(table["low"].iloc[0] > 0)
    (['+++'], True)
    """
    import pandas as pd  # imported late: scoring arrays needs no pandas

    check_confidence_level("combine_cohorts", confidence_level)
    n_cohorts = _count_cohorts(differences)
    means = np.array([[_mean(starts) for starts in of] for of in differences.values()])
    within = np.array([[_variance(starts) for starts in of] for of in differences.values()])
    between = means.var(axis=1, ddof=1)
    from_patients = within.mean(axis=1)
    training = max(0.0, float(np.mean(between - from_patients)))
    error = np.sqrt(np.maximum(between, from_patients + training) / n_cohorts)
    n = len(means)
    freedom = (n_cohorts - 1) * min(_MAX_POOLED, 4 * n / (n + 3))
    estimate = means.mean(axis=1)
    half = stats.t.ppf((1 + confidence_level) / 2, freedom) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = 2 * stats.t.sf(np.abs(estimate / error), freedom)
    return pd.DataFrame(
        {
            "estimate": estimate,
            "low": estimate - half,
            "high": estimate + half,
            "p_value": p_value,
            "p_adjusted": _adjust(p_value, "holm"),
            "sd_cohorts": np.sqrt(between),
            "sd_starts": [_spread_of_starts(of) for of in differences.values()],
            "se_patients": np.sqrt(from_patients),
            "signs": ["".join(map(_sign, of)) for of in differences.values()],
        },
        index=list(differences),
    )


def _count_cohorts(differences: Mapping[str, Sequence[Sequence[BootstrapResult]]]) -> int:
    """Return the number of cohorts, or raise ECGError where it is not one number of 2 or more."""
    numbers = {len(of) for of in differences.values()}
    if (
        len(numbers) != 1
        or min(numbers) < 2
        or any(not s for of in differences.values() for s in of)
    ):
        raise ECGError(
            "combine_cohorts expected comparisons of the same cohorts, two or more, each with a "
            f"difference for each start; got {sorted(numbers)} cohorts. For one cohort use the "
            "interval of paired_difference."
        )
    for of in differences.values():
        for starts in of:
            if len({result.resamples for result in starts}) > 1:
                raise ECGError(
                    "combine_cohorts expected the starts of a cohort on the same resampled "
                    "patients; got others. Score them with the same Y, groups, n_resamples and "
                    "an integer random_state."
                )
    return numbers.pop()


def _mean(starts: Sequence[BootstrapResult]) -> float:
    return float(np.mean([result.estimate for result in starts]))


def _distribution(starts: Sequence[BootstrapResult]) -> np.ndarray:
    """Return the mean over starts in each resample."""
    return np.mean([result.distribution for result in starts], axis=0)


def _variance(starts: Sequence[BootstrapResult]) -> float:
    """Return the variance of a cohort's mean over resampled test patients."""
    return float(np.nanvar(_distribution(starts)))


def _spread_of_starts(of_cohorts: Sequence[Sequence[BootstrapResult]]) -> float:
    """Return the standard deviation over starts within a cohort, pooled over the cohorts."""
    several = [[r.estimate for r in starts] for starts in of_cohorts if len(starts) > 1]
    if not several:
        return float("nan")
    freedom = sum(len(estimates) - 1 for estimates in several)
    squares = sum((len(e) - 1) * float(np.var(e, ddof=1)) for e in several)
    return float(np.sqrt(squares / freedom))


def _sign(starts: Sequence[BootstrapResult]) -> str:
    """Return the side of 0 of a cohort's own patient interval."""
    tail = (1 - starts[0].confidence_level) / 2
    low, high = np.nanquantile(_distribution(starts), [tail, 1 - tail])
    return "+" if low > 0 else "-" if high < 0 else "."
