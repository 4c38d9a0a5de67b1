"""Calibration intercept and slope: what a logistic recalibration would correct."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import norm

from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError
from ecgsk.metrics._average import check_probabilities
from ecgsk.metrics._validation import check_labels_and_scores, check_same_rows

# Probabilities nearer to 0 or 1 than single precision tells apart have no usable logit.
_CLIP = float(np.finfo(np.float32).eps)
_COLUMNS = [f"{name}{end}" for name in ("intercept", "slope") for end in ("", "_low", "_high")]


def calibration_slope(
    Y: ArrayLike,
    P: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    confidence_level: float = 0.95,
) -> Any:
    """Calibration intercept and slope of each label, over the measured records.

    The slope is b of ``logit P(y = 1) = a + b logit(p)``: below 1 the predictions are too
    extreme, as of an overfitted model. The intercept ("calibration in the large") is a with b
    held at 1: below 0 the predictions are too high on the whole (Cox, *Biometrika* 45, 1958;
    Van Calster et al., *BMC Medicine* 17, 2019).

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Probabilities in [0, 1]; taken as at least 1.2e-7 and at most 1 - 1.2e-7.
    groups : array-like of shape (n_samples,), optional
        Patient of each record; gives intervals.
    confidence_level : float, default=0.95
        Coverage aimed at by the intervals, in (0, 1).

    Returns
    -------
    DataFrame
        One row a label with columns intercept, intercept_low, intercept_high, slope,
        slope_low, slope_high, n (records), n_positive. A label with a single class has NaN
        for all but the counts; a slope is NaN where all predictions are equal or one threshold
        separates the classes. Bounds are normal intervals with the variance clustered by
        patient (Liang and Zeger, *Biometrika* 73, 1986), NaN without `groups`.

    Raises
    ------
    ECGError
        The input is malformed or a score is no probability.

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
    import pandas as pd  # here alone: scoring arrays needs no pandas

    caller = "calibration_slope"
    data = check_labels_and_scores(caller, Y, P)
    check_probabilities(caller, data.P)
    if not 0 < confidence_level < 1:
        raise ECGError(f"{caller} expected 0 < confidence_level < 1; got {confidence_level}.")
    patients = None
    if groups is not None:
        check_same_rows(caller, Y, groups, "groups")
        patients, _ = number_patients(caller, groups, len(data.Y))
    z = norm.isf((1 - confidence_level) / 2)
    rows = []
    for y, p in zip(data.Y.T, data.P.T, strict=True):
        seen = ~np.isnan(y)
        whose = None if patients is None else patients[seen]
        rows.append(_label(y[seen], logit(np.clip(p[seen], _CLIP, 1 - _CLIP)), whose, z))
    return pd.DataFrame(rows, index=list(data.names))


def _label(
    y: np.ndarray, logits: np.ndarray, patients: np.ndarray | None, z: float
) -> dict[str, float]:
    row: dict[str, float] = dict.fromkeys(_COLUMNS, np.nan)
    if 0 < y.sum() < len(y):
        ones = np.ones((len(y), 1))
        fits = {"intercept": (ones, logits)}
        if _overlap(y, logits):
            fits["slope"] = (np.column_stack([ones, logits]), np.zeros(len(y)))
        for name, (design, offset) in fits.items():
            value, error = _logistic(y, design, offset, patients)
            row |= {
                name: value,
                f"{name}_low": value - z * error,
                f"{name}_high": value + z * error,
            }
    return row | {"n": len(y), "n_positive": int(y.sum())}


def _overlap(y: np.ndarray, logits: np.ndarray) -> bool:
    """Whether the slope is finite: no threshold has the classes on its two sides."""
    of_ones, of_zeros = logits[y == 1], logits[y == 0]
    return bool(of_ones.min() < of_zeros.max() and of_zeros.min() < of_ones.max())


def _logistic(
    y: np.ndarray, design: np.ndarray, offset: np.ndarray, patients: np.ndarray | None
) -> tuple[float, float]:
    """Return the last coefficient of a logistic regression, and its clustered standard error."""
    beta = _maximise(y, design, offset)
    p = expit(design @ beta + offset)
    inverse = np.linalg.inv((design * (p * (1 - p))[:, np.newaxis]).T @ design)
    if patients is None:
        return float(beta[-1]), np.nan
    score = design * (y - p)[:, np.newaxis]
    _, cluster = np.unique(patients, return_inverse=True)
    by_patient = np.stack([np.bincount(cluster, weights=column) for column in score.T])
    variance = inverse @ (by_patient @ by_patient.T) @ inverse
    return float(beta[-1]), float(np.sqrt(variance[-1, -1]))


def _maximise(y: np.ndarray, design: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Maximum-likelihood coefficients of ``logit P(y = 1) = design @ beta + offset``."""

    def loss(beta: np.ndarray) -> float:
        eta = design @ beta + offset
        return float(np.mean(np.logaddexp(0, eta) - y * eta))

    def gradient(beta: np.ndarray) -> np.ndarray:
        return design.T @ (expit(design @ beta + offset) - y) / len(y)

    def hessian(beta: np.ndarray) -> np.ndarray:
        p = expit(design @ beta + offset)
        return (design * (p * (1 - p))[:, np.newaxis]).T @ design / len(y)

    # Convex, so that the trust region finds the one maximum from any start.
    start = np.zeros(design.shape[1])
    return minimize(
        loss, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-9}
    ).x
