"""What held-out patients tell of a model's probabilities, label by label."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from ecgsk.calibration import ConformalSets, ProbabilityCalibrator, choose_thresholds
from ecgsk.calibration._data import equal_patients


class LabelCalibration(BaseEstimator):
    """Calibrated probabilities, thresholds and prediction sets of many labels.

    Parameters
    ----------
    threshold : str, float or tuple
        Rule of :func:`~ecgsk.calibration.choose_thresholds`.
    coverage : float
        Of the prediction sets.

    Attributes
    ----------
    calibrator_ : ProbabilityCalibrator
        Makes probabilities of probabilities.
    thresholds_ : ndarray of shape (n_labels,)
        A label is predicted above its own.
    sets_ : ConformalSets
        Which answers a calibrated probability does not rule out.
    sensitivity_, specificity_ : ndarray of shape (n_labels,)
        Of the predictions, patients weighing equally; NaN where nobody has, or
        lacks, the label. On the patients that thresholds were chosen on.
    """

    def __init__(self, threshold: str | float | tuple[str, float], coverage: float):
        self.threshold = threshold
        self.coverage = coverage

    def fit(self, P: np.ndarray, Y: pd.DataFrame, patients: np.ndarray) -> Self:
        """Learn from probabilities of patients that the model has not seen."""
        self.calibrator_ = ProbabilityCalibrator().fit(P, Y, patients)
        p = self.calibrator_.transform(P)
        self.thresholds_ = choose_thresholds(Y, p, self.threshold, groups=patients)
        self.sets_ = ConformalSets(self.coverage).fit(p, Y, patients)
        predicted, labels = p > self.thresholds_, Y.to_numpy()
        self.sensitivity_ = _share_right(predicted, labels, patients, 1)
        self.specificity_ = _share_right(predicted, labels, patients, 0)
        return self

    def transform(self, P: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities."""
        return self.calibrator_.transform(P)

    def answers(self, p: np.ndarray) -> list[list[tuple[bool, ...]]]:
        """Return, of each record and label, which answers calibrated ``p`` does not rule out."""
        sets = self.sets_.predict_sets(p)
        return [[tuple(bool(k) for k in np.flatnonzero(s)) for s in record] for record in sets]


def _share_right(
    predicted: np.ndarray, labels: np.ndarray, patients: np.ndarray, value: int
) -> np.ndarray:
    """Return the share of records with ``value`` that are predicted to have it."""
    shares = np.full(labels.shape[1], np.nan)
    for j, of_class in enumerate((labels == value).T):
        if of_class.any():
            weight = equal_patients(patients[of_class])
            shares[j] = np.average(predicted[of_class, j] == value, weights=weight)
    return shares
