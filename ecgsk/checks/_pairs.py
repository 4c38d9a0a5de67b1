"""Checks of training and test tables: shared patients and signals, and other differences."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ecgsk.checks._facts import Column
from ecgsk.checks._table import Table
from ecgsk.checks.findings import Finding, name_columns

#: Values of a column on either side from which on its ranges are compared.
_MIN_VALUES = 20
#: Quantiles of training that the median of the other table must lie between.
_QUANTILES = (0.005, 0.995)


def check_sides(table: Table, other: Table) -> Iterator[Finding]:
    """Find patients and signals on both sides, and columns that differ between them."""
    yield from _shared_patients(table, other)
    yield from _shared_signals(table, other)
    absent = [name for name in table.clinical if name not in other.X.columns]
    if absent:
        yield Finding(
            "warning",
            "missing column",
            tuple(absent),
            len(other),
            f"The other table lacks {name_columns(absent)}.",
            "Add them, as NaN where nothing was measured.",
        )
    columns = {column.label: column for column in other.columns}
    for column in table.columns:
        if column.label in columns:
            yield from _different_values(column, columns[column.label])


def _shared_patients(table: Table, other: Table) -> Iterator[Finding]:
    group = table.group_column
    if group not in table.X.columns or group not in other.X.columns:
        return
    names = set(table.X[group].dropna().astype(str))
    is_shared = other.X[group].astype(str).isin(names)
    if is_shared.any():
        n_patients = other.X[group][is_shared].nunique()
        yield Finding(
            "error",
            "shared patients",
            (group,),
            int(is_shared.sum()),
            f"{n_patients:,} patients of the other table are in this one too, with "
            f"{int(is_shared.sum()):,} records.",
            "Split by patient: ecgsk.model_selection.patient_split(groups).",
            can_be_meant=False,
        )


def _shared_signals(table: Table, other: Table) -> Iterator[Finding]:
    if table.digests is None or other.digests is None:
        return
    n_shared = int((np.isin(other.digests, table.digests) & (other.digests != 0)).sum())
    if n_shared:
        yield Finding(
            "error",
            "shared signals",
            (),
            n_shared,
            f"{n_shared:,} records of the other table have the samples of a record of this one.",
            "Drop them from one side, and check the patients.",
            can_be_meant=False,
        )


def _different_values(column: Column, other: Column) -> Iterator[Finding]:
    name = str(column.label)
    if column.kind in ("text", "category") and other.kind in ("text", "category"):
        unknown = other.levels.difference(column.levels, sort=False)
        if len(unknown):
            n_records = int(other.values.isin(unknown).sum())
            yield Finding(
                "warning",
                "unknown category",
                (column.label,),
                n_records,
                f"{n_records:,} records of the other table have {len(unknown)} categories in "
                f"{name!r} that this one lacks.",
                "A model takes them as missing. Use the same spelling on both sides.",
            )
    elif column.kind == other.kind == "number":
        known, others = (side.sample[~np.isnan(side.sample)] for side in (column, other))
        if min(len(known), len(others)) < _MIN_VALUES:
            return
        low, high = np.quantile(known, _QUANTILES)
        if not low <= np.median(others) <= high:
            yield Finding(
                "warning",
                "other range",
                (column.label,),
                other.n_known,
                f"The median of {name!r} is {np.median(others):.3g} in the other table and "
                f"{np.median(known):.3g} in this one.",
                "Check that both have the same unit.",
            )
    elif pd.api.types.is_numeric_dtype(column.values) != pd.api.types.is_numeric_dtype(
        other.values
    ):
        yield Finding(
            "warning",
            "other dtype",
            (column.label,),
            other.n_known,
            f"{name!r} has dtype {column.values.dtype} here and {other.values.dtype} in the other "
            "table.",
            "Convert one of them.",
        )
