"""Two models, label by label, with p-values corrected for the number of labels."""

import warnings
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
from ecgsk.metrics._validation import check_labels_and_scores

Correction = Literal["holm", "benjamini_hochberg"]


def compare_labels(
    Y: ArrayLike,
    P_a: ArrayLike,
    P_b: ArrayLike,
    groups: ArrayLike,
    *,
    statistic: Statistic = "roc_auc",
    correction: Correction = "holm",
    n_resamples: int = 2000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Compare two models on each label, on the same resampled patients.

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
    correction : {"holm", "benjamini_hochberg"}, default="holm"
        Holm's bound on the chance of any false finding (*Scand. J. Stat.* 6, 1979), or
        Benjamini and Hochberg's on the expected share of false findings among the findings
        (*J. R. Stat. Soc. B* 57, 1995).
    n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`.

    Returns
    -------
    DataFrame
        One row a label, in Y's order, with columns a, b (the scores), difference (a - b),
        low, high, p_value, p_adjusted, n_positive (records) and n_patients (with the label
        measured). A label without a score has NaN for all but the counts and takes no part in
        the correction. The interval is of one label, not corrected.

    Raises
    ------
    ECGError
        The input is malformed or no label has a score.

    Warns
    -----
    UserWarning
        There are too few resamples for any label to stay below ``1 - confidence_level`` after
        Holm's correction.

    Notes
    -----
    The two-sided p-value inverts the percentile interval: twice the smaller share of the
    resampled differences at or beyond 0, one added to count and total, so that it is never 0
    (Davison and Hinkley, *Bootstrap Methods*, 1997, section 4.2). It is
    ``2 / (n_resamples + 1)`` at least, and n_labels times that after Holm's correction.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import compare_labels
    >>> rng = np.random.default_rng(0)
    >>> groups = np.repeat(np.arange(100), 3)
    >>> Y = rng.integers(2, size=(300, 2))
    >>> noise = rng.normal(size=(300, 2))
    >>> table = compare_labels(Y, Y + noise, Y + [1, 3] * noise, groups, random_state=0)
    >>> table[["difference", "p_adjusted", "n_positive", "n_patients"]].round(3)
       difference  p_adjusted  n_positive  n_patients
    0       0.000       1.000         157         100
    1       0.162       0.002         165         100
    """
    import pandas as pd  # here alone: scoring arrays needs no pandas

    caller = "compare_labels"
    if correction not in ("holm", "benjamini_hochberg"):
        raise ECGError(
            f"{caller} expected correction 'holm' or 'benjamini_hochberg'; got {correction!r}."
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
    p_value = _p_values(difference.label_distribution)
    if correction == "holm":
        _warn_of_few_resamples(int((~np.isnan(p_value)).sum()), n_resamples, confidence_level)
    measured = ~np.isnan(a.Y)
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
            "n_patients": [len(np.unique(resamples.patients[seen])) for seen in measured.T],
        },
        index=list(a.names),
    )


def _p_values(distribution: np.ndarray) -> np.ndarray:
    """Two-sided p-value of each column against 0; NaN where no resample has a difference."""
    known = (~np.isnan(distribution)).sum(axis=0)
    beyond = np.minimum((distribution <= 0).sum(axis=0), (distribution >= 0).sum(axis=0))
    return np.where(known > 0, np.minimum(2 * (beyond + 1) / (known + 1), 1), np.nan)


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


def _warn_of_few_resamples(n_labels: int, n_resamples: int, confidence_level: float) -> None:
    needed = int(np.ceil(2 * n_labels / (1 - confidence_level)))
    if n_resamples < needed:
        warnings.warn(
            f"compare_labels: with {n_resamples} resamples no p-value of {n_labels} labels can "
            f"be below {1 - confidence_level:.3g} after Holm's correction. Pass "
            f"n_resamples={needed} or more, or correction='benjamini_hochberg'.",
            UserWarning,
            stacklevel=3,
        )
