"""Decision curve: net benefit of a model against treating all and treating none."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError
from ecgsk.metrics._average import check_probabilities
from ecgsk.metrics.resampling import Resamples, score_bins
from ecgsk.metrics.validation import check_labels_and_scores


def net_benefit(
    Y: ArrayLike,
    P: ArrayLike,
    thresholds: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Net benefit of treating patients above a probability threshold, per label.

    The net benefit at threshold t is ``TP / n - FP / n * t / (1 - t)`` (Vickers and Elkin,
    *Med. Decis. Making* 26, 2006). A threshold t implies that a false positive costs
    t / (1 - t) of the gain of a true positive. A model is useful at t if its net benefit
    exceeds that of treating all and of treating none.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Calibrated probabilities in [0, 1].
    thresholds : array-like of shape (n_thresholds,), optional
        Increasing probabilities in (0, 1); None takes 0.01, 0.02, ..., 0.99.
    groups : array-like of shape (n_samples,), optional
        Patient of each record. Adds intervals of the model's net benefit.
    n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`; used with `groups`.

    Returns
    -------
    DataFrame
        One row for each label and threshold, with columns label, threshold, model, treat_all,
        treat_none (0), low, high. The bounds are the patient-bootstrap interval of model, NaN
        without `groups`. A label without measured records has NaN.

    Raises
    ------
    ECGError
        If the input is malformed, or a score is outside [0, 1] or a threshold outside (0, 1).

    Examples
    --------
    >>> from ecgsk.metrics import net_benefit
    >>> net_benefit([0, 0, 0, 1], [.1, .3, .2, .6], thresholds=[.2, .5]).round(4)
      label  threshold  model  treat_all  treat_none  low  high
    0     0        0.2  0.125     0.0625         0.0  NaN   NaN
    1     0        0.5  0.250    -0.5000         0.0  NaN   NaN
    """
    import pandas as pd  # imported late: scoring arrays needs no pandas

    caller = "net_benefit"
    data = check_labels_and_scores(caller, Y, P)
    check_probabilities(caller, data.P)
    t = _check_thresholds(thresholds)
    resamples = None
    if groups is not None:
        resamples = Resamples.from_groups(
            caller, groups, Y, data.Y, n_resamples, confidence_level, random_state
        )
    score = partial(_treat_above, thresholds=t)
    frames = []
    for name, y, p in zip(data.names, data.Y.T, data.P.T, strict=True):
        measured = ~np.isnan(y)
        # Bin k holds the scores that reach the first k thresholds and no other.
        bins = np.searchsorted(t, p[measured], side="right")
        values = [np.ones(measured.sum()), y[measured]]
        sums, model, low, high = score_bins(values, bins, len(t) + 1, measured, resamples, score)
        frames.append(
            pd.DataFrame(
                {
                    "label": name,
                    "threshold": t,
                    "model": model,
                    "treat_all": _treat_all(sums[..., np.newaxis], t)[:, 0],
                    "treat_none": np.zeros(len(t)),
                    "low": low,
                    "high": high,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _treat_above(sums: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return the model's net benefit (n_thresholds, n_resamples) from sums by bin."""
    treated, positives = np.cumsum(sums[:, ::-1], axis=1)[:, ::-1][:, 1:]
    return _net_benefit(treated, positives, sums[0].sum(axis=0), thresholds)


def _treat_all(sums: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    n, positives = sums.sum(axis=1)
    return _net_benefit(n, positives, n, thresholds)


def _net_benefit(
    treated: np.ndarray, positives: np.ndarray, n: np.ndarray, thresholds: np.ndarray
) -> np.ndarray:
    cost = (thresholds / (1 - thresholds))[:, np.newaxis]
    return (positives - (treated - positives) * cost) / np.where(n > 0, n, np.nan)


def _check_thresholds(thresholds: ArrayLike | None) -> np.ndarray:
    t = np.arange(1, 100) / 100 if thresholds is None else np.asarray(thresholds, dtype=float)
    if t.ndim != 1 or not t.size or not ((t > 0) & (t < 1)).all() or (np.diff(t) <= 0).any():
        raise ECGError(
            f"net_benefit expected increasing thresholds in (0, 1); got {thresholds!r}. Leave "
            "out 0 and 1, where a false positive costs nothing or infinitely much."
        )
    return t
