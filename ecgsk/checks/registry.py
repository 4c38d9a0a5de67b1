"""All checks of a table, in the order in which their findings are shown."""

from collections.abc import Sequence

from ecgsk.checks._columns import check_names, check_numbers
from ecgsk.checks._constant_labels import check_constant_labels
from ecgsk.checks._identifiers import (
    check_identifier_names,
    check_identifier_values,
    check_patients,
)
from ecgsk.checks._labels import check_lab_targets, check_labels
from ecgsk.checks._ranges import check_reference_ranges
from ecgsk.checks._table import Check, Table
from ecgsk.checks._times import check_outcome_names, check_times
from ecgsk.checks._values import check_values
from ecgsk.checks.findings import Finding, is_meant
from ecgsk.checks.signals import check_signals

#: Checks of the columns that a fit learns from.
COLUMN_CHECKS: Sequence[Check] = (
    check_names,
    check_identifier_names,
    check_values,
    check_identifier_values,
    check_numbers,
    check_labels,
    check_times,
    check_outcome_names,
)
#: Checks of what is beside them: patients, laboratory targets, signals.
OTHER_CHECKS: Sequence[Check] = (
    check_patients,
    check_constant_labels,
    check_lab_targets,
    check_reference_ranges,
    check_signals,
)

_ORDER = {"error": 0, "warning": 1, "note": 2}


def find(table: Table, checks: Sequence[Check]) -> list[Finding]:
    """Run checks; errors first. A column has one error or warning: the first.

    Findings whose columns the user named are left out, where a finding may be meant.
    """
    findings: list[Finding] = []
    found: set = set()
    for check in checks:
        for finding in check(table):
            if is_meant(finding, table.meant):
                continue
            if finding.columns and set(finding.columns) <= found:
                continue
            if finding.severity != "note":
                found |= set(finding.columns)
            findings.append(finding)
    return order(findings)


def order(findings: Sequence[Finding]) -> list[Finding]:
    """Return errors, then warnings, then notes."""
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])
