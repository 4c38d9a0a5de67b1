"""Calibration: predicted against observed frequency."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError
from ecgsk.metrics._average import check_probabilities
from ecgsk.metrics._probability import N_BINS, Strategy, bin_scores, check_bins
from ecgsk.metrics._resamples import Resamples
from ecgsk.metrics._result import interval
from ecgsk.metrics._sums import BinnedSums
from ecgsk.metrics._validation import check_labels_and_scores


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

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Probabilities in [0, 1].
    n_bins : int, default=10
        Number of bins.
    strategy : {"quantile", "uniform"}, default="quantile"
        Bins of equally many measured records (equal scores stay together), or of equal width.
    groups : array-like of shape (n_samples,), optional
        Patient of each record; gives intervals of the observed frequency, bins held fixed.
    n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`; used where `groups` is given.

    Returns
    -------
    DataFrame
        One row a label and bin that holds records, with columns label, bin, predicted,
        observed, n (records), low, high. The bounds are the patient-bootstrap interval of
        observed, NaN without `groups`.

    Raises
    ------
    ECGError
        The input is malformed or a score is no probability.

    Examples
    --------
    >>> from ecgsk.metrics import calibration_curve
    >>> calibration_curve([0, 0, 1, 0, 1, 1], [.1, .2, .3, .7, .8, .9], n_bins=2).round(3)
      label  bin  predicted  observed  n  low  high
    0     0    0        0.2     0.333  3  NaN   NaN
    1     0    1        0.8     0.667  3  NaN   NaN
    """
    import pandas as pd  # here alone: scoring arrays needs no pandas

    caller = "calibration_curve"
    data = check_labels_and_scores(caller, Y, P)
    check_probabilities(caller, data.P)
    check_bins(caller, n_bins, strategy)
    patients, n_patients, resamples = np.zeros(len(data.Y), int), 1, None
    if groups is not None:
        resamples = Resamples.from_groups(
            caller, groups, Y, data.Y, n_resamples, confidence_level, random_state
        )
        patients, n_patients = resamples.patients, resamples.n_patients
    frames = []
    for name, y, p in zip(data.names, data.Y.T, data.P.T, strict=True):
        seen = ~np.isnan(y)
        if not seen.any():
            continue
        y, p = y[seen], p[seen]
        values = [np.ones(len(y)), y, p]
        bins = bin_scores(p, n_bins, strategy)
        sums = BinnedSums.from_values(values, bins, n_bins, patients[seen], n_patients)
        n, positives, predicted = sums.total(np.ones((n_patients, 1)))[..., 0]
        full = np.flatnonzero(n)
        low = high = np.full(n_bins, np.nan)
        if resamples is not None:
            low, high = interval(resamples.apply(sums, _observed), confidence_level)
        columns = {"label": name, "bin": full, "predicted": predicted[full] / n[full]}
        columns |= {"observed": positives[full] / n[full], "n": n[full].astype(int)}
        frames.append(pd.DataFrame(columns | {"low": low[full], "high": high[full]}))
    if not frames:
        raise ECGError(f"{caller} expected at least one label with measured records; got none.")
    return pd.concat(frames, ignore_index=True)


def _observed(total: np.ndarray) -> np.ndarray:
    """Observed frequency (n_bins, n_resamples), NaN where no record of the bin is drawn."""
    n, positives, _ = total
    return np.divide(positives, n, out=np.full(n.shape, np.nan), where=n > 0)
