"""Label-conditional split conformal prediction sets."""

import math

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ecgsk._alignment import check_label_order
from ecgsk.calibration._data import (
    check_probabilities,
    equal_patients,
    name_labels,
    read_calibration,
)
from ecgsk.exceptions import ECGError

# Number of coverage steps: bounds are stored per half per cent, not per record.
_STEPS = 200


class ConformalSets(BaseEstimator):
    """Label-conditional split conformal prediction sets, by patient.

    Each label's set holds "absent", "present", both or neither. Positives and
    negatives of each label are calibrated separately (label-conditional, or Mondrian
    [1]_). Patients, not records, are exchangeable: hierarchical conformal prediction
    [2]_ [3]_. Each of the K patients with records of a class has the mass
    1 / (K + 1), divided equally among these records; 1 / (K + 1) lies at infinity. A
    record's set holds a class unless the record's score exceeds the quantile of this
    distribution at the coverage.

    .. versionadded:: 0.1

    Parameters
    ----------
    coverage : float, default=0.9
        Minimum probability that the set holds the truth; in (0, 1), rounded up to
        the next half per cent.

    Attributes
    ----------
    label_names_ : list of str or None
        Columns of ``P`` or ``Y`` in ``fit``; None for arrays.
    absent_up_to_ : ndarray of shape (n_labels, 199)
        Highest probability of a record whose set holds "absent", for coverages of
        0.005, 0.01, ..., 0.995; infinite if too few patients are negative.
    present_from_ : ndarray of shape (n_labels, 199)
        Lowest probability of a record whose set holds "present"; minus infinity if
        too few patients are positive.
    n_patients_ : ndarray of shape (n_labels, 2)
        Patients with negatives and with positives.

    Notes
    -----
    Guarantee: draw a patient from the population of the calibrating patients who
    has at least one record with the label present (or absent), and draw one of these
    records at random. Its set holds the truth with at least the requested
    probability. This is an average over calibration sets and patients. It does not
    hold for each single calibration set, patient or subgroup, nor for patients of
    another population. The model must not be trained on the calibrating patients.

    A set of both answers is undecided; an empty set fits neither class. With fewer
    than coverage / (1 - coverage) patients of a class, 9 at a coverage of 0.9, every
    set holds that class.

    Strictly rising maps change no set, so the probabilities need no calibration.

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
        """Fit the quantiles of each class.

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
            For a coverage outside (0, 1) or invalid input.
        """
        caller = type(self).__name__
        count_steps(caller, self.coverage)
        self.label_names_ = name_labels(P, Y)
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
        """Return the prediction set of each record and label.

        Parameters
        ----------
        P : array-like of shape (n_records, n_labels)
            Probabilities.
        coverage : float, optional
            Coverage to use instead of the parameter.

        Returns
        -------
        ndarray of bool, shape (n_records, n_labels, 2)
            Whether "absent" and whether "present" is in the set.

        Raises
        ------
        ECGError
            For a coverage outside (0, 1), another number of labels than in fit, or
            values that are no probabilities.
        """
        check_is_fitted(self)
        caller = type(self).__name__
        step = count_steps(caller, self.coverage if coverage is None else coverage)
        check_label_order(caller, self.label_names_, P, "P")
        p = check_probabilities(caller, P, len(self.n_patients_))
        return np.stack(
            [p <= self.absent_up_to_[:, step - 1], p >= self.present_from_[:, step - 1]], axis=-1
        )


def count_steps(caller: str, coverage: float) -> int:
    """Return the coverage in steps of half a per cent, rounded up."""
    step = math.ceil(coverage * _STEPS - 1e-9) if 0 < coverage < 1 else 0
    if not 1 <= step < _STEPS:
        raise ECGError(
            f"{caller} expected a coverage above 0 and up to {1 - 1 / _STEPS:g}; got {coverage!r}."
        )
    return step


def _quantiles(score: np.ndarray, whose: np.ndarray, n_patients: int) -> np.ndarray:
    """Return the patient-weighted quantiles of the score, with one patient at infinity."""
    order = np.argsort(score)
    mass = np.cumsum(equal_patients(whose)[order]) / (n_patients + 1)
    levels = np.arange(1, _STEPS) / _STEPS
    # Sums of masses carry rounding errors: 9 of 10 patients must reach 0.9.
    return np.append(score[order], np.inf)[np.searchsorted(mass, levels - 1e-9)]
