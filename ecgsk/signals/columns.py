"""ECG column of a data frame."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_object_dtype

from ecgsk.exceptions import ECGError
from ecgsk.signals._array import ECGArray
from ecgsk.signals._dtype import ECGDtype
from ecgsk.signals._record import ECGRecord


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


def restore_ecg_column(X: Any, *, name: str = "ecgsk") -> Any:
    """Return X with records in columns of dtype object, or in a list, as an ECG column again.

    Other input is returned as it is; of a column, the first cell that is not missing is looked
    at. A 2-D object array of several columns has lost their names and raises an `ECGError`.
    """
    if isinstance(X, pd.DataFrame):
        if find_ecg_column(X, name=name) is not None:
            return X
        objects = [i for i, dtype in enumerate(X.dtypes) if is_object_dtype(dtype)]
        found = [i for i in objects if _has_records(X.iloc[:, i])]
        X = X.copy(deep=False) if found else X
        for i in found:
            X.isetitem(i, _restored(X.iloc[:, i]))
        return X
    if isinstance(X, pd.Series):
        return _restored(X) if is_object_dtype(X.dtype) and _has_records(X) else X
    if isinstance(X, list) and X and isinstance(X[0], ECGRecord):
        return ECGArray._from_sequence(X)
    if not (isinstance(X, np.ndarray) and X.dtype == object and X.size and X.ndim in (1, 2)):
        return X
    columns = X.reshape(len(X), -1).T
    if not any(map(_has_records, columns)):
        return X
    if len(columns) > 1:
        raise ECGError(
            f"{name} expected a DataFrame with an ECG column, got an array of objects of shape "
            f"{X.shape}, whose columns have lost their names. A transformer before it must return "
            "a DataFrame: ColumnTransformer(...).set_output(transform='pandas'). To a "
            "meta-estimator that makes an array of X, give the ECG column alone: X[['ecg']]."
        )
    return ECGArray._from_sequence(columns[0])


def _has_records(cells: Any) -> bool:
    first = next((cell for cell in cells if isinstance(cell, ECGRecord) or pd.notna(cell)), None)
    return isinstance(first, ECGRecord)


def _restored(cells: pd.Series) -> pd.Series:
    return pd.Series(ECGArray._from_sequence(cells), index=cells.index, name=cells.name)
