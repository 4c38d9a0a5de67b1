"""Patient of each record, the unit of splits and bootstraps."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError


def find_patients(X: Any, groups: Any, group_column: str) -> Any:
    """Return `groups`, else X's group column, else None."""
    if groups is None and group_column in getattr(X, "columns", ()):
        return X[group_column]
    return groups


def number_patients(
    caller: str, groups: ArrayLike, n_samples: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Assign patient numbers (int32) in sorted order of the identifiers.

    Return the number of each record's patient and the identifier of each number. `groups` that
    are None, of another shape, incomplete or of mixed types raise an `ECGError`, which names
    the public function `caller`.

    Examples
    --------
    >>> number_patients("split", ["b", "a", "b"])
    (array([1, 0, 1], dtype=int32), array(['a', 'b'], dtype='<U1'))
    """
    if groups is None:
        raise ECGError(
            f"{caller} expected groups, the patient of each record; got None. "
            "Pass groups=X['subject_id']."
        )
    values = np.asarray(groups)
    if values.ndim != 1 or (n_samples is not None and len(values) != n_samples):
        raise ECGError(
            f"{caller} expected groups of shape ({n_samples or 'n_samples'},), the patient of "
            f"each record; got {values.shape}. Pass X['subject_id'] of the same rows."
        )
    n_missing = _count_missing(groups, values)
    if n_missing:
        raise ECGError(
            f"{caller} expected a patient for each record; got {n_missing} records without one. "
            "Drop them or give each an identifier of its own."
        )
    try:
        names, patients = np.unique(values, return_inverse=True)
    except TypeError as error:
        raise ECGError(
            f"{caller} expected patient identifiers of one type; got {error}. "
            "Pass X['subject_id'].astype(str)."
        ) from error
    return patients.astype(np.int32), names


def _count_missing(groups: Any, values: np.ndarray) -> int:
    if hasattr(groups, "isna"):  # pandas marks missing values by None, NaN, NaT or pd.NA
        return int(np.asarray(groups.isna()).sum())
    if values.dtype == object:
        return sum(value is None or value != value for value in values)
    return int((values != values).sum())
