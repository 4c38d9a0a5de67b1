"""Answers that hold the truth as often as asked for."""

import math

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ecgsk.calibration._data import check_probabilities, equal_patients, read_calibration
from ecgsk.exceptions import ECGError

# Bounds are kept for coverages in steps of half a per cent, not one for each record.
_STEPS = 200


class ConformalSets(BaseEstimator):
    """Prediction sets for many labels: absent, present, both or neither.

    Split conformal prediction, for each label and among its positives and its
    negatives apart (label-conditional, or Mondrian [1]_), with patients and not
    records as what is exchangeable: hierarchical conformal prediction [2]_ [3]_.
    Of the K patients who have records of a class, each has the mass 1 / (K + 1),
    shared evenly by these records; 1 / (K + 1) lies at infinity. A class belongs
    to a record's set unless the record fits it worse than this distribution's
    quantile at the coverage.

    Parameters
    ----------
    coverage : float, default=0.9
        How often, at least, the truth is to be in the set; in (0, 1), taken up to
        the next half per cent.

    Attributes
    ----------
    absent_up_to_ : ndarray of shape (n_labels, 199)
        The highest probability that goes with "absent", for coverages of 0.005,
        0.01, ..., 0.995; infinite where there are too few patients to tell.
    present_from_ : ndarray of shape (n_labels, 199)
        The lowest probability that goes with "present"; minus infinity where there
        are too few.
    n_patients_ : ndarray of shape (n_labels, 2)
        Patients with negatives and with positives.

    Notes
    -----
    What is guaranteed: draw a patient as those of the calibration were drawn, and
    who has at least one record with the label present (or absent); draw one of
    these records at random. The set holds the truth with at least the probability
    asked for. That is an average over calibration sets and patients: not for one
    calibration set, not for each patient or subgroup, and not where patients are
    others than those of the calibration. The model must not have learned from them.

    Both answers: the model does not tell. None: the record fits neither. With
    fewer than coverage / (1 - coverage) patients of a class, 9 at a coverage of
    0.9, no set leaves that class out.

    Strictly rising maps change no set, so probabilities need no calibration before.

    References
    ----------
    .. [1] Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005.
    .. [2] Lee, Barber and Willett, "Distribution-free inference with hierarchical data",
       arXiv 2306.06342.
    .. [3] Dunn, Wasserman and Ramdas, "Distribution-free prediction sets for two-layer
       hierarchical models", JASA 2023.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.calibration import ConformalSets
    >>> P = np.arange(40)[:, None] / 40
    >>> Y = (P > 0.5) ^ (P * 40 % 7 == 0)
    >>> sets = ConformalSets(coverage=0.9).fit(P, Y).predict_sets([[0.05], [0.5], [0.95]])
    >>> for absent, present in sets[:, 0]:
    ...     print(f"absent {absent}, present {present}")
    absent True, present False
    absent True, present True
    absent False, present True
    """

    def __init__(self, coverage: float = 0.9):
        self.coverage = coverage

    def fit(self, P: ArrayLike, Y: ArrayLike, groups: ArrayLike | None = None) -> "ConformalSets":
        """Learn how the probabilities of each class are spread.

        Parameters
        ----------
        P : array-like or DataFrame of shape (n_records, n_labels)
            Probabilities, of patients the model has not seen.
        Y : array-like or DataFrame of the same shape
            Labels: 0, 1 or NaN where not measured.
        groups : array-like of shape (n_records,), optional
            Patient of each record; None takes each record for a patient.

        Returns
        -------
        self

        Raises
        ------
        ECGError
            For a coverage outside (0, 1), or input that cannot be used.
        """
        caller = type(self).__name__
        count_steps(caller, self.coverage)
        Y, P, _, patients = read_calibration(caller, P, Y, groups)
        n_labels = Y.shape[1]
        self.n_patients_ = np.zeros((n_labels, 2), dtype=np.int64)
        bounds = np.empty((2, n_labels, _STEPS - 1))
        for j in range(n_labels):
            for value, sign in ((0, 1), (1, -1)):
                rows = Y[:, j] == value
                whose = np.unique(patients[rows], return_inverse=True)[1]
                n = self.n_patients_[j, value] = whose.max() + 1 if len(whose) else 0
                bounds[value, j] = sign * _quantiles(sign * P[rows, j], whose, n)
        self.absent_up_to_, self.present_from_ = bounds
        return self

    def predict_sets(self, P: ArrayLike, coverage: float | None = None) -> np.ndarray:
        """Return which answers each record's set holds.

        Parameters
        ----------
        P : array-like of shape (n_records, n_labels)
            Probabilities.
        coverage : float, optional
            Another coverage than the parameter.

        Returns
        -------
        ndarray of bool, shape (n_records, n_labels, 2)
            Whether "absent" and whether "present" is in the set.

        Raises
        ------
        ECGError
            For a coverage outside (0, 1), a number of labels that is not fit's, or
            what is no probability.
        """
        check_is_fitted(self)
        caller = type(self).__name__
        step = count_steps(caller, self.coverage if coverage is None else coverage)
        p = check_probabilities(caller, P, len(self.n_patients_))
        return np.stack(
            [p <= self.absent_up_to_[:, step - 1], p >= self.present_from_[:, step - 1]], axis=-1
        )


def count_steps(caller: str, coverage: float) -> int:
    """Return the coverage in steps, from 1 on, taken up."""
    step = math.ceil(coverage * _STEPS - 1e-9) if 0 < coverage < 1 else 0
    if not 1 <= step < _STEPS:
        raise ECGError(
            f"{caller} expected a coverage above 0 and up to {1 - 1 / _STEPS:g}; got {coverage!r}."
        )
    return step


def _quantiles(score: np.ndarray, whose: np.ndarray, n_patients: int) -> np.ndarray:
    """Return the score's quantile at each step, patients weighing equally and one at infinity."""
    order = np.argsort(score)
    mass = np.cumsum(equal_patients(whose)[order]) / (n_patients + 1)
    levels = np.arange(1, _STEPS) / _STEPS
    # Sums of masses are exact to rounding alone: 9 of 10 patients are 0.9.
    return np.append(score[order], np.inf)[np.searchsorted(mass, levels - 1e-9)]
