"""Labels without two known classes, which no model can learn."""

from collections.abc import Iterator

import numpy as np

from ecgsk.checks._table import Table
from ecgsk.checks.findings import Finding, name_columns


def check_constant_labels(table: Table) -> Iterator[Finding]:
    """Find labels that are 0, 1 or unknown in all records, one finding for each of the three."""
    if table.labels is None or not len(table):
        return
    values = table.labels.to_numpy(dtype=np.float32, na_value=np.nan)
    has_zero, has_one = (values == 0).any(axis=0), (values == 1).any(axis=0)
    for is_constant, what in (
        (has_zero & ~has_one, "0 in all records with a known value"),
        (has_one & ~has_zero, "1 in all records with a known value"),
        (~has_zero & ~has_one, "not known in any record"),
    ):
        if names := table.labels.columns[is_constant].tolist():
            are, them = ("is", "it") if len(names) == 1 else ("are", "them")
            yield Finding(
                "warning",
                "constant label",
                tuple(names),
                len(table),
                f"{name_columns(names)} of y {are} {what}: no model can learn {them}.",
                f"Leave {them} out of y, or add records of both classes.",
                can_be_meant=False,
            )
