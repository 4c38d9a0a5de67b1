"""Missing records (pd.NA in an ECG column) of a table."""

from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from ecgsk._missing_rows import check_some_records, warn_of_missing_records
from ecgsk.exceptions import SignalQualityError
from ecgsk.signals._dtype import ECGDtype
from ecgsk.signals.columns import find_ecg_column, restore_ecg_column


def missing_records(X: Any) -> np.ndarray | None:
    """Return which rows of X have no record; None if X has no ECG column."""
    X = restore_ecg_column(X)
    column = find_ecg_column(X)
    if column is not None:
        X = X[column]
    return np.asarray(X.isna()) if isinstance(getattr(X, "dtype", None), ECGDtype) else None


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
