"""All checks of a table, in the order in which their findings are shown."""

from collections.abc import Sequence

from ecgsk.checks._columns import check_names, check_numbers
from ecgsk.checks._identifiers import (
    check_identifier_names,
    check_identifier_values,
    check_patients,
)
from ecgsk.checks._labels import check_lab_targets, check_labels
from ecgsk.checks._table import Check, Table
from ecgsk.checks._values import check_values
from ecgsk.checks.findings import Finding, is_meant

#: Checks of the table alone, of the table beside its labels, and of the patients.
TABLE_CHECKS: Sequence[Check] = (
    check_names,
    check_identifier_names,
    check_values,
    check_identifier_values,
    check_numbers,
)
LABEL_CHECKS: Sequence[Check] = (check_labels, check_lab_targets)
PATIENT_CHECKS: Sequence[Check] = (check_patients,)

_ORDER = {"error": 0, "warning": 1, "note": 2}


def find(table: Table, checks: Sequence[Check]) -> list[Finding]:
    """Run checks; errors first. A column has one error: the first that was found.

    Findings whose columns the user named are left out, where a finding may be meant.
    """
    findings: list[Finding] = []
    wrong: set = set()
    for check in checks:
        for finding in check(table):
            if is_meant(finding, table.meant):
                continue
            if finding.columns and set(finding.columns) <= wrong:
                continue
            if finding.severity == "error":
                wrong |= set(finding.columns)
            findings.append(finding)
    return sorted(findings, key=lambda finding: _ORDER[finding.severity])
