"""Disclosure control: levels of few patients are pooled, in models and in tables."""

from typing import Any

import numpy as np
import pandas as pd

#: What is kept or shown of a table describes this many patients or more, a usual rule of
#: statistical offices (Hundepool et al., "Statistical disclosure control", 2012).
MIN_PATIENTS = 5
#: A smaller table has too few patients to hide one among the others, and is kept as it is.
MIN_PATIENTS_IN_TABLE = 20
#: Name of the pooled level of fewer patients.
RARE = "(rare)"


def frequent_levels(column: pd.Series, patients: Any) -> list:
    """Return the levels of a column, in order, without those of few patients.

    The last level is `RARE` where the others have enough patients together. True and False
    identify nobody, and are kept.
    """
    values, whose = column.astype(object), pd.Series(np.asarray(patients), column.index)
    levels = sorted(values.dropna().unique().tolist(), key=str)
    if whose.nunique() < MIN_PATIENTS_IN_TABLE or all(isinstance(level, bool) for level in levels):
        return levels
    n_patients = whose.groupby(values).nunique()
    kept = [level for level in levels if n_patients[level] >= MIN_PATIENTS]
    is_rare = values.notna() & ~values.isin(kept)
    return [*kept, RARE] if whose[is_rare].nunique() >= MIN_PATIENTS else kept


def coarse_ends(values: np.ndarray, patients: np.ndarray) -> tuple[float, float] | None:
    """Return the medians of the lowest and the highest patients; None where they are too few.

    `values` are known and ascending. The ends of many records of one patient are one patient's.
    """
    whose = pd.Series(patients)
    lowest, highest = values[~whose.duplicated()], values[~whose.duplicated(keep="last")]
    if len(lowest) < MIN_PATIENTS:
        return None
    return float(np.median(lowest[:MIN_PATIENTS])), float(np.median(highest[-MIN_PATIENTS:]))


def enough_patients(values: pd.Series, patients: pd.Series) -> bool:
    """Return whether a statistic of known values, of rows of a table, describes enough patients."""
    if patients.nunique() < MIN_PATIENTS_IN_TABLE:
        return True
    return patients[values.index[values.notna()]].nunique() >= MIN_PATIENTS


def pool_rare_levels(column: pd.Series, patients: Any) -> pd.Series:
    """Return a column with levels of few patients as `RARE`, or missing where still too few.

    A column of numbers, or without such levels, is returned as it is.

    Examples
    --------
    >>> ward = pd.Series(["a"] * 15 + ["b"] * 4 + ["Jane Doe"])
    >>> pool_rare_levels(ward, range(20)).value_counts().to_dict()
    {'a': 15, '(rare)': 5}
    """
    if pd.api.types.is_numeric_dtype(column):
        return column
    levels = frequent_levels(column, patients)
    values = column.astype(object)
    is_rare = values.notna() & ~values.isin(levels)
    if isinstance(column.dtype, pd.CategoricalDtype):  # unused categories are levels too
        column = column.cat.remove_unused_categories()
    if not is_rare.any():
        return column
    pooled = values.mask(is_rare, RARE if levels and levels[-1] == RARE else np.nan)
    return pooled.astype("category") if isinstance(column.dtype, pd.CategoricalDtype) else pooled


def cap_extremes(column: pd.Series, patients: Any) -> pd.Series:
    """Return numbers with those beyond `coarse_ends` set to the ends; others as they are."""
    whose = np.asarray(patients)
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if not is_number or pd.Series(whose).nunique() < MIN_PATIENTS_IN_TABLE:
        return column
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    order = np.argsort(values)[: np.count_nonzero(~np.isnan(values))]
    ends = coarse_ends(values[order], whose[order])
    if ends is None:
        return pd.Series(np.nan, column.index, name=column.name)
    return column.clip(*ends).astype(column.dtype)


def disclosed(table: pd.DataFrame, patients: Any) -> pd.DataFrame:
    """Return a table with rare levels pooled and extremes capped, column by column."""
    columns = {
        name: cap_extremes(pool_rare_levels(table[name], patients), patients) for name in table
    }
    return pd.DataFrame(columns, index=table.index, columns=table.columns)
