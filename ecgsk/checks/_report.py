"""Report of :func:`check_table`."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ecgsk._safe_text import to_html_text, without_controls
from ecgsk.checks.findings import Finding

_SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class TableReport:
    """Findings of :func:`check_table`, errors first.

    .. versionadded:: 0.1

    Attributes
    ----------
    findings : tuple of Finding
        What was found; empty for a clean table.
    clinical_columns : tuple
        The columns that a fit would learn from.
    n_records : int
        Number of records.
    left_out : tuple
        Columns that our readers write, which are no clinical columns unless named.
    signals_read : bool
        Whether the signals were read, to find those that occur twice.
    """

    findings: tuple[Finding, ...]
    clinical_columns: tuple[Any, ...]
    n_records: int
    left_out: tuple[Any, ...] = ()
    signals_read: bool = False

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
        head = f"<p>{to_html_text(self._headline())}</p>"
        table = self.to_frame().to_html(index=False, escape=True) if self.findings else ""
        return without_controls(head + table)

    def _headline(self) -> str:
        numbers = {s: sum(f.severity == s for f in self.findings) for s in _SEVERITIES}
        counts = [f"{n} {severity}{'' if n == 1 else 's'}" for severity, n in numbers.items()]
        found = ", ".join(counts) if self.findings else "nothing found"
        left_out = f" (without {', '.join(map(str, self.left_out))})" if self.left_out else ""
        return (
            f"check_table: {self.n_records:,} records, {len(self.clinical_columns)} clinical "
            f"columns{left_out}, signals {'read' if self.signals_read else 'not read'}: {found}."
        )
