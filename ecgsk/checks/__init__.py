"""Checks of a table's columns: identifiers, dates, text, labels and patients."""

from ecgsk.checks._check_table import check_table
from ecgsk.checks._report import TableReport
from ecgsk.checks.findings import Finding

__all__ = ["Finding", "TableReport", "check_table"]
