"""Decision curves: what acting on a model is worth, against treating all and treating none."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError
from ecgsk.metrics._average import check_probabilities
from ecgsk.metrics._resamples import Resamples
from ecgsk.metrics._result import interval
from ecgsk.metrics._sums import BinnedSums
from ecgsk.metrics._validation import check_labels_and_scores


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
    """Net benefit of treating those whose probability reaches a threshold, per label.

    ``TP / n - FP / n * t / (1 - t)`` (Vickers and Elkin, *Med. Decis. Making* 26, 2006): who
    treats at probability t holds a false positive to cost t / (1 - t) of a true positive's
    gain. A model is worth using at t where it lies above both treating all and treating none.

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Calibrated probabilities in [0, 1].
    thresholds : array-like of shape (n_thresholds,), optional
        Probabilities t in (0, 1), rising. None is 0.01, 0.02, ..., 0.99.
    groups : array-like of shape (n_samples,), optional
        Patient of each record; gives intervals of the model's net benefit.
    n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`; used where `groups` is given.

    Returns
    -------
    DataFrame
        One row a label and threshold, with columns label, threshold, model, treat_all,
        treat_none (0), low, high. The bounds are the patient-bootstrap interval of model, NaN
        without `groups`. All scores of a label that no record has are NaN.

    Raises
    ------
    ECGError
        The input is malformed, a score is no probability, or a threshold is not in (0, 1).

    Examples
    --------
    >>> from ecgsk.metrics import net_benefit
    >>> net_benefit([0, 0, 0, 1], [.1, .3, .2, .6], thresholds=[.2, .5]).round(4)
      label  threshold  model  treat_all  treat_none  low  high
    0     0        0.2  0.125     0.0625         0.0  NaN   NaN
    1     0        0.5  0.250    -0.5000         0.0  NaN   NaN
    """
    import pandas as pd  # here alone: scoring arrays needs no pandas

    caller = "net_benefit"
    data = check_labels_and_scores(caller, Y, P)
    check_probabilities(caller, data.P)
    t = _check_thresholds(thresholds)
    patients, n_patients, resamples = np.zeros(len(data.Y), int), 1, None
    if groups is not None:
        resamples = Resamples.from_groups(
            caller, groups, Y, data.Y, n_resamples, confidence_level, random_state
        )
        patients, n_patients = resamples.patients, resamples.n_patients
    frames = []
    for name, y, p in zip(data.names, data.Y.T, data.P.T, strict=True):
        seen = ~np.isnan(y)
        # Bin k holds the scores that reach the first k thresholds and no other.
        bins = np.searchsorted(t, p[seen], side="right")
        values = [np.ones(seen.sum()), y[seen]]
        sums = BinnedSums.from_values(values, bins, len(t) + 1, patients[seen], n_patients)
        total = sums.total(np.ones((n_patients, 1)))
        low = high = np.full(len(t), np.nan)
        if resamples is not None:
            distribution = resamples.apply(sums, partial(_treat_called, thresholds=t))
            low, high = interval(distribution, confidence_level)
        columns = {"label": name, "threshold": t, "model": _treat_called(total, t)[:, 0]}
        columns |= {"treat_all": _treat_all(total, t)[:, 0], "treat_none": np.zeros(len(t))}
        frames.append(pd.DataFrame(columns | {"low": low, "high": high}))
    return pd.concat(frames, ignore_index=True)


def _treat_called(total: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Net benefit (n_thresholds, n_resamples) from records and positives by bin."""
    treated, positives = np.cumsum(total[:, ::-1], axis=1)[:, ::-1][:, 1:]
    return _net_benefit(treated, positives, total[0].sum(axis=0), thresholds)


def _treat_all(total: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    n, positives = total.sum(axis=1)
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
            f"net_benefit expected rising thresholds in (0, 1); got {thresholds!r}. At 0 and 1 "
            "the harm of a false positive is none or infinite."
        )
    return t
