"""`check_table` and its report."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from ecgsk._patients import find_patients
from ecgsk.checks._table import Table, number_if_known, read_labels
from ecgsk.checks.findings import Finding
from ecgsk.checks.registry import LABEL_CHECKS, PATIENT_CHECKS, TABLE_CHECKS, find
from ecgsk.checks.roles import split_roles
from ecgsk.exceptions import ECGError
from ecgsk.signals.columns import find_ecg_column

_SUMMARY = {"error": "errors", "warning": "warnings", "note": "notes"}


@dataclass(frozen=True)
class TableReport:
    """Findings of :func:`check_table`, errors first.

    Attributes
    ----------
    findings : tuple of Finding
        What was found; empty for a clean table.
    clinical_columns : tuple
        The columns that a fit would learn from.
    n_records : int
        Number of records.
    """

    findings: tuple[Finding, ...]
    clinical_columns: tuple[Any, ...]
    n_records: int

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that ``fit`` raises."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that ``fit`` warns of."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per finding.

        Returns
        -------
        DataFrame
            ``severity``, ``kind``, ``columns`` (text), ``n_records``, ``message``, ``mend``.
        """
        names = ["severity", "kind", "columns", "n_records", "message", "mend"]
        rows = [
            (f.severity, f.kind, ", ".join(map(str, f.columns)), f.n_records, f.message, f.mend)
            for f in self.findings
        ]
        return pd.DataFrame(rows, columns=names)

    def __str__(self) -> str:
        lines = [self._headline()]
        for finding in self.findings:
            lines += [f"{finding.severity}: {finding.message}", f"    {finding.mend}"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = f"<p>{escape(self._headline())}</p>"
        return head + (self.to_frame().to_html(index=False, escape=True) if self.findings else "")

    def _headline(self) -> str:
        counts = [
            f"{sum(f.severity == severity for f in self.findings)} {plural}"
            for severity, plural in _SUMMARY.items()
        ]
        found = ", ".join(counts) if self.findings else "nothing found"
        return (
            f"check_table: {self.n_records:,} records, {len(self.clinical_columns)} clinical "
            f"columns: {found}."
        )


def check_table(
    X: pd.DataFrame,
    Y: Any = None,
    labs: pd.DataFrame | None = None,
    groups: Any = None,
    *,
    clinical_columns: Sequence[Any] | None = None,
    group_column: str = "subject_id",
) -> TableReport:
    """Check which column of a table is what, before a fit learns from the wrong one.

    Finds identifiers, file paths, dates, text, numbers as text, labels among the inputs,
    columns that a ColumnTransformer renamed, repeated names, and infinite, constant and empty
    columns. ``fit`` makes the same checks of the columns that it uses: it raises errors and
    warns of warnings.

    Parameters
    ----------
    X : DataFrame
        One row per ECG: an ECG column, clinical columns and the patient.
    Y : DataFrame, Series or array-like, optional
        Labels of the same rows: 0, 1 or NaN, or one class per record.
    labs : DataFrame, optional
        Laboratory targets of the same rows.
    groups : array-like of shape (n_records,), optional
        Patient of each record; None takes ``X[group_column]``.
    clinical_columns : sequence, optional
        Columns that are the clinical table, as in the estimators; None is every column but
        the ECG, the patient and those that our readers write (``record``, ``dx``, ...). A
        column that you name is accepted as a category, an identifier or a predictor of Y.
    group_column : str, default="subject_id"
        Column of X that identifies the patient.

    Returns
    -------
    TableReport
        Printed, it is text; ``to_frame()`` is a DataFrame.

    Raises
    ------
    ECGError
        If X is no DataFrame, or Y, labs or groups have another number of rows.

    Examples
    --------
    >>> import pandas as pd
    >>> from ecgsk import check_table
    >>> X = pd.DataFrame({"age": [61.0, 44.0], "mrn": [1, 2], "seen": ["2020-01-01", "2020-02-02"]})
    >>> report = check_table(X)
    >>> report.to_frame()[["severity", "kind", "columns"]]
      severity        kind columns
    0    error  identifier     mrn
    1    error        date    seen
    """
    if not isinstance(X, pd.DataFrame):
        raise ECGError(f"check_table: expected X as a DataFrame, got {type(X).__name__}.")
    _check_lengths(len(X), Y=Y, labs=labs, groups=groups)
    named = None if clinical_columns is None else list(clinical_columns)
    aside = {find_ecg_column(X, name="check_table"), group_column}
    clinical, _ = split_roles(X.columns, aside, named)
    table = Table(
        X,
        tuple(clinical if named is None else [name for name in clinical if name in named]),
        tuple(named or ()),
        group_column,
        number_if_known("check_table", find_patients(X, groups, group_column)),
        read_labels(Y),
        labs,
    )
    findings = find(table, [*TABLE_CHECKS, *LABEL_CHECKS, *PATIENT_CHECKS])
    return TableReport(tuple(findings), table.clinical, len(X))


def _check_lengths(n_records: int, **others: Any) -> None:
    for name, value in others.items():
        if value is not None and len(value) != n_records:
            raise ECGError(
                f"check_table: expected {name} with the {n_records} rows of X, got {len(value)}."
            )
