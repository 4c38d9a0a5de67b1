"""X taken apart: signals, clinical table, patients."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array, validate_data

from ecgsk._patients import find_patients, number_patients
from ecgsk.estimators._signals import Signals
from ecgsk.exceptions import (
    DurationError,
    ECGError,
    LeadMismatchError,
    SamplingRateError,
)
from ecgsk.signals import ECGArray, ECGDtype
from ecgsk.signals.columns import find_ecg_column
from ecgsk.signals.units import format_hertz


@dataclass(frozen=True)
class Inputs:
    """X taken apart.

    Attributes
    ----------
    signals : Signals or None
        None where X is a table without ECGs.
    table : DataFrame or None
        The clinical columns; None where there are none.
    groups : ndarray of shape (n_records,) or None
        Numbers of the patients; None where X names none.
    n_records : int
        Rows of X.
    """

    signals: Signals | None
    table: pd.DataFrame | None
    groups: np.ndarray | None
    n_records: int

    def __len__(self) -> int:
        return self.n_records


def read_inputs(
    estimator: Any, X: Any, *, fitting: bool, groups: Any = None, needs_ecg: bool = True
) -> Inputs:
    """Take X apart and hold it against what the estimator was fitted on.

    Parameters
    ----------
    estimator : estimator with ``group_column`` and ``clinical_columns``
        In ``fit`` it is given ``leads_``, ``sampling_rate_`` and ``shape_``.
    X : DataFrame with an ECG column, Series of ECGs, ECGArray or ndarray
        A plain array is (n_records, n_leads, n_samples), or one lead if 2-D. It carries
        no names: it is taken to have the fitted leads, sampling rate and unit.
    fitting : bool
        Whether to remember leads, rate and length, or to compare with them.
    groups : array-like of shape (n_records,) or None
        Patients, where X has no group column.
    needs_ecg : bool
        False for a model of the table alone.
    """
    owner = type(estimator).__name__
    if isinstance(X, ECGArray) or isinstance(getattr(X, "dtype", None), ECGDtype):
        X = pd.DataFrame({"ecg": X})
    column = find_ecg_column(X, name=owner)
    is_frame = isinstance(X, pd.DataFrame) and (column is not None or not needs_ecg)
    if isinstance(X, pd.DataFrame) and not is_frame and _is_table(estimator, X, fitting):
        raise ECGError(
            f"{owner} expected a column of ECGs in X, got only {list(X.columns)}. "
            "Make one with ECGArray.from_numpy(x, sampling_rate=..., leads=...)."
        )
    if is_frame and len(X) == 0:
        raise ECGError(
            f"{owner} expected at least one record, got an empty frame (0 rows). "
            "See what the filter before it left over."
        )
    signals: Signals | None = None
    table = None
    if is_frame:
        n_records = len(X)
        table = _clinical_table(estimator, X, column, owner, fitting)
        if needs_ecg:
            signals = Signals(X[column].array, owner)
        if fitting:
            estimator.n_features_in_ = X.shape[1]
    else:
        signals = _plain_signals(estimator, X, owner, fitting)
        n_records = len(signals)
    if signals is not None:
        signals = _remember(estimator, signals) if fitting else _compare(estimator, signals, owner)
    return Inputs(signals, table, _groups(estimator, X, groups, n_records, owner), n_records)


def _is_table(estimator: Any, X: pd.DataFrame, fitting: bool) -> bool:
    """Tell a clinical table from a plain array that came as a frame."""
    knows_leads = not fitting and not _fitted_on_plain_array(estimator)
    numeric = all(pd.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes)
    return knows_leads or not numeric or estimator.group_column in X.columns


def _fitted_on_plain_array(estimator: Any) -> bool:
    return getattr(estimator, "leads_", ()) is None


def _plain_signals(estimator: Any, X: Any, owner: str, fitting: bool) -> Signals:
    check: dict[str, Any] = {
        "allow_nd": True,
        "dtype": np.float32,
        "ensure_all_finite": "allow-nan",
        "ensure_min_samples": 2 if fitting else 1,
    }
    if getattr(X, "ndim", 2) == 3 and X.shape[1] == 1:
        X = X[:, 0]  # one lead, as scikit-learn has it: its samples are the features
    if fitting or _fitted_on_plain_array(estimator):
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


def _clinical_table(
    estimator: Any, X: pd.DataFrame, column: Any, owner: str, fitting: bool
) -> pd.DataFrame | None:
    aside = {column, estimator.group_column}
    wanted = estimator.clinical_columns
    names = [name for name in X.columns if name not in aside]
    if wanted is not None:
        absent = [name for name in wanted if name not in names]
        if absent and fitting:
            raise ValueError(
                f"{owner}: clinical_columns names {absent}, which X has not; it has {names}."
            )
        names = [name for name in wanted if name in names]
    return X[names] if names else None


def _remember(estimator: Any, signals: Signals) -> Signals:
    estimator.leads_ = signals.leads
    estimator.sampling_rate_ = signals.sampling_rate
    estimator.shape_ = signals.shape
    return signals


def _compare(estimator: Any, signals: Signals, owner: str) -> Signals:
    array = signals.source
    if isinstance(array, ECGArray) and estimator.leads_ is not None:
        signals = Signals(_same_leads(estimator, array, owner), owner)
        if array.sampling_rate != estimator.sampling_rate_:
            raise SamplingRateError(
                f"{owner} was fitted on {format_hertz(estimator.sampling_rate_)}; got "
                f"{format_hertz(array.sampling_rate)}. Use Resample({estimator.sampling_rate_:g})."
            )
    n_leads, n_samples = estimator.shape_
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


def _same_leads(estimator: Any, array: ECGArray, owner: str) -> ECGArray:
    expected, got = estimator.leads_, array.leads
    if set(expected) != set(got):
        raise LeadMismatchError(
            f"{owner} was fitted on {len(expected)} leads ({', '.join(expected)}); got "
            f"{len(got)} ({', '.join(got)}). Use SelectLeads({list(expected)!r}), or fit on "
            "the leads you have."
        )
    return array if expected == got else array.select_leads(expected)


def _groups(estimator: Any, X: Any, groups: Any, n_records: int, owner: str) -> np.ndarray | None:
    groups = find_patients(X, groups, estimator.group_column)
    return None if groups is None else number_patients(owner, groups, n_records)[0]
