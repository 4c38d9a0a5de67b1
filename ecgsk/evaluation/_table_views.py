"""Views of the clinical table: values without masks, masks without values, demographics."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

# Columns that are taken as demographics where X has them.
DEMOGRAPHICS = ("age", "sex", "gender", "male", "race", "ethnicity", "height", "weight", "bmi")

# Returns X with its clinical columns changed. The arguments are X, its clinical columns, and the
# numbers of the training rows, by which alone the change is fitted.
TableView = Callable[[pd.DataFrame, Sequence[Any], np.ndarray], pd.DataFrame]


def fill_values(X: pd.DataFrame, columns: Sequence[Any], train: np.ndarray) -> pd.DataFrame:
    """Fill missing values: the median of a number, the most frequent level of a category.

    Statistics are those of the training rows. A column without a value there is constant.
    """
    return _with_columns(X, columns, lambda column: _fill(column, column.iloc[train]))


def mark_measured(X: pd.DataFrame, columns: Sequence[Any], train: np.ndarray) -> pd.DataFrame:
    """Replace each column by 1 where a value was measured, else 0."""
    return _with_columns(X, columns, lambda column: column.notna().astype(float))


def find_demographics(columns: Sequence[Any], named: Sequence[Any] | None) -> list[Any]:
    """Return the demographic columns among the clinical ones: the named, or the known names."""
    return [name for name in columns if name in (DEMOGRAPHICS if named is None else named)]


def _with_columns(
    X: pd.DataFrame, columns: Sequence[Any], change: Callable[[pd.Series], pd.Series]
) -> pd.DataFrame:
    chosen = set(columns)
    # Column by column: names may be other things than the strings that `assign` takes.
    changed = {name: change(X[name]) if name in chosen else X[name] for name in X.columns}
    return pd.DataFrame(changed, index=X.index)


def _fill(column: pd.Series, training: pd.Series) -> pd.Series:
    known = training.dropna()
    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
        return column.astype(float).fillna(known.astype(float).median() if len(known) else 0.0)
    if len(known) == 0:
        return pd.Series(0.0, index=column.index)
    return column.fillna(known.mode().iloc[0])
