"""Paired comparison of two models per label, with corrected p-values."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control

from ecgsk.exceptions import ECGError
from ecgsk.metrics._swaps import swap_test
from ecgsk.metrics.resampling import Resamples, Statistic, bootstrap_pair
from ecgsk.metrics.validation import check_labels_and_scores


def compare_labels(
    Y: ArrayLike,
    P_a: ArrayLike,
    P_b: ArrayLike,
    *,
    groups: ArrayLike,
    statistic: Statistic = "roc_auc",
    correction: str = "benjamini_hochberg",
    min_patients: int = 10,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Compare two models per label: bootstrap intervals and permutation p-values by patient.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P_a, P_b : array-like or DataFrame of the same shape
        Scores of the two models.
    groups : array-like of shape (n_samples,)
        Patient of each record.
    statistic : str or callable, default="roc_auc"
        As in :func:`patient_bootstrap`; a callable must return one value for each label.
    correction : {"benjamini_hochberg", "holm"}, default="benjamini_hochberg"
        Benjamini and Hochberg (*J. R. Stat. Soc. B* 57, 1995) control the false discovery
        rate and keep power with a thousand labels. Holm (*Scand. J. Stat.* 6, 1979) controls
        the chance of any false finding and suits a few labels chosen beforehand.
    min_patients : int, default=10
        Minimum number of positive and of negative patients of a tested label. A p-value of a
        rarer label could hardly be small, and it would raise the corrected p-values of others.
    n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`. The test draws `n_resamples` swaps.

    Returns
    -------
    DataFrame
        One row for each label, in Y's order, with columns a, b (the scores), difference
        (a - b), low, high, p_value, p_adjusted, n_positive (records) and n_patients (with the
        label measured). A label without a score has NaN except for the counts. The correction
        covers the labels that have a p-value. Intervals are not corrected.

    Raises
    ------
    ECGError
        If the input is malformed or no label has a score.

    Notes
    -----
    The p-value is that of a two-sided paired permutation test: the share of random swaps of
    whole patients between the models, including the original data, whose difference is at least
    as large. AUROC, average precision and F-max have no scale, so the test swaps ranks (Bandos,
    Rockette and Gur, *Stat. Med.* 24, 2005). Ranks count patients, not records. Calibration
    error uses bins over both models' scores.

    The level is exact if the two models' scores of a patient have the same joint distribution
    in either order; for ranks it is then nearly exact. Equal scores of models whose errors
    differ are a weaker null hypothesis, under which the level holds only with many patients of
    both classes, none of whom dominates. If one patient has a large share of a label's
    positives or negatives, p-values can be too small.

    If no other swap reaches the difference, the p-value is the normal tail with the standard
    deviation of the swaps, if that is smaller. The difference is nearly a sum of random signs,
    which has lighter tails (Hoeffding, *JASA* 58, 1963), so the normal tail is conservative if
    no patient dominates. Many labels therefore need no more swaps.

    The correction by Benjamini and Hochberg holds for p-values that are independent or
    positively dependent, that by Holm for any dependence.

    Percentile intervals are too narrow if a class has few patients. An interval may then
    exclude 0 while the p-value is not small: rely on the p-value.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import compare_labels
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(100), 3)
    >>> Y = rng.integers(2, size=(300, 2))
    >>> noise = rng.normal(size=(300, 2))
    >>> table = compare_labels(Y, Y + noise, Y + [1, 3] * noise, groups=groups, random_state=0)
    >>> table[["difference", "n_positive", "n_patients"]].round(3)
       difference  n_positive  n_patients
    0       0.000         157         100
    1       0.162         165         100
    >>> (table["p_adjusted"] < 0.001).tolist()
    [False, True]
    """
    import pandas as pd  # imported late: scoring arrays needs no pandas

    caller = "compare_labels"
    if correction not in ("benjamini_hochberg", "holm"):
        raise ECGError(
            f"{caller} expected correction 'benjamini_hochberg' or 'holm'; got {correction!r}."
        )
    a, b = check_labels_and_scores(caller, Y, P_a), check_labels_and_scores(caller, Y, P_b)
    resamples = Resamples.from_groups(
        caller, groups, Y, a.Y, n_resamples, confidence_level, random_state
    )
    first, second, difference = bootstrap_pair(caller, a, b, resamples, statistic)
    if len(difference.label_estimate) != len(a.names):
        raise ECGError(
            f"{caller} expected statistic to return one value for each of {len(a.names)} labels; "
            f"got {len(difference.label_estimate)}. Compare single numbers with paired_difference."
        )
    n_negative, n_positive, n_patients = (
        np.array([len(np.unique(resamples.patients[rows])) for rows in chosen.T])
        for chosen in (a.Y == 0, a.Y == 1, ~np.isnan(a.Y))
    )
    tested = ~np.isnan(difference.label_estimate)
    tested &= np.minimum(n_negative, n_positive) >= min_patients
    p_value = swap_test(a, b, resamples, statistic, tested)
    return pd.DataFrame(
        {
            "a": first.label_estimate,
            "b": second.label_estimate,
            "difference": difference.label_estimate,
            "low": difference.label_low,
            "high": difference.label_high,
            "p_value": p_value,
            "p_adjusted": _adjust(p_value, correction),
            "n_positive": np.nansum(a.Y, axis=0).astype(int),
            "n_patients": n_patients,
        },
        index=list(a.names),
    )


def _adjust(p_value: np.ndarray, correction: str) -> np.ndarray:
    """Correct the p-values that are not NaN for their number."""
    adjusted = np.full(len(p_value), np.nan)
    known = np.flatnonzero(~np.isnan(p_value))
    if correction == "benjamini_hochberg":
        adjusted[known] = false_discovery_control(p_value[known], method="bh")
    else:
        order = known[np.argsort(p_value[known], kind="stable")]
        scaled = p_value[order] * np.arange(len(order), 0, -1)
        adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted
