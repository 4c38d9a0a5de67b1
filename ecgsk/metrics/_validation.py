"""Labels and scores as two float matrices, with errors that say what to do."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError


class LabelsAndScores(NamedTuple):
    """Checked input of a multi-label metric."""

    Y: np.ndarray
    P: np.ndarray
    names: tuple[str, ...]


def check_labels_and_scores(caller: str, Y: ArrayLike, P: ArrayLike) -> LabelsAndScores:
    """Return `Y` (0/1/NaN) and `P` (finite) as ``(n_samples, n_labels)`` floats, and label names.

    Parameters
    ----------
    caller : str
        Name of the public function; errors begin with it.
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities: higher means more likely to be 1.

    Raises
    ------
    ECGError
        Shapes, columns or rows differ; a label is not 0, 1 or NaN; a score is not finite.
    """
    _check_same_axes(caller, Y, P)
    names = tuple(str(name) for name in getattr(Y, "columns", ()))
    labels, scores = _as_matrix(caller, "Y", Y), _as_matrix(caller, "P", P)
    if labels.shape != scores.shape:
        raise ECGError(
            f"{caller} expected Y and P of one shape (n_samples, n_labels); got Y {labels.shape} "
            f"and P {scores.shape}. Score the rows of Y only and keep one column a label."
        )
    if labels.size == 0:
        raise ECGError(
            f"{caller} expected at least one record and one label; got Y {labels.shape}."
        )
    wrong = ~(np.isnan(labels) | (labels == 0) | (labels == 1))
    if wrong.any():
        raise ECGError(
            f"{caller} expected labels 0, 1 or NaN (not measured) in Y; got "
            f"{labels[wrong][0]:g} and {wrong.sum() - 1} more such values. "
            "Turn grades or infinities into 0, 1 or NaN first."
        )
    if not np.isfinite(scores).all():
        raise ECGError(
            f"{caller} expected finite scores in P; got {np.isnan(scores).sum()} NaN and "
            f"{np.isinf(scores).sum()} infinite values. A record without a score must be "
            "left out of both Y and P."
        )
    return LabelsAndScores(labels, scores, names or tuple(map(str, range(labels.shape[1]))))


def _as_matrix(caller: str, what: str, values: Any) -> np.ndarray:
    """Return a float matrix; one-dimensional input becomes one column."""
    try:
        if hasattr(values, "columns"):  # nullable columns spell a missing value pd.NA
            matrix = values.to_numpy(dtype=float, na_value=np.nan)
        else:
            matrix = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ECGError(f"{caller} expected numbers in {what}; got {error}.") from error
    if matrix.ndim == 1:
        matrix = matrix[:, np.newaxis]
    if matrix.ndim != 2:
        raise ECGError(
            f"{caller} expected {what} of shape (n_samples, n_labels); got {matrix.shape}. "
            "A list of (n_samples, 2) arrays stacks with np.column_stack([p[:, 1] for p in P])."
        )
    return matrix


def check_same_rows(caller: str, Y: Any, other: Any, what: str) -> None:
    """Two pandas objects must agree row by row: nothing is set against another record.

    Raises
    ------
    ECGError
        Both have an index and as many rows, but the indexes differ.
    """
    rows: Any = getattr(Y, "index", None)
    others: Any = getattr(other, "index", None)
    if not (hasattr(rows, "equals") and hasattr(others, "equals")):
        return  # lists too have an attribute called index
    if len(rows) == len(others) and not rows.equals(others):
        raise ECGError(
            f"{caller} expected {what} to have Y's row index; got rows {list(others[:3])}... for "
            f"{list(rows[:3])}... . Pass {what}.loc[Y.index], or {what}.set_axis(Y.index) if the "
            "rows are in the same order."
        )


def _check_same_axes(caller: str, Y: Any, P: Any) -> None:
    """Two frames must agree by name: a score is never silently set against another label."""
    check_same_rows(caller, Y, P, "P")
    if not (hasattr(Y, "columns") and hasattr(P, "columns")):
        return
    if list(Y.columns) != list(P.columns) and Y.shape == P.shape:
        raise ECGError(
            f"{caller} expected P to have Y's columns in Y's order; got {list(P.columns)[:5]}... "
            f"for {list(Y.columns)[:5]}... . Pass P[Y.columns]."
        )
