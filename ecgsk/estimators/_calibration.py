"""What held-out patients tell of a model's probabilities, label by label."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from ecgsk.calibration import ConformalSets, ProbabilityCalibrator, choose_thresholds
from ecgsk.calibration._data import equal_patients

# By whether absent (1) and present (2) are left; the last is -1, not calibrated.
_ANSWERS = ((), (False,), (True,), (False, True), None)


class LabelCalibration(BaseEstimator):
    """Calibrated probabilities, thresholds and prediction sets of many labels.

    A label of too few patients gets none of them: its probability is left as it is, and its
    threshold is 0.5, as a threshold chosen on a handful of positives is chance.

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
        A label is predicted above its own; 0.5 where it was not calibrated.
    sets_ : ConformalSets
        Which answers a calibrated probability does not rule out.
    sensitivity_, specificity_ : ndarray of shape (n_labels,)
        Of the predictions, patients weighing equally; NaN where nobody has, or
        lacks, the label, or it was not calibrated. On the patients that thresholds were
        chosen on.
    """

    def __init__(self, threshold: str | float | tuple[str, float], coverage: float):
        self.threshold = threshold
        self.coverage = coverage

    def fit(self, P: np.ndarray, Y: pd.DataFrame, patients: np.ndarray) -> Self:
        """Learn from probabilities of patients that the model has not seen."""
        self.calibrator_ = ProbabilityCalibrator().fit(P, Y, patients)
        p, told = self.calibrator_.transform(P), self.calibrated_
        self.thresholds_ = np.full(len(told), 0.5)
        if told.any():
            self.thresholds_[told] = choose_thresholds(
                Y.loc[:, told], p[:, told], self.threshold, groups=patients
            )
        self.sets_ = ConformalSets(self.coverage).fit(p, Y, patients)
        predicted, labels = p > self.thresholds_, np.where(told, Y.to_numpy(), np.nan)
        self.sensitivity_ = _share_right(predicted, labels, patients, 1)
        self.specificity_ = _share_right(predicted, labels, patients, 0)
        return self

    @property
    def calibrated_(self) -> np.ndarray:
        """Which labels had patients enough."""
        return self.calibrator_.calibrated_

    def transform(self, P: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities."""
        return self.calibrator_.transform(P)

    def answers(self, p: np.ndarray) -> list[list[tuple[bool, ...] | None]]:
        """Return, of each record and label, which answers calibrated ``p`` does not rule out.

        None stands for a label that was not calibrated.
        """
        number = np.where(self.calibrated_, self.sets_.predict_sets(p) @ [1, 2], -1)
        return [[_ANSWERS[k] for k in record] for record in number]


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
