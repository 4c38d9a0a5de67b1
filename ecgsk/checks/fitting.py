"""The checks of a table that ``fit`` makes of the columns that it learns from."""

import logging
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.checks._columns import check_names
from ecgsk.checks._constant_labels import check_constant_labels
from ecgsk.checks._identifiers import check_patients
from ecgsk.checks._ranges import describe_abnormal
from ecgsk.checks._table import Table
from ecgsk.checks._values import check_values
from ecgsk.checks.findings import raise_findings, warn_of_findings
from ecgsk.checks.labels import read_labels
from ecgsk.checks.registry import COLUMN_CHECKS, find

_log = logging.getLogger("ecgsk")


def check_column_names(owner: str, X: pd.DataFrame, group_column: Any, has_groups: bool) -> None:
    """Raise for repeated column names, or where the column of patients was renamed.

    With `has_groups`, the patients are known or not needed, and their column may be absent.
    """
    findings = check_names(Table(X, (), (), group_column))
    raise_findings(owner, (f for f in findings if not (has_groups and f.kind == "renamed")))


def check_training_table(
    owner: str,
    X: pd.DataFrame,
    columns: Sequence[Any],
    *,
    meant: Collection[Any] = (),
    group_column: Any = "subject_id",
    patients: np.ndarray | None = None,
    y: Any = None,
    by_choice: bool = True,
    stacklevel: int = 2,
) -> None:
    """Raise for columns that are no clinical values, and warn of those that likely are none.

    `columns` are those that a fit learns from, and `meant` those that the user named, which are
    accepted where they may be meant. `by_choice` is True if the user can name columns. 60
    columns of 800,000 records with 20 labels take 3 s (benchmarks/check_table.py).
    """
    labels = read_labels(y) if y is not None and len(y) == len(X) else None
    roles = (tuple(columns), tuple(meant), group_column, patients, labels)
    table = Table(X, *roles, times=X.get("ecg_time"))
    raise_findings(owner, find(table, COLUMN_CHECKS), stacklevel + 1, by_choice=by_choice)


def check_categories(owner: str, X: pd.DataFrame, columns: Sequence[Any]) -> None:
    """Raise for columns of text that are no categories: numbers, dates, paths or free text."""
    findings = check_values(Table(X, tuple(columns)))
    raise_findings(owner, (finding for finding in findings if not finding.can_be_meant))


def warn_of_table(
    owner: str,
    X: pd.DataFrame,
    columns: Sequence[Any],
    *,
    group_column: Any = "subject_id",
    patients: Any = None,
    y: Any = None,
    stacklevel: int = 2,
) -> None:
    """Warn of columns that ``fit`` would refuse or warn of, where X may be used otherwise too."""
    codes = None if patients is None else pd.factorize(np.asarray(patients).astype(str))[0]
    table = Table(X, tuple(columns), (), group_column, codes, read_labels(y))
    warn_of_findings(owner, find(table, COLUMN_CHECKS), stacklevel + 1)


def warn_of_reference_ranges(owner: str, targets: pd.DataFrame, stacklevel: int = 2) -> None:
    """Warn of laboratories whose targets, low and high, are nearly all abnormal."""
    names = pd.Series([str(name).rpartition(" ")[0] for name in targets.columns])
    for name, places in names.groupby(names, sort=False).groups.items():
        values = targets.iloc[:, list(places)].to_numpy(dtype=np.float32, na_value=np.nan)
        known = ~np.isnan(values).all(axis=1)
        n_abnormal = int((values == 1).any(axis=1).sum())
        findings = describe_abnormal(str(name), n_abnormal, int(known.sum()))
        raise_findings(owner, findings, stacklevel + 1)


def warn_of_constant_labels(owner: str, labels: pd.DataFrame, stacklevel: int = 2) -> None:
    """Warn of labels without two classes among the training records."""
    table = Table(labels, (), labels=labels)
    raise_findings(owner, check_constant_labels(table), stacklevel + 1)


def check_patient_column(
    owner: str, X: pd.DataFrame, group_column: Any, patients: Any, stacklevel: int = 2
) -> None:
    """Warn where X has a column of patients that is not the one that a fit looks for."""
    table = Table(X, (), (), group_column, patients)
    raise_findings(owner, check_patients(table), stacklevel + 1)


def log_roles(owner: str, columns: Sequence[Any], left_out: Sequence[Any], patients: str) -> None:
    """Log which columns are the clinical table, which are left out, and who the patients are."""
    _log.info(
        "%s: %d clinical columns%s%s; patients: %s.",
        owner,
        len(columns),
        f" ({', '.join(map(str, columns))})" if columns else "",
        f"; left out: {', '.join(map(str, left_out))}" if left_out else "",
        patients,
    )
