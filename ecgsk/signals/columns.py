"""ECG column of a data frame."""

from typing import Any

import pandas as pd

from ecgsk.exceptions import ECGError
from ecgsk.signals._array import ECGArray
from ecgsk.signals._dtype import ECGDtype


def find_ecg_column(X: Any, *, name: str = "ecgsk") -> Any:
    """Return the label of the ECG column; None without one or if X is not a DataFrame.

    Several ECG columns raise an `ECGError`.
    """
    if not isinstance(X, pd.DataFrame):
        return None
    found = [c for c, dtype in zip(X.columns, X.dtypes, strict=True) if isinstance(dtype, ECGDtype)]
    if len(found) > 1:
        raise ECGError(
            f"{name}: expected one ECG column, got {len(found)} ({', '.join(map(str, found))}). "
            "Drop all but one: X.drop(columns=[...])."
        )
    return found[0] if found else None


def ecg_column(X: Any, *, name: str = "ecgsk") -> ECGArray:
    """Return the ECGs of a data frame, a Series or an ECGArray.

    X without an ECG column, or with several, raises an `ECGError`.
    """
    if isinstance(X, ECGArray):
        return X
    if isinstance(X, pd.Series) and isinstance(X.dtype, ECGDtype):
        return X.array  # type: ignore[return-value]
    column = find_ecg_column(X, name=name)
    if column is None:
        if isinstance(X, pd.DataFrame):
            got = ", ".join(f"{column}: {dtype}" for column, dtype in X.dtypes.items())
            got = f"columns {got}" if got else "an empty frame"
        else:
            got = type(X).__name__
        raise ECGError(
            f"{name}: expected a DataFrame with an ECG column, got {got}. Create the column with "
            "X['ecg'] = ECGArray.from_numpy(x, sampling_rate=..., leads=...)."
        )
    return X[column].array
