"""Missing records (pd.NA in an ECG column): left out of training and scores, not predicted."""

import warnings
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from ecgsk.exceptions import SignalQualityError, SignalQualityWarning
from ecgsk.signals._dtype import ECGDtype
from ecgsk.signals.columns import find_ecg_column, restore_ecg_column

_NAMED_ROWS = 10


def missing_records(X: Any) -> np.ndarray | None:
    """Return which rows of X have no record; None if X has no ECG column."""
    X = restore_ecg_column(X)
    column = find_ecg_column(X)
    if column is not None:
        X = X[column]
    return np.asarray(X.isna()) if isinstance(getattr(X, "dtype", None), ECGDtype) else None


def warn_of_missing_records(caller: str, missing: np.ndarray, what: str) -> None:
    """Warn that the records of a mask are missing, and what becomes of them."""
    rows = np.flatnonzero(missing)
    more = ", ..." if len(rows) > _NAMED_ROWS else ""
    warnings.warn(
        f"{caller}: {len(rows)} of {len(missing)} records are missing and {what} (rows "
        f"{', '.join(map(str, rows[:_NAMED_ROWS]))}{more}). QualityGate.describe(X) states why it "
        "refused a record.",
        SignalQualityWarning,
        stacklevel=4,
    )


def check_some_records(caller: str, missing: np.ndarray) -> None:
    """Raise unless one record at least is there."""
    if missing.all():
        raise SignalQualityError(
            f"{caller}: expected at least one record, got {len(missing)} that are all missing. "
            "QualityGate.describe(X) states why it refused them; lower its min_quality."
        )


def leave_out_missing(caller: str, X: Any, *others: Any) -> tuple[Any, ...]:
    """Return X and others of the same rows without missing records; warn of their number."""
    missing = missing_records(X)
    if missing is None or not missing.any():
        return (X, *others)
    check_some_records(caller, missing)
    warn_of_missing_records(caller, missing, "left out")
    kept = np.flatnonzero(~missing)
    return tuple(part if part is None else _safe_indexing(part, kept) for part in (X, *others))


def refuse_missing(caller: str, X: Any) -> None:
    """Raise if a record is missing."""
    missing = missing_records(X)
    if missing is not None and missing.any():
        raise SignalQualityError(
            f"{caller}: expected records with a signal; {missing.sum()} of {len(missing)} are "
            f"missing, such as row {np.argmax(missing)}. Leave them out: "
            "X = X[X['ecg'].notna()]."
        )


def not_predicted(P: np.ndarray) -> np.ndarray:
    """Return which rows of probabilities are NaN throughout: those of missing records."""
    P = np.asarray(P)
    return np.isnan(P.reshape(len(P), -1)).all(axis=1)


def with_missing_rows(predicted: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return predictions with NaN in the rows of missing records.

    Integers become floats and other classes objects, but only where a record is missing.
    """
    if not missing.any():
        return predicted
    predicted = predicted.astype(np.float64 if predicted.dtype.kind in "iuf" else object)
    predicted[missing] = np.nan
    return predicted
