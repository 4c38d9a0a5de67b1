"""Reference ranges that make nearly every value abnormal."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.checks._table import Table
from ecgsk.checks.findings import Finding

#: Share of abnormal values from which on a range is suspected, and the values it needs.
MAX_ABNORMAL_SHARE, _MIN_VALUES = 0.95, 20


def check_reference_ranges(table: Table) -> Iterator[Finding]:
    """Find laboratories whose values are nearly all outside their reference range."""
    if table.labs is None:
        return
    for place, name in enumerate(table.labs.columns):
        low, high = _bounds(table.reference_ranges, name)
        if low is None and high is None:
            continue
        column = pd.to_numeric(table.labs.iloc[:, place], errors="coerce")
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        known = ~np.isnan(values)
        outside = np.zeros(len(values), dtype=bool)
        outside |= values < (-np.inf if low is None else low)
        outside |= values > (np.inf if high is None else high)
        yield from describe_abnormal(str(name), int(outside.sum()), int(known.sum()))


def describe_abnormal(name: str, n_abnormal: int, n_known: int) -> Iterator[Finding]:
    """Yield a warning if nearly all values of a laboratory are abnormal."""
    if n_known >= _MIN_VALUES and n_abnormal > MAX_ABNORMAL_SHARE * n_known:
        yield Finding(
            "warning",
            "reference range",
            (name,),
            n_abnormal,
            f"{n_abnormal:,} of {n_known:,} values of {name!r} are outside their reference range.",
            "Check its bounds and its unit: values and bounds must have the same one.",
            can_be_meant=False,
        )


def _bounds(ranges: Any, name: Any) -> tuple[float | None, float | None]:
    """Return low and high of a laboratory; None for a side without a bound."""
    if isinstance(ranges, tuple) and len(ranges) == 2:
        low, high = ranges
    elif isinstance(ranges, pd.DataFrame) and name in ranges.index:
        row = ranges.loc[name]
        row = row.iloc[0] if isinstance(row, pd.DataFrame) else row
        low, high = row.get("low"), row.get("high")
    elif isinstance(ranges, Mapping) and name in ranges:
        low, high = ranges[name]
    else:
        return None, None
    return _bound(low), _bound(high)


def _bound(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
