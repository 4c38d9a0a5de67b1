"""Per-label probability calibration (sigmoid, beta or isotonic)."""

import warnings
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from sklearn.base import BaseEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.utils.validation import check_is_fitted

from ecgsk._alignment import check_label_order
from ecgsk.calibration._data import (
    check_probabilities,
    equal_patients,
    name_labels,
    read_calibration,
)
from ecgsk.exceptions import CalibrationWarning, ECGError

_METHODS = ("sigmoid", "beta", "isotonic")
# Probabilities are clipped this far from 0 and 1: larger logarithms dominate the fit.
_EDGE = 1e-9


class ProbabilityCalibrator(BaseEstimator):
    """Calibrate probabilities per label on held-out patients.

    Patients weigh equally: for each label, a record counts 1 / (number of its
    patient's records in which the label was measured). NaN takes no part.

    .. versionadded:: 0.1

    Parameters
    ----------
    method : {"sigmoid", "beta", "isotonic"}, default="sigmoid"
        ``"sigmoid"`` is Platt's [1]_ logistic regression on the logit of the
        probability. ``"beta"`` [2]_ has a slope for each end of the scale and also
        corrects skewed probabilities. ``"isotonic"`` is a step function, for labels
        with many hundreds of positive patients. No method reverses the order of
        records: slopes are not negative.
    min_patients : int, default=10
        Minimum number of positive and of negative patients. A label with fewer is
        not calibrated, and a warning names it.

    Attributes
    ----------
    label_names_ : list of str or None
        Columns of ``P`` or ``Y`` in ``fit``; None for arrays.
    calibrated_ : ndarray of bool, shape (n_labels,)
        Labels that enough patients had to be calibrated.
    coef_ : ndarray of shape (n_labels, 3)
        a, b and c of ``expit(a log p - b log(1 - p) + c)``; a = b for
        ``"sigmoid"``. Absent for ``"isotonic"``.
    steps_ : list of ndarray of shape (2, n_steps)
        Probabilities before and after calibration, interpolated linearly; for
        ``"isotonic"`` only.

    Notes
    -----
    All methods fit Platt's targets, (n + 1) / (n + 2) for a positive and
    1 / (m + 2) for a negative, of n positive and m negative patients. A small sample
    then gives no probability of 0 or 1.

    References
    ----------
    .. [1] Platt, "Probabilistic outputs for support vector machines and comparisons to
       regularized likelihood methods", 1999.
    .. [2] Kull, Silva Filho and Flach, "Beta calibration", AISTATS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.calibration import ProbabilityCalibrator
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.uniform(size=(4000, 1))
    >>> Y = (rng.uniform(size=truth.shape) < truth).astype(float)
    >>> P = truth**2 / (truth**2 + (1 - truth) ** 2)  # overconfident: twice the logit
    >>> ProbabilityCalibrator().fit(P, Y).transform([[0.2], [0.5], [0.8]]).round(1)
    array([[0.3],
           [0.5],
           [0.7]])
    """

    def __init__(self, method: str = "sigmoid", *, min_patients: int = 10):
        self.method = method
        self.min_patients = min_patients

    def fit(
        self, P: ArrayLike, Y: ArrayLike, groups: ArrayLike | None = None
    ) -> "ProbabilityCalibrator":
        """Fit one map per label.

        Parameters
        ----------
        P : array-like or DataFrame of shape (n_records, n_labels)
            Probabilities, of held-out patients.
        Y : array-like or DataFrame of the same shape
            Labels: 0, 1 or NaN where not measured.
        groups : array-like of shape (n_records,), optional
            Patient of each record; with None, each record counts as a patient.

        Returns
        -------
        self

        Raises
        ------
        ECGError
            For an unknown method or invalid input.

        Warns
        -----
        CalibrationWarning
            Names the labels that are not calibrated.
        """
        caller = type(self).__name__
        check_method(caller, self.method)
        self.label_names_ = name_labels(P, Y)
        Y, P, names, patients = read_calibration(caller, P, Y, groups)
        enough = [_enough_patients(y, patients, self.min_patients) for y in Y.T]
        self.calibrated_ = np.array(enough)
        maps = [
            self._fit_label(p[seen], y[seen], patients[seen]) if calibrated else None
            for p, y, seen, calibrated in zip(P.T, Y.T, ~np.isnan(Y).T, enough, strict=True)
        ]
        if self.method == "isotonic":
            self.steps_ = [np.array([[0.0, 1.0], [0.0, 1.0]]) if m is None else m for m in maps]
        else:
            self.coef_ = np.array([[1.0, 1.0, 0.0] if m is None else m for m in maps])
        if not self.calibrated_.all():
            left = [name for name, done in zip(names, enough, strict=True) if not done]
            warnings.warn(
                f"{caller} does not calibrate {len(left)} of {len(names)} labels, which need "
                f"{self.min_patients} patients with and {self.min_patients} without the label: "
                f"{', '.join(left[:10])}{', ...' if len(left) > 10 else ''}.",
                CalibrationWarning,
                stacklevel=2,
            )
        return self

    def transform(self, P: ArrayLike) -> np.ndarray:
        """Return calibrated probabilities.

        Parameters
        ----------
        P : array-like of shape (n_records, n_labels)
            Probabilities.

        Returns
        -------
        ndarray of shape (n_records, n_labels), float64
            Unchanged for labels that are not calibrated.

        Raises
        ------
        ECGError
            For another number of labels than in fit, or values that are no probabilities.
        """
        check_is_fitted(self)
        check_label_order(type(self).__name__, self.label_names_, P, "P")
        p = check_probabilities(type(self).__name__, P, len(self.calibrated_))
        if self.method == "isotonic":
            out = [np.interp(p[:, j], *steps) for j, steps in enumerate(self.steps_)]
            calibrated = np.column_stack(out)
        else:
            a, b, c = self.coef_.T
            low, high = _logarithms(p)
            calibrated = expit(a * low + b * high + c)
        return np.where(self.calibrated_, calibrated, p)

    def _fit_label(self, p: np.ndarray, y: np.ndarray, patients: np.ndarray) -> np.ndarray:
        weight = equal_patients(patients)
        n_positive, n_negative = weight[y == 1].sum(), weight[y == 0].sum()
        target = np.where(y == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
        if self.method == "isotonic":
            steps = IsotonicRegression().fit(p, target, weight)
            return np.stack([steps.X_thresholds_, steps.y_thresholds_])
        low, high = _logarithms(p)
        if self.method == "sigmoid":
            slope, intercept = _fit_logistic(np.column_stack([low + high]), target, weight)
            return np.array([slope, slope, intercept])
        return _fit_logistic(np.column_stack([low, high]), target, weight)


def check_method(caller: str, method: str) -> None:
    """Raise for an unknown method."""
    if method not in _METHODS:
        raise ECGError(f"{caller} expected method to be one of {_METHODS}; got {method!r}.")


def _enough_patients(y: np.ndarray, patients: np.ndarray, at_least: int) -> bool:
    n_patients = [len(np.unique(patients[y == value])) for value in (0, 1)]
    return min(n_patients) >= max(at_least, 1)


def _logarithms(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log p and -log(1 - p); their sum is the logit."""
    inside = np.clip(p, _EDGE, 1 - _EDGE)
    return np.log(inside), -np.log1p(-inside)


def _fit_logistic(x: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return non-negative slopes and the intercept of a logistic regression.

    The constrained optimum is the unconstrained one over the slopes that are not zero.
    Try each subset of slopes, the largest first.
    """
    n_slopes = x.shape[1]
    for n_free in range(n_slopes, -1, -1):
        fits = []
        for free in combinations(range(n_slopes), n_free):
            columns = [*free, n_slopes]
            design = np.column_stack([x, np.ones(len(x))])[:, columns]
            found, loss = _newton(design, target, weight)
            if (found[:-1] >= 0).all():
                coef = np.zeros(n_slopes + 1)
                coef[columns] = found
                fits.append((loss, coef.tolist()))
        if fits:
            break
    return np.array(min(fits)[1])


def _newton(design: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, float]:
    """Minimise the weighted logistic loss of targets inside (0, 1); the last column is 1."""

    def loss_of(coef: np.ndarray) -> float:
        z = design @ coef
        return float(weight @ (np.logaddexp(0, z) - target * z))

    coef = np.zeros(design.shape[1])
    coef[-1] = logit(np.average(target, weights=weight))
    loss = loss_of(coef)
    for _ in range(100):
        p = expit(design @ coef)
        gradient = design.T @ (weight * (p - target))
        hessian = design.T @ (design * (weight * p * (1 - p))[:, None])
        step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        if gradient @ step <= 1e-12 * weight.sum():
            break
        while loss_of(coef - step) > loss and np.abs(step).max() > 1e-12:
            step = step / 2
        coef = coef - step
        loss = loss_of(coef)
    return coef, loss
