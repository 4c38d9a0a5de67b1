"""Checks of a table's columns: identifiers, dates, text, labels and patients."""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.checks._check_table import check_table
    from ecgsk.checks._report import TableReport
    from ecgsk.checks.findings import Finding

__all__ = ["Finding", "TableReport", "check_table"]
__getattr__, __dir__ = import_on_first_use(__name__)
