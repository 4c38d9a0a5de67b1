"""Find the ECG column of a table."""

from typing import Any

import pandas as pd

from ecgsk.exceptions import ECGError
from ecgsk.signals._array import ECGArray
from ecgsk.signals._dtype import ECGDtype


def find_ecg_column(X: Any, *, name: str = "ecgsk") -> Any:
    """Name of the column that holds ECGs.

    Parameters
    ----------
    X : DataFrame
        Anything else has no ECG column.
    name : str
        Who asks: the error starts with it.

    Returns
    -------
    column label or None
        None when no column holds ECGs.

    Raises
    ------
    ECGError
        When several do.

    Examples
    --------
    >>> find_ecg_column(pd.DataFrame({"age": [70]})) is None
    True
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
    """Get the ECGs of a table, a Series or an ECGArray.

    Parameters
    ----------
    X : DataFrame with one ECG column, Series of ECGs, or ECGArray
        What the caller was given.
    name : str
        Who asks: the error starts with it.

    Returns
    -------
    ECGArray

    Raises
    ------
    ECGError
        When there is no ECG column, or several.
    """
    if isinstance(X, ECGArray):
        return X
    if isinstance(X, pd.Series) and isinstance(X.dtype, ECGDtype):
        return X.array  # type: ignore[return-value]
    column = find_ecg_column(X, name=name)
    if column is None:
        if isinstance(X, pd.DataFrame):
            came = ", ".join(f"{column}: {dtype}" for column, dtype in X.dtypes.items())
            came = f"columns {came}" if came else "an empty frame"
        else:
            came = type(X).__name__
        raise ECGError(
            f"{name}: expected a DataFrame with an ECG column, got {came}. Make the column with "
            "X['ecg'] = ECGArray.from_numpy(x, sampling_rate=..., leads=...)."
        )
    return X[column].array
