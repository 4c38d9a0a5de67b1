"""Checks that tables which are combined by position hold the same records and labels.

scikit-learn combines X, y, groups and weights by position and ignores their indexes. Two
indexes that name the same records in another order therefore pair each record with another
record's label, without an error.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from ecgsk.exceptions import AlignmentError


def check_row_order(caller: str, reference: Any, name: str = "X", /, **others: Any) -> None:
    """Raise AlignmentError if the index of a table names `reference`'s records elsewhere.

    `others` are tables by the name of their parameter; None and arrays without an index are
    accepted, and so are indexes that share no record, or of which one is the default index
    (0, 1, 2, ...) and the other holds further records. At 800,000 rows the check takes 1 ms if
    the indexes are equal and up to 1.2 s if not.
    """
    rows = _index_of(reference)
    for what, other in others.items():
        others_rows = _index_of(other)
        if rows is None or others_rows is None or len(rows) != len(others_rows):
            continue  # lengths are compared by the caller
        if rows.equals(others_rows) or not _same_records(rows, others_rows):
            continue
        raise AlignmentError(
            f"{caller} expected {what} to have {name}'s row index; got rows "
            f"{list(others_rows[:3])}... for {list(rows[:3])}... . Pass {what}.loc[{name}.index], "
            f"or {what}.set_axis({name}.index) if the rows are in the same order. An array has no "
            "index and is taken by position, as permutation_test_score needs."
        )


def check_label_order(
    caller: str, label_names: Sequence[str] | None, table: Any, what: str = "y"
) -> None:
    """Raise AlignmentError if a DataFrame's columns are the fitted labels in another order.

    Columns that share no name with the fitted labels are accepted, as an array is.
    """
    columns = getattr(table, "columns", None)
    if label_names is None or columns is None:
        return
    names = [str(name) for name in columns]
    if names != list(label_names) and set(names) & set(label_names):
        raise AlignmentError(
            f"{caller} expected the columns of {what} to be the fitted labels in their order, "
            f"{list(label_names)[:5]}...; got {names[:5]}... . Pass {what}[labels of fit]."
        )


def _index_of(table: Any) -> pd.Index | None:
    return table.index if isinstance(table, (pd.DataFrame, pd.Series)) else None


def _same_records(a: pd.Index, b: pd.Index) -> bool:
    """Return whether two unequal indexes name the same records, or some of them."""
    # Sets of Python objects: an object index's own isin is ten times slower.
    if _is_default(a) or _is_default(b):
        return a.inferred_type == b.inferred_type and set(a) == set(b)
    return not set(a).isdisjoint(b)


def _is_default(index: pd.Index) -> bool:
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
