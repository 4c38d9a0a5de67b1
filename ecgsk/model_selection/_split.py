"""Splits by patient: K-fold, train and test, and a check for leakage."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state
from sklearn.utils.validation import indexable

from ecgsk._alignment import check_row_order
from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError, PatientLeakageError
from ecgsk.model_selection._stratify import assign_patients, label_matrix


class MultilabelGroupKFold(BaseCrossValidator):
    """Multi-label stratified K-fold splitter by patient.

    All records of a patient are in one fold, and each label is balanced over the folds.
    :class:`~sklearn.model_selection.GroupKFold` balances the number of records alone, so a fold
    may lack a rare diagnosis. :class:`~sklearn.model_selection.StratifiedGroupKFold` takes one
    label. This splitter runs iterative stratification [1]_ over patients, then moves patients
    while that improves the balance of all labels.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether to take patients in random order and break ties at random. Each seed gives
        other balanced folds.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling. An integer gives the same folds at each call.

    Notes
    -----
    NaN in Y (not measured) counts neither as 0 nor as 1. Labels with NaN are also balanced by
    their zeros. A one-dimensional Y may be binary or multi-class.

    `groups` is requested by default under scikit-learn's metadata routing.

    References
    ----------
    .. [1] Sechidis, Tsoumakas and Vlahavas, "On the Stratification of Multi-Label Data",
       ECML PKDD 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.model_selection import MultilabelGroupKFold
    >>> subject = np.array([1, 1, 2, 3, 3, 4, 5, 6])
    >>> Y = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [0, 0], [1, 0], [0, 1], [1, np.nan]])
    >>> for train, test in MultilabelGroupKFold(2).split(Y, Y, groups=subject):
    ...     print("patients", np.unique(subject[test]), "labels", np.nansum(Y[test], axis=0))
    patients [1 2] labels [2. 1.]
    patients [3 4 5 6] labels [2. 1.]
    """

    # scikit-learn's GroupsConsumerMixin, which is private, is this one line.
    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds; the parameters exist for compatibility.

        Returns
        -------
        int
            `n_splits`.
        """
        return self.n_splits

    def split(
        self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the row numbers of the training and the test set of each fold.

        Parameters
        ----------
        X : array-like or DataFrame with n_samples rows
            Records; the split uses their number alone.
        y : array-like of shape (n_samples, n_labels) or (n_samples,)
            Labels: 0, 1 or NaN where not measured; if one-dimensional, also classes.
        groups : array-like of shape (n_samples,)
            Patient of each record.

        Yields
        ------
        train, test : ndarray of int
            Row numbers in ascending order.

        Raises
        ------
        ECGError
            If `y` or `groups` is missing or malformed, or there are fewer patients than folds.
        """
        caller = type(self).__name__
        check_row_order(caller, X, y=y, groups=groups)
        check_row_order(caller, y, "y", groups=groups)
        X, y, groups = indexable(X, y, groups)
        yield from super().split(X, y, groups)

    def _iter_test_masks(
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> Iterator[np.ndarray]:
        caller = type(self).__name__
        if self.n_splits < 2:
            raise ECGError(
                f"{caller} expected n_splits >= 2; got {self.n_splits}. For one split, use "
                "patient_split."
            )
        patients, names = number_patients(caller, groups)
        labels = label_matrix(caller, y, len(patients))
        if len(names) < self.n_splits:
            raise ECGError(
                f"{caller} expected at least one patient for each of {self.n_splits} folds; got "
                f"{len(names)} patients. Use fewer folds."
            )
        rng = check_random_state(self.random_state) if self.shuffle else None
        shares = [1 / self.n_splits] * self.n_splits
        fold = assign_patients(_counts(patients, labels, len(names)), shares, rng)[patients]
        for number in range(self.n_splits):
            yield fold == number


def patient_split(
    groups: ArrayLike,
    test_size: float | int = 0.2,
    *,
    random_state: int | np.random.RandomState | None = None,
    Y: ArrayLike | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Split records into training and test sets that share no patient.

    .. versionadded:: 0.1

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Patient of each record.
    test_size : float or int, default=0.2
        Share of the patients in (0, 1), or number of patients, in the test set. With `Y` it is
        the approximate share of the records.
    random_state : int, RandomState instance or None, default=None
        Seed of the split.
    Y : array-like of shape (n_samples, n_labels) or (n_samples,), optional
        Labels (0, 1 or NaN) to balance between the sets, as in
        :class:`MultilabelGroupKFold`.

    Returns
    -------
    train_idx, test_idx : ndarray of int
        Row numbers in ascending order, for ``X.iloc[train_idx]``.

    Raises
    ------
    ECGError
        If an argument is malformed or a set would be empty.

    Examples
    --------
    >>> from ecgsk.model_selection import patient_split
    >>> train_idx, test_idx = patient_split([7, 7, 8, 9, 9], test_size=1, random_state=0)
    >>> train_idx, test_idx
    (array([0, 1, 2]), array([3, 4]))
    """
    caller = "patient_split"
    check_row_order(caller, groups, "groups", Y=Y)
    patients, names = number_patients(caller, groups)
    is_share = isinstance(test_size, float | np.floating)
    n_test = round(test_size * len(names)) if is_share else test_size
    if not (0 < test_size < (1 if is_share else len(names)) and 0 < n_test < len(names)):
        raise ECGError(
            f"{caller} expected test_size to leave patients in both sets; got {test_size} of "
            f"{len(names)} patients. Pass a share in (0, 1) or a smaller number of patients."
        )
    rng = check_random_state(random_state)
    if Y is None:
        tested = np.isin(np.arange(len(names)), rng.permutation(len(names))[:n_test])
    else:
        counts = _counts(patients, label_matrix(caller, Y, len(patients)), len(names))
        share = n_test / len(names)
        tested = assign_patients(counts, [1 - share, share], rng) == 1
        if tested.all() or not tested.any():
            raise ECGError(
                f"{caller} expected enough patients to balance the labels; got {len(names)} for "
                f"test_size={test_size}. Increase test_size or leave out Y."
            )
    in_test = tested[patients]
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def check_patient_split(groups: ArrayLike, *index_arrays: ArrayLike) -> None:
    """Check that no patient is in more than one set of a split.

    .. versionadded:: 0.1

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Patient of each record.
    *index_arrays : array-like of int, or boolean masks of shape (n_samples,)
        Row numbers of each set: training, test and so on.

    Raises
    ------
    PatientLeakageError
        If a patient has records in two sets.
    ECGError
        If an argument is malformed.

    Examples
    --------
    >>> from ecgsk.model_selection import check_patient_split
    >>> check_patient_split(["a", "a", "b"], [0, 1], [2])
    >>> check_patient_split(["a", "a", "b"], [0], [1, 2])
    Traceback (most recent call last):
    ...
    ecgsk.exceptions.PatientLeakageError: check_patient_split expected each patient in one set...
    """
    caller = "check_patient_split"
    patients, names = number_patients(caller, groups)
    sets = [_has_record(caller, patients, len(names), index) for index in index_arrays]
    for (i, a), (j, b) in combinations(enumerate(sets), 2):
        shared = names[a & b]
        if len(shared):
            some = ", ".join(map(str, shared[:5])) + (", ..." if len(shared) > 5 else "")
            patients_are = "patient is" if len(shared) == 1 else "patients are"
            raise PatientLeakageError(
                f"{caller} expected each patient in one set of the split; {len(shared)} "
                f"{patients_are} in both index arrays {i} and {j}: {some}. Scores on patients of "
                "the training set are too high. Split by patient with patient_split(groups) or "
                "MultilabelGroupKFold."
            )


def _counts(patients: np.ndarray, labels: np.ndarray, n_patients: int) -> np.ndarray:
    """Count the records and the labels of each patient: (n_patients, 1 + n_labels)."""
    counts = np.empty((n_patients, 1 + labels.shape[1]))
    counts[:, 0] = np.bincount(patients, minlength=n_patients)
    for j, label in enumerate(labels.T, start=1):
        counts[:, j] = np.bincount(patients, weights=label, minlength=n_patients)
    return counts


def _has_record(caller: str, patients: np.ndarray, n_patients: int, index: ArrayLike) -> np.ndarray:
    """Return whether each patient has a record in `index`."""
    rows = np.asarray(index)
    is_mask = rows.dtype == bool and rows.shape == patients.shape
    if rows.size and not is_mask and (rows.ndim != 1 or rows.dtype.kind not in "iu"):
        raise ECGError(
            f"{caller} expected row numbers, or masks of shape ({len(patients)},); got "
            f"{rows.dtype} of shape {rows.shape}. Pass positions (iloc), not index labels."
        )
    rows = rows if is_mask else rows.astype(int)
    if not is_mask and rows.size and not -len(patients) <= rows.min() <= rows.max() < len(patients):
        raise ECGError(
            f"{caller} expected row numbers below {len(patients)}, the length of groups; got "
            f"{rows.min()} to {rows.max()}. Pass positions (iloc), not index labels."
        )
    has_record = np.zeros(n_patients, dtype=bool)
    has_record[patients[rows]] = True
    return has_record
