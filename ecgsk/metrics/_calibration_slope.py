"""Calibration intercept and slope by logistic recalibration."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import norm

from ecgsk._patients import number_patients
from ecgsk.metrics._average import check_probabilities
from ecgsk.metrics.resampling import check_confidence_level
from ecgsk.metrics.validation import check_labels_and_scores, check_same_rows

# Single precision, which nets predict in, resolves no probability closer to 0 or 1.
_MIN_PROBABILITY = float(np.finfo(np.float32).eps)
_COLUMNS = [f"{name}{end}" for name in ("intercept", "slope") for end in ("", "_low", "_high")]


def calibration_slope(
    Y: ArrayLike,
    P: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Any:
    """Calibration intercept and slope of each label, over the measured records.

    The slope is b in ``logit P(y = 1) = a + b logit(p)``. A slope below 1 means predictions
    that are too extreme, as those of an overfitted model. The intercept ("calibration in the
    large") is a with b fixed at 1. An intercept below 0 means predictions that are too high on
    average (Cox, *Biometrika* 45, 1958; Van Calster et al., *BMC Medicine* 17, 2019).

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Probabilities in [0, 1], clipped to [1.2e-7, 1 - 1.2e-7].
    groups : array-like of shape (n_samples,), optional
        Patient of each record. Adds intervals.
    confidence_level : float, default=0.95
        Nominal coverage of the intervals, in (0, 1).

    Returns
    -------
    DataFrame
        One row for each label, with columns intercept, intercept_low, intercept_high, slope,
        slope_low, slope_high, n (records), n_positive. A label with a single class has NaN
        except for the counts. A slope is NaN if all predictions are equal or one threshold
        separates the classes. Bounds are normal intervals with the variance clustered by
        patient (Liang and Zeger, *Biometrika* 73, 1986), NaN without `groups`.

    Raises
    ------
    ECGError
        If the input is malformed or a score is outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import calibration_slope
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(size=4000)
    >>> y = rng.random(4000) < 1 / (1 + np.exp(-logits))
    >>> overconfident = 1 / (1 + np.exp(-2 * logits))
    >>> table = calibration_slope(y, overconfident, groups=np.arange(4000) // 2)
    >>> table[["slope", "slope_low", "slope_high"]].round(2)
       slope  slope_low  slope_high
    0    0.5       0.46        0.54
    """
    import pandas as pd  # imported late: scoring arrays needs no pandas

    caller = "calibration_slope"
    data = check_labels_and_scores(caller, Y, P)
    check_probabilities(caller, data.P)
    check_confidence_level(caller, confidence_level)
    patients = None
    if groups is not None:
        check_same_rows(caller, Y, groups, "groups")
        patients, _ = number_patients(caller, groups, len(data.Y))
    z = norm.isf((1 - confidence_level) / 2)
    rows = []
    for y, p in zip(data.Y.T, data.P.T, strict=True):
        measured = ~np.isnan(y)
        own = None if patients is None else patients[measured]
        clipped = np.clip(p[measured], _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
        rows.append(_fit_label(y[measured], logit(clipped), own, z))
    return pd.DataFrame(rows, index=list(data.names))


def _fit_label(
    y: np.ndarray, logits: np.ndarray, patients: np.ndarray | None, z: float
) -> dict[str, float]:
    """Return one label's intercept and slope with bounds `z` standard errors away."""
    row: dict[str, float] = dict.fromkeys(_COLUMNS, np.nan)
    if 0 < y.sum() < len(y):
        ones = np.ones((len(y), 1))
        fits = {"intercept": (ones, logits)}
        if _classes_overlap(y, logits):
            fits["slope"] = (np.column_stack([ones, logits]), np.zeros(len(y)))
        for name, (design, offset) in fits.items():
            value, error = _logistic(y, design, offset, patients)
            row |= {
                name: value,
                f"{name}_low": value - z * error,
                f"{name}_high": value + z * error,
            }
    return row | {"n": len(y), "n_positive": int(y.sum())}


def _classes_overlap(y: np.ndarray, logits: np.ndarray) -> bool:
    """Return whether no threshold separates the classes, so that the slope is finite."""
    of_ones, of_zeros = logits[y == 1], logits[y == 0]
    return bool(of_ones.min() < of_zeros.max() and of_zeros.min() < of_ones.max())


def _logistic(
    y: np.ndarray, design: np.ndarray, offset: np.ndarray, patients: np.ndarray | None
) -> tuple[float, float]:
    """Return the last coefficient of a logistic regression, and its clustered standard error."""
    beta = _maximise_likelihood(y, design, offset)
    p = expit(design @ beta + offset)
    inverse = np.linalg.inv((design * (p * (1 - p))[:, np.newaxis]).T @ design)
    if patients is None:
        return float(beta[-1]), np.nan
    score = design * (y - p)[:, np.newaxis]
    _, cluster = np.unique(patients, return_inverse=True)
    by_patient = np.stack([np.bincount(cluster, weights=column) for column in score.T])
    variance = inverse @ (by_patient @ by_patient.T) @ inverse
    return float(beta[-1]), float(np.sqrt(variance[-1, -1]))


def _maximise_likelihood(y: np.ndarray, design: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return maximum-likelihood coefficients of ``logit P(y = 1) = design @ beta + offset``."""

    def loss(beta: np.ndarray) -> float:
        eta = design @ beta + offset
        return float(np.mean(np.logaddexp(0, eta) - y * eta))

    def gradient(beta: np.ndarray) -> np.ndarray:
        return design.T @ (expit(design @ beta + offset) - y) / len(y)

    def hessian(beta: np.ndarray) -> np.ndarray:
        p = expit(design @ beta + offset)
        return (design * (p * (1 - p))[:, np.newaxis]).T @ design / len(y)

    # The loss is convex: the trust region finds its one minimum from any start.
    start = np.zeros(design.shape[1])
    return minimize(
        loss, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-9}
    ).x
