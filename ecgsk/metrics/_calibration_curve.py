"""Calibration curve: predicted against observed frequency."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError
from ecgsk.metrics._average import check_probabilities
from ecgsk.metrics._probability import N_BINS, Strategy, bin_scores, check_bins
from ecgsk.metrics.resampling import Resamples, score_bins
from ecgsk.metrics.validation import check_labels_and_scores


def calibration_curve(
    Y: ArrayLike,
    P: ArrayLike,
    *,
    n_bins: int = N_BINS,
    strategy: Strategy = "quantile",
    groups: ArrayLike | None = None,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Mean prediction and observed frequency by bins of the prediction, per label.

    Equal to :func:`sklearn.calibration.calibration_curve` where nothing is missing.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Probabilities in [0, 1].
    n_bins : int, default=10
        Number of bins.
    strategy : {"quantile", "uniform"}, default="quantile"
        Bins with equal numbers of measured records (equal scores share a bin), or of equal
        width.
    groups : array-like of shape (n_samples,), optional
        Patient of each record. Adds intervals of the observed frequency, with fixed bins.
    n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`; used with `groups`.

    Returns
    -------
    DataFrame
        One row for each label and non-empty bin, with columns label, bin, predicted,
        observed, n (records), low, high. The bounds are the patient-bootstrap interval of
        observed, NaN without `groups`.

    Raises
    ------
    ECGError
        If the input is malformed or a score is outside [0, 1].

    Examples
    --------
    >>> from ecgsk.metrics import calibration_curve
    >>> calibration_curve([0, 0, 1, 0, 1, 1], [.1, .2, .3, .7, .8, .9], n_bins=2).round(3)
      label  bin  predicted  observed  n  low  high
    0     0    0        0.2     0.333  3  NaN   NaN
    1     0    1        0.8     0.667  3  NaN   NaN
    """
    import pandas as pd  # imported late: scoring arrays needs no pandas

    caller = "calibration_curve"
    data = check_labels_and_scores(caller, Y, P)
    check_probabilities(caller, data.P)
    check_bins(caller, n_bins, strategy)
    resamples = None
    if groups is not None:
        resamples = Resamples.from_groups(
            caller, groups, Y, data.Y, n_resamples, confidence_level, random_state
        )
    frames = []
    for name, y, p in zip(data.names, data.Y.T, data.P.T, strict=True):
        measured = ~np.isnan(y)
        if not measured.any():
            continue
        y, p = y[measured], p[measured]
        bins = bin_scores(p, n_bins, strategy)
        values = [np.ones(len(y)), y, p]
        sums, *scores = score_bins(values, bins, n_bins, measured, resamples, _observed)
        n, _, predicted = sums
        full = np.flatnonzero(n)
        observed, low, high = (x[full] for x in scores)
        frames.append(
            pd.DataFrame(
                {
                    "label": name,
                    "bin": full,
                    "predicted": predicted[full] / n[full],
                    "observed": observed,
                    "n": n[full].astype(int),
                    "low": low,
                    "high": high,
                }
            )
        )
    if not frames:
        raise ECGError(
            f"{caller} expected at least one label with measured records; got none. "
            "Score more records or other labels."
        )
    return pd.concat(frames, ignore_index=True)


def _observed(sums: np.ndarray) -> np.ndarray:
    """Return the observed frequency (n_bins, n_resamples), NaN for bins without a record."""
    n, positives, _ = sums
    return np.divide(positives, n, out=np.full(n.shape, np.nan), where=n > 0)
