"""Parsing of X: signals, clinical columns, patients and their signature."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array, validate_data

from ecgsk._patients import find_patients, number_patients
from ecgsk.checks.fitting import check_column_names
from ecgsk.checks.roles import split_roles
from ecgsk.exceptions import (
    DurationError,
    ECGError,
    LeadMismatchError,
    SamplingRateError,
)
from ecgsk.signals import ECGArray, ECGDtype
from ecgsk.signals.columns import find_ecg_column, restore_ecg_column
from ecgsk.signals.leads import how_to_get_leads
from ecgsk.signals.screening import check_axes
from ecgsk.signals.units import format_hertz
from ecgsk.training.signals import Signals

_DEFAULT_GROUP_COLUMN = "subject_id"


@dataclass(frozen=True)
class Signature:
    """Leads, rate in Hz (both None for a plain array), and (n_leads, n_samples) of records."""

    leads: tuple[str, ...] | None
    sampling_rate: float | None
    shape: tuple[int, int]

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the signature of a fitted estimator."""
        return cls(estimator.leads_, estimator.sampling_rate_, estimator.shape_)


@dataclass(frozen=True)
class Inputs:
    """Parsed X.

    `signals` is None for a model of the table alone. `table` has every column but the ECGs and
    the patients; None if there are none. `groups` are patient numbers; None if X names none.
    `n_columns` is the number of columns of X, if it is a DataFrame. `population` names the
    patients, from ``X.attrs["population"]``. `left_out` are columns that
    our readers write, such as the path of the record, which are no clinical columns.
    """

    signals: Signals | None
    table: pd.DataFrame | None
    groups: np.ndarray | None
    n_records: int
    n_columns: int | None
    population: str | None = None
    left_out: Sequence[Any] = ()

    def __len__(self) -> int:
        return self.n_records

    @property
    def signature(self) -> Signature | None:
        """Leads, sampling rate and shape; None without signals."""
        if self.signals is None:
            return None
        return Signature(self.signals.leads, self.signals.sampling_rate, self.signals.shape)


def parse_inputs(
    estimator: Any,
    X: Any,
    *,
    fitting: bool,
    expected: Signature | None = None,
    groups: Any = None,
    needs_ecg: bool = True,
    group_columns: Sequence[str] = (),
    named_columns: Sequence[str] | None = None,
) -> Inputs:
    """Parse X and compare it with what the estimator was fitted on. No signal is read.

    X is a DataFrame with an ECG column, a Series of ECGs, an ECGArray, or a plain array of
    shape (n_records, n_leads, n_samples), or one lead if 2-D. A plain array is assumed to have
    the fitted leads, sampling rate and unit; scikit-learn's validation sets ``n_features_in_``
    for it in ``fit``. `expected` is the signature that the signals must have, and
    `group_columns` are further columns of patients, which are no clinical columns.
    `named_columns` are clinical columns that a nested estimator names.
    """
    owner = type(estimator).__name__
    population = getattr(X, "attrs", {}).get("population")
    X = restore_ecg_column(X, name=owner)
    if isinstance(X, ECGArray) or isinstance(getattr(X, "dtype", None), ECGDtype):
        X = pd.DataFrame({"ecg": X})
    column = find_ecg_column(X, name=owner)
    is_frame = isinstance(X, pd.DataFrame) and (column is not None or not needs_ecg)
    if isinstance(X, pd.DataFrame) and not is_frame and _is_table(estimator, X, expected):
        raise ECGError(
            f"{owner} expected a column of ECGs in X, got only {list(X.columns)}. "
            "Make one with ECGArray.from_numpy(x, sampling_rate=..., leads=...)."
        )
    if is_frame and len(X) == 0:
        raise ECGError(
            f"{owner} expected at least one record, got an empty frame (0 rows). "
            "Check the filter before it."
        )
    signals: Signals | None = None
    table = None
    left_out: list[Any] = []
    if is_frame:
        n_records = len(X)
        needs_no_patients = groups is not None or not fitting
        check_column_names(owner, X, estimator.group_column, has_groups=needs_no_patients)
        named = [*(estimator.clinical_columns or ()), *(named_columns or ())]
        aside = {column, estimator.group_column, *group_columns}
        names, left_out = split_roles(X.columns, aside, named)
        table = X[names] if names else None
        if needs_ecg:
            signals = Signals(X[column].array, owner)
        if fitting and groups is None:
            _check_group_column(estimator, X)
    else:
        signals = _plain_signals(estimator, X, owner, fitting, expected)
        n_records = len(signals)
    if signals is not None and expected is not None:
        signals = _compare(signals, expected, owner)
    patients = find_patients(X, groups, estimator.group_column)
    numbers = None if patients is None else number_patients(owner, patients, n_records)[0]
    n_columns = X.shape[1] if is_frame else None
    return Inputs(signals, table, numbers, n_records, n_columns, population, left_out)


def select_clinical_columns(
    table: pd.DataFrame | None, columns: Sequence[str] | None, owner: str, *, fitting: bool = True
) -> pd.DataFrame | None:
    """Return the clinical columns that an estimator uses; None where there are none.

    Raises ValueError in ``fit`` if a column is missing.
    """
    if columns is None:
        return table
    present = [] if table is None else list(table.columns)
    missing = [name for name in columns if name not in present]
    if missing and fitting:
        raise ValueError(
            f"{owner}: clinical_columns names {missing}, which X has not; it has {present}."
        )
    names = [name for name in columns if name in present]
    return table[names] if table is not None and names else None


def _check_group_column(estimator: Any, X: pd.DataFrame) -> None:
    name = estimator.group_column
    if name != _DEFAULT_GROUP_COLUMN and name not in X.columns:
        raise ValueError(
            f"{type(estimator).__name__}: group_column names {name!r}, which X has not; it has "
            f"{list(X.columns)}. Name the column of patients, or pass groups=."
        )


def _is_table(estimator: Any, X: pd.DataFrame, expected: Signature | None) -> bool:
    """Return whether a frame without ECGs is a clinical table, and not a plain array."""
    has_leads = expected is not None and expected.leads is not None
    numeric = all(pd.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes)
    return has_leads or not numeric or estimator.group_column in X.columns


def _plain_signals(
    estimator: Any, X: Any, owner: str, fitting: bool, expected: Signature | None
) -> Signals:
    check: dict[str, Any] = {
        "allow_nd": True,
        "dtype": np.float32,
        "ensure_all_finite": "allow-nan",
        "ensure_min_samples": 2 if fitting else 1,
    }
    check_axes(X, name=owner)
    if getattr(X, "ndim", 2) == 3 and X.shape[1] == 1:
        X = X[:, 0]  # one lead: its samples are scikit-learn's features
    if fitting or (expected is not None and expected.leads is None):
        x = validate_data(estimator, X, reset=fitting, **check)
    else:  # the columns of the fitted frame are not features of an array
        x = check_array(X, input_name="X", estimator=estimator, **check)
    if x.ndim == 2:
        x = x[:, None, :]
    if x.ndim != 3:
        raise ValueError(
            f"{owner} expected an array of shape (n_records, n_leads, n_samples) or "
            f"(n_records, n_samples), got {x.ndim} dimensions."
        )
    return Signals(x, owner)


def _compare(signals: Signals, expected: Signature, owner: str) -> Signals:
    array = signals.source
    if isinstance(array, ECGArray) and expected.leads is not None:
        signals = Signals(_same_leads(array, expected.leads, owner), owner)
        if array.sampling_rate != expected.sampling_rate:
            assert expected.sampling_rate is not None
            raise SamplingRateError(
                f"{owner} was fitted on {format_hertz(expected.sampling_rate)}; got "
                f"{format_hertz(array.sampling_rate)}. Use Resample({expected.sampling_rate:g})."
            )
    n_leads, n_samples = expected.shape
    if signals.shape[0] != n_leads:
        raise LeadMismatchError(
            f"{owner} was fitted on {n_leads} leads; got {signals.shape[0]}. "
            "Give the same leads in the same order."
        )
    if signals.shape[1] != n_samples:
        raise DurationError(
            f"{owner} was fitted on records of {n_samples} samples; got {signals.shape[1]}. "
            "Read them with duration= to crop or pad."
        )
    return signals


def _same_leads(array: ECGArray, expected: tuple[str, ...], owner: str) -> ECGArray:
    got = array.leads
    if set(expected) != set(got):
        raise LeadMismatchError(
            f"{owner} was fitted on {len(expected)} leads ({', '.join(expected)}); got "
            f"{len(got)} ({', '.join(got)}). {how_to_get_leads(expected, got)} Or fit on "
            "the leads you have."
        )
    return array if expected == got else array.select_leads(expected)
