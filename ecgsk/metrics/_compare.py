"""Two models, label by label, with p-values corrected for the number of labels."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control

from ecgsk.exceptions import ECGError
from ecgsk.metrics._resamples import (
    Resamples,
    Statistic,
    bootstrap,
    check_defined,
    check_statistic,
)
from ecgsk.metrics._swaps import swap_test
from ecgsk.metrics._validation import check_labels_and_scores

Correction = Literal["benjamini_hochberg", "holm"]


def compare_labels(
    Y: ArrayLike,
    P_a: ArrayLike,
    P_b: ArrayLike,
    groups: ArrayLike,
    *,
    statistic: Statistic = "roc_auc",
    correction: Correction = "benjamini_hochberg",
    min_patients: int = 10,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Compare two models on each label: intervals by resampled, p-values by swapped patients.

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P_a, P_b : array-like or DataFrame of the same shape
        Scores of the two models.
    groups : array-like of shape (n_samples,)
        Patient of each record.
    statistic : str or callable, default="roc_auc"
        As in :func:`patient_bootstrap`; a callable must return one value a label.
    correction : {"benjamini_hochberg", "holm"}, default="benjamini_hochberg"
        Benjamini and Hochberg's bound on the expected share of false findings among the
        findings (*J. R. Stat. Soc. B* 57, 1995), which finds something among a thousand labels
        as among ten; or Holm's on the chance of any false finding (*Scand. J. Stat.* 6, 1979),
        for a few labels that are named beforehand.
    min_patients : int, default=10
        A label with fewer patients than these among its positives, or among its negatives, has
        no p-value: it could hardly be small, and would weigh on those of others.
    n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`; as many swaps as resamples.

    Returns
    -------
    DataFrame
        One row a label, in Y's order, with columns a, b (the scores), difference (a - b),
        low, high, p_value, p_adjusted, n_positive (records) and n_patients (with the label
        measured). A label without a score has NaN for all but the counts; one without a
        p-value takes no part in the correction. The interval is of one label, not corrected.

    Raises
    ------
    ECGError
        The input is malformed or no label has a score.

    Notes
    -----
    The two-sided p-value is that of a paired permutation test: were the models alike, a
    patient's two sets of scores could as well be swapped. It is the share of random swaps, the
    data as they are among them, whose difference is as large. For AUROC, average precision and
    F-max, which have no scale, the models' ranks are swapped (Bandos, Rockette and Gur, *Stat.
    Med.* 24, 2005); calibration error is binned over both models' scores. Where no other swap
    reaches the difference, the normal tail with the swaps' spread is taken if it is smaller:
    sums of random signs have lighter tails (Hoeffding, *JASA* 58, 1963), so that it errs on the
    safe side, and no number of labels asks for more swaps.

    With few patients of a class percentile intervals are too narrow, so that an interval may
    exclude 0 where the p-value is not small: rely on the p-value.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import compare_labels
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(100), 3)
    >>> Y = rng.integers(2, size=(300, 2))
    >>> noise = rng.normal(size=(300, 2))
    >>> table = compare_labels(Y, Y + noise, Y + [1, 3] * noise, groups, random_state=0)
    >>> table[["difference", "n_positive", "n_patients"]].round(3)
       difference  n_positive  n_patients
    0       0.000         157         100
    1       0.162         165         100
    >>> (table["p_adjusted"] < 0.001).tolist()
    [False, True]
    """
    import pandas as pd  # here alone: scoring arrays needs no pandas

    caller = "compare_labels"
    if correction not in ("benjamini_hochberg", "holm"):
        raise ECGError(
            f"{caller} expected correction 'benjamini_hochberg' or 'holm'; got {correction!r}."
        )
    a, b = check_labels_and_scores(caller, Y, P_a), check_labels_and_scores(caller, Y, P_b)
    resamples = Resamples.from_groups(
        caller, groups, Y, a.Y, n_resamples, confidence_level, random_state
    )
    for data in (a, b):
        check_statistic(caller, data, statistic)
    first, second = bootstrap(a, resamples, statistic), bootstrap(b, resamples, statistic)
    difference = first - second
    check_defined(caller, difference, statistic)
    if len(difference.label_estimate) != len(a.names):
        raise ECGError(
            f"{caller} expected statistic to return one value for each of {len(a.names)} labels; "
            f"got {len(difference.label_estimate)}. Compare single numbers by paired_difference."
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


def _adjust(p_value: np.ndarray, correction: Correction) -> np.ndarray:
    adjusted = np.full(len(p_value), np.nan)
    known = np.flatnonzero(~np.isnan(p_value))
    if correction == "benjamini_hochberg":
        adjusted[known] = false_discovery_control(p_value[known], method="bh")
    else:
        order = known[np.argsort(p_value[known], kind="stable")]
        scaled = p_value[order] * np.arange(len(order), 0, -1)
        adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted
