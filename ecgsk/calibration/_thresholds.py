"""Choose per-label decision thresholds."""

import warnings
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.calibration._data import CalibrationData, equal_patients, read_calibration
from ecgsk.exceptions import CalibrationWarning, ECGError

# Threshold above every probability: no record is predicted positive.
_NOBODY = 1.0
# Sums of patient weights carry rounding errors.
_ROUNDING = 1e-12
# Threshold of a label with a single class.
_NO_CHOICE = 0.5


def choose_thresholds(
    Y: ArrayLike,
    P: ArrayLike,
    rule: str | float | tuple[str, float] = "f1",
    *,
    groups: ArrayLike | None = None,
) -> np.ndarray:
    """Choose per-label decision thresholds; a label is predicted above its threshold.

    Patients weigh equally: for each label, a record counts 1 / (number of its
    patient's records in which the label was measured).

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_records, n_labels)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Probabilities, of held-out patients.
    rule : {"f1", "youden"}, float or ("ppv", float), default="f1"
        ``"f1"`` maximises F1, ``"youden"`` sensitivity + specificity - 1. A number
        is the threshold of all labels. ``("ppv", 0.8)`` is the most sensitive
        threshold with a positive predictive value of at least 80 %.
    groups : array-like of shape (n_records,), optional
        Patient of each record; with None, each record counts as a patient.

    Returns
    -------
    ndarray of shape (n_labels,)
        Midpoint of the lowest predicted and the highest unpredicted probability.
        0.5 if the rule needs two classes and the label has one; 1 (nobody is
        predicted) if no threshold reaches the PPV, or Youden's index is nowhere above 0,
        as where all probabilities are equal.

    Raises
    ------
    ECGError
        For an unknown rule or invalid input.

    Warns
    -----
    CalibrationWarning
        Names the labels with a single class, and those of which nobody is predicted.

    Notes
    -----
    The score at the chosen threshold is a maximum over these records. Expect less
    on other records.

    Examples
    --------
    >>> from ecgsk.calibration import choose_thresholds
    >>> Y = [[0], [0], [1], [0], [1], [1]]
    >>> P = [[0.1], [0.2], [0.3], [0.4], [0.6], [0.8]]
    >>> choose_thresholds(Y, P, "f1"), choose_thresholds(Y, P, ("ppv", 0.9))
    (array([0.25]), array([0.5]))
    """
    caller = "choose_thresholds"
    kind, level = read_rule(caller, rule)
    Y, P, names, patients = read_calibration(caller, P, Y, groups)
    if kind == "fixed":
        return np.full(Y.shape[1], level)
    thresholds = np.empty(Y.shape[1])
    for j, seen in enumerate(~np.isnan(Y).T):
        weight = equal_patients(patients[seen])
        thresholds[j] = _choose(Y[seen, j], P[seen, j], weight, kind, level)
    for value, why in (
        (np.nan, f"{caller} chose {_NO_CHOICE} for labels with a single class"),
        (_NOBODY, f"{caller}: no threshold {_aim(kind, level)}, so nobody is predicted"),
    ):
        # A chosen threshold is below 1: it is a midpoint below a probability.
        hit = np.isnan(thresholds) if np.isnan(value) else thresholds == value
        if hit.any():
            labels = ", ".join(name for name, is_hit in zip(names, hit, strict=True) if is_hit)
            warnings.warn(f"{why}: {labels}.", CalibrationWarning, stacklevel=2)
    return np.where(np.isnan(thresholds), _NO_CHOICE, thresholds)


def read_rule(caller: str, rule: str | float | tuple[str, float]) -> tuple[str, float]:
    """Return the kind of a rule, "f1", "youden", "ppv" or "fixed", and its number."""
    if isinstance(rule, str) and rule in ("f1", "youden"):
        return rule, 0.0
    is_ppv = isinstance(rule, tuple | list) and len(rule) == 2 and rule[0] == "ppv"
    level: Any = rule[1] if is_ppv else rule  # type: ignore[index]
    if isinstance(level, bool) or not isinstance(level, Real) or not 0 < float(level) < 1:
        raise ECGError(
            f"{caller} expected a rule of 'f1', 'youden', a number in (0, 1) or ('ppv', number "
            f"in (0, 1)); got {rule!r}."
        )
    return "ppv" if is_ppv else "fixed", float(level)


def rates_at(thresholds: np.ndarray, data: CalibrationData) -> tuple[np.ndarray, np.ndarray]:
    """Return sensitivity and specificity per label, patients weighing equally; NaN if unknown."""
    y, p, _, patients = data
    predicted = p > thresholds
    rates = np.full((2, len(thresholds)), np.nan)
    for value, rate in enumerate(rates):
        for j, rows in enumerate((y == value).T):
            if rows.any():
                weight = equal_patients(patients[rows])
                rate[j] = np.average(predicted[rows, j] == value, weights=weight)
    return rates[1], rates[0]


def _aim(kind: str, level: float) -> str:
    return f"reaches a PPV of {level:g}" if kind == "ppv" else "is better than chance"


def _choose(y: np.ndarray, p: np.ndarray, weight: np.ndarray, kind: str, level: float) -> float:
    """Return the threshold; NaN if a class that the rule needs is absent."""
    order = np.argsort(-p)
    y, p, weight = y[order], p[order], weight[order]
    # Records with equal probabilities are predicted together; no threshold is below 0.
    last = np.flatnonzero((p != np.append(p[1:], -1)) & (p > 0))
    true, false = np.cumsum(weight * y)[last], np.cumsum(weight * (1 - y))[last]
    positive, negative = weight @ y, weight @ (1 - y)
    if kind == "ppv":
        reached = np.flatnonzero(true >= (level - _ROUNDING) * (true + false))
        if not len(reached):
            return _NOBODY
        best = reached[-1]
    else:
        if not len(last) or not positive or (kind == "youden" and not negative):
            return np.nan
        if kind == "f1":
            score = 2 * true / (true + false + positive)
        else:
            score = true / positive - false / negative
        best = int(np.argmax(score))
        if kind == "youden" and score[best] < _ROUNDING:
            return _NOBODY  # not better than chance: predicting everybody would score as much
    upper = p[last[best]]
    lower = p[last[best] + 1] if last[best] + 1 < len(p) else 0.0
    middle = (lower + upper) / 2
    return float(middle if middle < upper else lower)
