"""Checks of columns: repeated names, prefixes, infinite, constant and missing values."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ecgsk.checks._facts import Column
from ecgsk.checks._table import Table
from ecgsk.checks.findings import Finding, name_columns


def check_names(table: Table) -> Iterator[Finding]:
    """Find repeated column names, and a patient column that a ColumnTransformer renamed."""
    names = table.X.columns
    twice = names[names.duplicated()].unique()
    if len(twice):
        yield Finding(
            "error",
            "duplicate name",
            tuple(twice),
            len(table),
            f"X has several columns of one name: {name_columns(twice)}.",
            "Rename or drop them: X.loc[:, ~X.columns.duplicated()] keeps the first of each.",
            can_be_meant=False,
        )
    prefixed = [name for name in table.clinical if str(name).rpartition("__")[0]]
    if prefixed:
        yield Finding(
            "note",
            "prefix",
            tuple(prefixed),
            len(table),
            f"{name_columns(prefixed)}: names with a prefix, as ColumnTransformer makes them; "
            "age and sex, for example, are not found for subgroups.",
            "Use ColumnTransformer(..., verbose_feature_names_out=False).",
        )
    group = table.group_column
    renamed = [name for name in names if str(name).rpartition("__")[2] == str(group) != str(name)]
    if renamed and group not in names:
        yield Finding(
            "error",
            "renamed",
            tuple(renamed),
            len(table),
            f"The column of patients is now {str(renamed[0])!r}, as ColumnTransformer names it, "
            f"so that {str(group)!r} is not found and patients are not kept together.",
            "Use ColumnTransformer(..., verbose_feature_names_out=False), or set "
            f"group_column={str(renamed[0])!r}.",
            can_be_meant=False,
        )


def check_numbers(table: Table) -> Iterator[Finding]:
    """Find infinite values, columns without values and constant columns."""
    for column in table.columns:
        name = str(column.label)
        if not column.n_known:
            yield _note(column, "empty", f"The column {name!r} has no value.")
            continue
        n_infinite = _count_infinite(column)
        if n_infinite:
            yield Finding(
                "error",
                "infinite",
                (column.label,),
                n_infinite,
                f"The clinical column {name!r} holds infinity in {n_infinite:,} records.",
                f"A missing value is NaN: X[{name!r}].replace([np.inf, -np.inf], np.nan).",
                can_be_meant=False,
            )
        elif len(table) > 1 and _is_constant(column):
            yield _note(column, "constant", f"The column {name!r} has one value in all records.")


def _note(column: Column, kind: str, message: str) -> Finding:
    mend = "It can be dropped: nothing is learned from it."
    return Finding("note", kind, (column.label,), column.n_known, message, mend)


def _count_infinite(column: Column) -> int:
    dtype = column.values.dtype
    if column.kind != "number" or pd.api.types.is_integer_dtype(dtype):
        return 0
    return int(np.isinf(column.values.to_numpy(dtype=np.float64, na_value=np.nan)).sum())


def _is_constant(column: Column) -> bool:
    if column.kind in ("text", "category"):
        return len(column.levels) == 1
    if column.kind != "number":
        return False
    low, high = np.nanmin(column.sample), np.nanmax(column.sample)
    return bool(low == high) and column.values.nunique() == 1
