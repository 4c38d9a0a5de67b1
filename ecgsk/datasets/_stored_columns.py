"""Columns in a form that Parquet and JSON store, and back."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ecgsk.exceptions import ECGError


def to_storable(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a table that Parquet stores, and the facts that `from_storable` needs.

    Categories that Parquet cannot store, such as the intervals of `pandas.cut`, become text.
    Raises for any other column that cannot be stored.
    """
    stored, facts = frame.copy(deep=False), {}
    for column in frame.columns:
        values = frame[column]
        if not isinstance(values.dtype, pd.CategoricalDtype):
            _check_values(values, column)
        elif (stated := _category_facts(values.cat.categories, column)) is not None:
            facts[column] = stated
            if "values" in stated or "breaks" in stated:
                stored[column] = values.cat.rename_categories(list(map(str, values.cat.categories)))
    return stored, facts


def from_storable(frame: pd.DataFrame, facts: dict[str, Any]) -> pd.DataFrame:
    """Undo `to_storable`."""
    frame = frame.copy(deep=False)
    for column, stated in facts.items():
        values = frame[column]
        if "breaks" in stated:
            left, right = (pd.Index(side, dtype=stated["dtype"]) for side in stated["breaks"])
            found: pd.Index = pd.IntervalIndex.from_arrays(left, right, closed=stated["closed"])
        else:
            found = pd.Index(stated.get("values", values.cat.categories), dtype=stated["dtype"])
        coded = pd.Categorical.from_codes(values.cat.codes, found, ordered=values.cat.ordered)
        frame[column] = pd.Series(coded, index=frame.index)
    return frame


def _category_facts(categories: pd.Index, column: Any) -> dict[str, Any] | None:
    """Return how to make the categories again; None where they are text."""
    if isinstance(categories, pd.IntervalIndex):
        left, right = categories.left, categories.right
        if pd.api.types.is_numeric_dtype(left) and np.isfinite([*left, *right]).all():
            breaks = [left.tolist(), right.tolist()]
        else:
            breaks = [[str(bound) for bound in side] for side in (left, right)]
        return {"breaks": breaks, "closed": categories.closed, "dtype": str(left.dtype)}
    kind = pd.api.types.infer_dtype(categories, skipna=False)
    if kind in ("string", "empty"):
        same = categories.dtype == pd.Index(list(categories)).dtype
        return None if same else {"dtype": str(categories.dtype)}
    if isinstance(categories, pd.DatetimeIndex):
        return {"values": [str(time) for time in categories], "dtype": str(categories.dtype)}
    if kind == "floating" and not np.isfinite(categories).all():
        return {"values": [str(number) for number in categories], "dtype": str(categories.dtype)}
    if kind in ("integer", "floating", "boolean"):
        return {"dtype": str(categories.dtype)}
    raise ECGError(
        f"write_cohort: expected categories of text, numbers, times or intervals in column "
        f"{column!r}, got {kind} ones. Use X[{column!r}].astype(str).astype('category')."
    )


def _check_values(values: pd.Series, column: Any) -> None:
    """Raise where Parquet cannot store a column; quick for numbers, booleans and times."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biufmM":
        return
    try:
        if isinstance(values.dtype, pd.SparseDtype):
            raise TypeError("it is sparse")
        pa.array(values, from_pandas=True)
    # pyarrow raises errors of many classes, and pandas others.
    except Exception as error:
        kind = pd.api.types.infer_dtype(values, skipna=True)
        raise ECGError(
            f"write_cohort: Parquet cannot store the column {column!r} of {values.dtype} "
            f"({kind}): {str(error).splitlines()[0]}. Make it one type, such as with "
            "astype(str) or pd.to_numeric(..., errors='coerce')."
        ) from error
