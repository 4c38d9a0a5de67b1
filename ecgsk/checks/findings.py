"""Findings of the checks, and how an estimator raises or warns of them."""

import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ecgsk.exceptions import ECGError, TableWarning

#: Columns named in a sentence; the rest are counted.
_SHOWN = 5
#: Kinds of errors that leaving columns out of the clinical table does not mend.
_NOT_BY_CHOICE = ("duplicate name", "renamed")


@dataclass(frozen=True)
class Finding:
    """One finding of :func:`ecgsk.check_table`.

    .. versionadded:: 0.1

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        ``fit`` raises errors, warns of warnings and leaves out notes.
    kind : str
        Name of the check, such as ``"identifier"`` or ``"label"``.
    columns : tuple
        Labels of the columns concerned; empty for signals and patients.
    n_records : int
        Number of records concerned.
    message : str
        What was found.
    mend : str
        What to do.
    can_be_meant : bool
        Naming the columns in ``clinical_columns=`` accepts them as they are.
    """

    severity: Literal["error", "warning", "note"]
    kind: str
    columns: tuple[Any, ...]
    n_records: int
    message: str
    mend: str
    can_be_meant: bool = True

    def __str__(self) -> str:
        return f"{self.message} {self.mend}"


def name_columns(columns: Collection[Any]) -> str:
    """Return the first names, quoted, and the number of the others."""
    names = [repr(str(name)) for name in columns]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def is_meant(finding: Finding, meant: Collection[Any]) -> bool:
    """Return whether the user named all columns of a finding that may be meant."""
    return finding.can_be_meant and bool(finding.columns) and set(finding.columns) <= set(meant)


def raise_findings(
    owner: str, findings: Iterable[Finding], stacklevel: int = 2, *, by_choice: bool = True
) -> None:
    """Raise an `ECGError` of all errors, or warn of each warning (`TableWarning`).

    `by_choice` is True where the user can leave columns out by ``clinical_columns=``.
    """
    findings = list(findings)
    if errors := [finding for finding in findings if finding.severity == "error"]:
        raise ECGError(f"{owner}: {_join(errors, by_choice)}")
    for finding in findings:
        if finding.severity == "warning":
            warnings.warn(f"{owner}: {finding}", TableWarning, stacklevel=stacklevel + 1)


def warn_of_findings(owner: str, findings: Iterable[Finding], stacklevel: int = 2) -> None:
    """Warn once (`TableWarning`) of all errors and warnings."""
    if found := [finding for finding in findings if finding.severity != "note"]:
        warnings.warn(f"{owner}: {_join(found)}", TableWarning, stacklevel=stacklevel + 1)


def _join(findings: list[Finding], by_choice: bool = True) -> str:
    text = " ".join(map(str, findings[:_SHOWN]))
    if len(findings) > _SHOWN:
        text += f" There are {len(findings) - _SHOWN} more; ecgsk.check_table lists all."
    if by_choice and any(finding.kind not in _NOT_BY_CHOICE for finding in findings):
        text += " Or list the clinical columns in clinical_columns=."
    return text
