"""Tables with required columns and label tables, for loaders of public databases."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ecgsk.datasets._csv_files import check_column, read_csv
from ecgsk.exceptions import ECGError, RecordReadError


def read_table(
    path: Path,
    columns: Sequence[str],
    *,
    source: str,
    name: str,
    kinds: Mapping[str, str] | None = None,
    key: str | None = None,
) -> pd.DataFrame:
    """Read a CSV file of the database `source`; raise unless it has the required columns.

    `kinds` gives columns that must be "number", "time" (either may be missing), "whole" or
    "text"; `key` must differ in all rows.
    """
    if not path.is_file():
        raise RecordReadError(
            f"{name}: there is no {path}. Give the folder of {source} that contains it."
        )
    table = read_csv(path, name=name)
    if absent := [column for column in columns if column not in table.columns]:
        raise RecordReadError(
            f"{name}: {path} lacks the column {', '.join(absent)}; it has "
            f"{', '.join(map(str, table.columns))}. Is it {source}'s own file?"
        )
    for column, kind in (kinds or {}).items():
        check_column(table, column, kind, path, name=name)
    if key is not None and table[key].duplicated().any():
        twice = table[key][table[key].duplicated()].iloc[0]
        raise RecordReadError(
            f"{name}: {path} has several rows with {key} {twice}. Remove the repeated rows."
        )
    return table


def label_table(
    stated: Sequence[Collection[str] | None], index: pd.Index, *, min_count: int, name: str
) -> pd.DataFrame:
    """Turn sets of labels into a table of 0 and 1; NaN for a record whose labels are None.

    Labels are in alphabetical order; those in fewer than `min_count` records are dropped.

    Examples
    --------
    >>> label_table([{"AF", "RBBB"}, set(), None], pd.RangeIndex(3), min_count=1, name="example")
        AF  RBBB
    0  1.0   1.0
    1  0.0   0.0
    2  NaN   NaN
    """
    found = [label for labels in stated for label in labels or ()]
    counts = pd.Series(found, dtype=object).value_counts()
    kept = sorted(counts.index[counts >= min_count])
    if not kept:
        raise ECGError(
            f"{name}: no label has min_count={min_count} ECGs; the most frequent has "
            f"{counts.max() if len(counts) else 0}. Lower min_count."
        )
    values = np.array(
        [
            [np.nan] * len(kept) if labels is None else [float(label in labels) for label in kept]
            for labels in stated
        ]
    )
    return pd.DataFrame(values, index=index, columns=pd.Index(kept))
