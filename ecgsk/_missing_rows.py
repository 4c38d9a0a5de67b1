"""Rows of missing records: warnings that count them, and predictions without them."""

import warnings

import numpy as np

from ecgsk.exceptions import SignalQualityError, SignalQualityWarning

_NAMED_ROWS = 10


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
