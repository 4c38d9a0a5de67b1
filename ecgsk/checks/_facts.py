"""One column of a table, described once for all checks."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

#: Rows looked at before a whole column is: enough for a share of 1 %, 2 ms a column.
MAX_SAMPLE_ROWS = 20_000
#: Text values looked at for their format.
_MAX_SAMPLE_LEVELS = 500
#: A format is that of the column from this share of its distinct values on.
_MIN_SHARE = 0.5

Kind = Literal["number", "boolean", "text", "category", "date", "other"]


def sample_rows(n_rows: int, n_wanted: int = MAX_SAMPLE_ROWS) -> np.ndarray:
    """Return at most `n_wanted` row numbers, evenly spaced."""
    if n_rows <= n_wanted:
        return np.arange(n_rows)
    return np.linspace(0, n_rows - 1, n_wanted).astype(np.intp)


@dataclass(frozen=True, eq=False)
class Column:
    """A clinical column: its name, its values and what follows from them, computed on demand."""

    label: Any
    values: pd.Series

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Words of the name in lower case, without the prefix of a ColumnTransformer."""
        name = str(self.label).rpartition("__")[2]
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
        return tuple(re.findall(r"[^\W_]+", name.lower()))

    @cached_property
    def kind(self) -> Kind:
        """Kind of the values; text in an object column is text."""
        return _kind(self.values)

    @cached_property
    def is_known(self) -> np.ndarray:
        """True where there is a value."""
        return self.values.notna().to_numpy()

    @cached_property
    def n_known(self) -> int:
        """Number of values that are not missing."""
        return int(self.is_known.sum())

    @cached_property
    def levels(self) -> pd.Index:
        """Distinct values of a text, category or object column; empty for unhashable ones."""
        if isinstance(self.values.dtype, pd.CategoricalDtype):
            codes = self.values.cat.codes.to_numpy()
            return self.values.cat.categories[np.unique(codes[codes >= 0])]
        try:
            return pd.Index(self.values.dropna().unique(), dtype=object)
        except TypeError:
            return pd.Index([], dtype=object)

    @cached_property
    def texts(self) -> list[str]:
        """Some distinct text values, stripped."""
        some = self.levels[sample_rows(len(self.levels), _MAX_SAMPLE_LEVELS)]
        return [value.strip() for value in some if isinstance(value, str)]

    @cached_property
    def sample(self) -> np.ndarray:
        """Some values of a number column as float64, NaN where missing."""
        some = self.values.iloc[sample_rows(len(self.values))]
        return some.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)

    @cached_property
    def is_whole(self) -> bool:
        """True for a number column whose known values are whole numbers."""
        known = self.sample[np.isfinite(self.sample)]
        return bool(len(known)) and bool((known == np.floor(known)).all())

    @cached_property
    def distinct(self) -> np.ndarray:
        """Sorted distinct values of a number column, in full."""
        values = self.values.dropna().to_numpy(dtype=np.float64)
        return np.unique(values)

    def share(self, pattern: re.Pattern[str]) -> float:
        """Return the share of distinct text values that match a pattern in full."""
        if not self.texts:
            return 0.0
        return sum(bool(pattern.fullmatch(text)) for text in self.texts) / len(self.texts)

    def mostly(self, pattern: re.Pattern[str]) -> bool:
        """Return whether at least half of the distinct text values match a pattern in full."""
        return self.share(pattern) >= _MIN_SHARE


def _kind(values: pd.Series) -> Kind:
    dtype = values.dtype
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_complex_dtype(dtype):
        return "other"
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if isinstance(dtype, pd.StringDtype):
        return "text"
    if dtype.kind in "mM" or isinstance(dtype, (pd.PeriodDtype, pd.DatetimeTZDtype)):
        return "date"
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    kinds: dict[str, Kind] = {
        "boolean": "boolean",
        "string": "text",
        "empty": "text",
        "mixed-integer": "text",  # numbers and text
        "integer": "number",
        "floating": "number",
        "mixed-integer-float": "number",
        "decimal": "number",
    }
    if inferred in kinds:
        return kinds[inferred]
    if inferred in ("date", "datetime", "datetime64", "time", "timedelta", "period"):
        return "date"
    is_text = [isinstance(value, str) for value in values.dropna().iloc[:MAX_SAMPLE_ROWS]]
    return "text" if any(is_text) else "other"
