"""`check_table`: all checks of a table, before a fit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from ecgsk._alignment import check_row_order
from ecgsk._patients import find_patients
from ecgsk.checks._pairs import check_sides
from ecgsk.checks._report import TableReport
from ecgsk.checks._table import Table
from ecgsk.checks.labels import read_labels
from ecgsk.checks.registry import COLUMN_CHECKS, OTHER_CHECKS, find, order
from ecgsk.checks.roles import split_roles
from ecgsk.checks.signals import MAX_BYTES, digest_signals, signal_bytes
from ecgsk.exceptions import ECGError
from ecgsk.signals.columns import find_ecg_column


def check_table(
    X: Any,
    Y: Any = None,
    labs: pd.DataFrame | None = None,
    groups: Any = None,
    *,
    against: pd.DataFrame | None = None,
    reference_ranges: Any = None,
    ecg_time: Any = None,
    clinical_columns: Sequence[Any] | None = None,
    group_column: str = "subject_id",
    signals: bool | None = None,
) -> TableReport:
    """Check the columns of a table before a fit: roles, types, leakage and patients.

    Finds identifiers, file paths, dates, text, numbers as text, labels among the inputs,
    values later than the ECG, columns that a ColumnTransformer renamed, repeated names and
    signals, reference ranges that make nearly every value abnormal, and infinite, constant and
    empty columns. ``fit`` makes the same checks of the columns that it learns from: it raises
    errors and warns of warnings.

    .. versionadded:: 0.1

    Parameters
    ----------
    X : DataFrame or Cohort
        One row per ECG: an ECG column, clinical columns and the patient. A cohort gives Y,
        labs, groups, reference_ranges and ecg_time too.
    Y : DataFrame, Series or array-like, optional
        Labels of the same rows: 0, 1 or NaN, or one class per record.
    labs : DataFrame, optional
        Laboratory targets of the same rows.
    groups : array-like of shape (n_records,), optional
        Patient of each record; None takes ``X[group_column]``.
    against : DataFrame, optional
        A second table, such as the test set: finds patients and signals on both sides,
        missing columns, unknown categories and values of another range.
    reference_ranges : DataFrame, mapping or pair, optional
        Bounds of ``labs``, as in :class:`~ecgsk.preprocessing.LabAbnormality`.
    ecg_time : Series or str, optional
        Times of the ECGs, or their column; None takes a column ``ecg_time`` of X, if any.
        A column such as ``potassium_time`` is compared with it.
    clinical_columns : sequence, optional
        Columns that are the clinical table, as in the estimators; None is every column but
        the ECG, the patient and those that our readers write (``record``, ``dx``, ...). A
        column that you name is accepted as a category, an identifier or a predictor of Y.
    group_column : str, default="subject_id"
        Column of X that identifies the patient.
    signals : bool, optional
        Read the signals, to find records that occur twice. None reads up to 0.5 GB of samples.

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
    if isinstance(X, Mapping) and "X" in X:  # a cohort
        given = {"Y": Y, "labs": labs, "groups": groups, "reference_ranges": reference_ranges}
        given["ecg_time"] = ecg_time
        Y, labs, groups, reference_ranges, ecg_time = (
            X.get(name) if value is None else value for name, value in given.items()
        )
        X = X["X"]
    for name, frame in (("X", X), ("against", against)):
        if not isinstance(frame, pd.DataFrame) and (name == "X" or frame is not None):
            raise ECGError(
                f"check_table: expected {name} as a DataFrame, got {type(frame).__name__}."
            )
    _check_lengths(len(X), Y=Y, labs=labs, groups=groups)
    check_row_order("check_table", X, Y=Y, labs=labs, groups=groups)
    reads = _reads_signals(signals, X, against)
    table = _table(X, groups, clinical_columns, group_column, reads)
    table = replace(
        table,
        labels=read_labels(Y),
        labs=labs,
        reference_ranges=reference_ranges,
        times=_times(X, ecg_time),
    )
    findings = find(table, [*COLUMN_CHECKS, *OTHER_CHECKS])
    if against is not None:
        other = _table(against, None, clinical_columns, group_column, reads)
        findings += find(table, [lambda table: check_sides(table, other)])
    _, left_out = split_roles(X.columns, (), clinical_columns)
    return TableReport(tuple(order(findings)), table.clinical, len(X), tuple(left_out), reads)


def _table(
    X: pd.DataFrame, groups: Any, named: Sequence[Any] | None, group_column: str, reads: bool
) -> Table:
    aside = {find_ecg_column(X, name="check_table"), group_column}
    clinical, _ = split_roles(X.columns, aside, named)
    if named is not None:
        clinical = [name for name in clinical if name in set(named)]
    # Identifiers of two types in one column are an error of `fit`; here each is a patient.
    patients = find_patients(X, groups, group_column)
    codes = None if patients is None else pd.factorize(pd.Series(patients).astype(str))[0]
    digests = digest_signals(X) if reads else None
    return Table(X, tuple(clinical), tuple(named or ()), group_column, codes, digests=digests)


def _reads_signals(wanted: bool | None, X: pd.DataFrame, against: pd.DataFrame | None) -> bool:
    sizes = [signal_bytes(frame) for frame in (X, against) if frame is not None]
    if not all(sizes):
        return False
    return sum(sizes) <= MAX_BYTES if wanted is None else wanted


def _times(X: pd.DataFrame, ecg_time: Any) -> pd.Series | None:
    if ecg_time is None:
        ecg_time = "ecg_time"
        if ecg_time not in X.columns:
            return None
    times = X[ecg_time] if isinstance(ecg_time, str) else pd.Series(ecg_time)
    _check_lengths(len(X), ecg_time=times)
    return times


def _check_lengths(n_records: int, **others: Any) -> None:
    for name, value in others.items():
        n_rows = value.shape[0] if hasattr(value, "shape") else len(value or ())
        if value is not None and n_rows != n_records:
            raise ECGError(
                f"check_table: expected {name} with the {n_records} rows of X, got {n_rows}."
            )
