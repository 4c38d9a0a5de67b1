"""Input checks for labels and scores."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from ecgsk.exceptions import AlignmentError, ECGError


class LabelsAndScores(NamedTuple):
    """Checked labels and scores (n_samples, n_labels) with the names of the labels."""

    Y: np.ndarray
    P: np.ndarray
    names: tuple[str, ...]


def check_labels_and_scores(caller: str, Y: ArrayLike, P: ArrayLike) -> LabelsAndScores:
    """Check labels (0, 1 or NaN) and finite scores, and convert them to float matrices.

    One column may be a vector. Raise ECGError, which starts with `caller`, if shapes, columns,
    row indexes or values do not fit.
    """
    _check_same_axes(caller, Y, P)
    names = tuple(str(name) for name in getattr(Y, "columns", ()))
    labels, scores = _as_matrix(caller, "Y", Y), _as_matrix(caller, "P", P)
    if labels.shape != scores.shape:
        raise ECGError(
            f"{caller} expected Y and P of one shape (n_samples, n_labels); got Y {labels.shape} "
            f"and P {scores.shape}. Score the rows of Y only and keep one column for each label."
        )
    if labels.size == 0:
        raise ECGError(
            f"{caller} expected at least one record and one label; got Y {labels.shape}. "
            "Pass rows and columns to score."
        )
    wrong = ~(np.isnan(labels) | (labels == 0) | (labels == 1))
    if wrong.any():
        raise ECGError(
            f"{caller} expected labels 0, 1 or NaN (not measured) in Y; got "
            f"{labels[wrong][0]:g} and {wrong.sum() - 1} more such values. "
            "Convert grades and infinities to 0, 1 or NaN first."
        )
    if not np.isfinite(scores).all():
        raise ECGError(
            f"{caller} expected finite scores in P; got {np.isnan(scores).sum()} NaN and "
            f"{np.isinf(scores).sum()} infinite values. Leave records without a score out of "
            "both Y and P."
        )
    return LabelsAndScores(labels, scores, names or tuple(map(str, range(labels.shape[1]))))


def _as_matrix(caller: str, what: str, values: Any) -> np.ndarray:
    """Convert to a float matrix; one-dimensional input becomes one column."""
    if sparse.issparse(values):
        values = values.toarray()
    try:
        if hasattr(values, "columns"):  # nullable columns hold pd.NA
            matrix = values.to_numpy(dtype=float, na_value=np.nan)
        else:
            matrix = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ECGError(
            f"{caller} expected numbers in {what}; got {error}. Encode them as numbers first."
        ) from error
    if matrix.ndim == 1:
        matrix = matrix[:, np.newaxis]
    if matrix.ndim != 2:
        raise ECGError(
            f"{caller} expected {what} of shape (n_samples, n_labels); got {matrix.shape}. "
            "Stack a list of (n_samples, 2) arrays with np.column_stack([p[:, 1] for p in P])."
        )
    return matrix


def check_same_rows(caller: str, Y: Any, other: Any, what: str) -> None:
    """Raise AlignmentError if two pandas objects of one length differ in their row index."""
    rows: Any = getattr(Y, "index", None)
    others: Any = getattr(other, "index", None)
    if not (hasattr(rows, "equals") and hasattr(others, "equals")):
        return  # a list has an attribute called index
    if len(rows) == len(others) and not rows.equals(others):
        raise AlignmentError(
            f"{caller} expected {what} to have Y's row index; got rows {list(others[:3])}... for "
            f"{list(rows[:3])}... . Pass {what}.loc[Y.index], or {what}.set_axis(Y.index) if the "
            "rows are in the same order."
        )


def _check_same_axes(caller: str, Y: Any, P: Any) -> None:
    """Check that two DataFrames have the same rows and columns, so that labels match scores."""
    check_same_rows(caller, Y, P, "P")
    if not (hasattr(Y, "columns") and hasattr(P, "columns")):
        return
    if list(Y.columns) != list(P.columns) and Y.shape == P.shape:
        raise AlignmentError(
            f"{caller} expected P to have Y's columns in Y's order; got {list(P.columns)[:5]}... "
            f"for {list(Y.columns)[:5]}... . Pass P[Y.columns]."
        )


def probability_matrix(P: Any, y: ArrayLike) -> Any:
    """Convert the output of ``predict_proba`` to one column for each label of `y`."""
    if isinstance(P, list):  # of forests: one (n_samples, 2) array for each label
        P = np.column_stack([p[:, 1] for p in P])
    if np.ndim(y) == 1 and np.ndim(P) == 2 and np.shape(P)[1] == 2:
        P = np.asarray(P)[:, 1]
    return P
