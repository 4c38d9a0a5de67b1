"""Parsing of y: one class per record, or many labels with some of them unknown."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ecgsk.checks import fitting


@dataclass(frozen=True)
class Targets:
    """Targets of a classifier.

    For many labels, `values` are float32 of shape (n_records, n_labels), 0, 1 or NaN, and
    `classes` their numbers. For one class per record, `values` are positions in `classes`,
    and `label_names` is None.
    """

    values: np.ndarray
    classes: np.ndarray
    label_names: list[str] | None

    @property
    def is_multilabel(self) -> bool:
        """True if a record can have several labels, or none."""
        return self.label_names is not None

    @property
    def n_outputs(self) -> int:
        """Number of logits: one per label, per class, or one for two classes."""
        if self.is_multilabel:
            return self.values.shape[1]
        return 1 if len(self.classes) == 2 else len(self.classes)

    @property
    def labelled(self) -> np.ndarray:
        """Numbers of the rows with a known label."""
        if self.is_multilabel:
            return np.flatnonzero(~np.isnan(self.values).all(axis=1))
        return np.arange(len(self.values))

    def take(self, rows: np.ndarray) -> "Targets":
        """Return the targets of some rows, with the same classes."""
        return replace(self, values=self.values[rows])

    def as_matrix(self) -> np.ndarray:
        """Return the targets as 0, 1 or NaN, of shape (n_records, n_outputs)."""
        if self.is_multilabel:
            return self.values
        if self.n_outputs == 1:
            return self.values[:, None].astype(np.float32)
        return np.eye(len(self.classes), dtype=np.float32)[self.values]


def read_targets(y: Any, n_records: int, owner: str, rows: np.ndarray | None = None) -> Targets:
    """Parse y, or some rows of it in their order.

    One column has two or more classes. A DataFrame or several columns have 0, 1 or NaN for
    each label; NaN is "not known".
    """
    if y is None:
        raise ValueError(f"{owner} requires y to be passed, but the target y is None.")
    if sparse.issparse(y):
        y = y.toarray()
    is_frame = isinstance(y, pd.DataFrame)
    names = [str(name) for name in y.columns] if is_frame else None
    array = _numbers(y, owner) if is_frame else np.asarray(y)
    if len(array) != n_records:
        raise ValueError(
            f"{owner}: X and y must have the same number of rows, got {n_records} and {len(array)}."
        )
    if rows is not None:
        array = array[rows]
    if array.ndim == 2 and array.shape[1] == 1 and not is_frame:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected.",
            DataConversionWarning,
            stacklevel=4,
        )
        array = array.ravel()
    if array.ndim == 2:
        return _many_labels(array, names, owner)
    return _one_class(array, owner)


def warn_of_constant_labels(targets: Targets, owner: str) -> None:
    """Warn of labels without two classes among the records of a fit."""
    if targets.is_multilabel:
        labels = pd.DataFrame(targets.values, columns=targets.label_names)
        fitting.warn_of_constant_labels(owner, labels, stacklevel=4)


def _many_labels(array: np.ndarray, names: list[str] | None, owner: str) -> Targets:
    values = array.astype(np.float32)
    known = values[~np.isnan(values)]
    wrong = np.setdiff1d(known, [0, 1])
    if wrong.size:
        raise ValueError(
            f"{owner} expected labels of 0, 1 or NaN (not known), got {wrong[:5].tolist()}. "
            "For values judged against reference ranges use LabAbnormality."
        )
    if names is None:
        names = [f"label{i}" for i in range(values.shape[1])]
    if not known.size:
        raise ValueError(f"{owner}: every label of every row is NaN. Give some labels.")
    return Targets(values, np.arange(values.shape[1]), names)


def _numbers(y: pd.DataFrame, owner: str) -> np.ndarray:
    try:
        return y.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{owner} expected a DataFrame y to hold labels of 0, 1 or NaN: {error}. "
            "For one class per record give a Series."
        ) from error


def _one_class(array: np.ndarray, owner: str) -> Targets:
    array = column_or_1d(array)
    if pd.isna(array).any() or (array.dtype.kind == "f" and np.isinf(array).any()):
        raise ValueError(
            f"{owner}: Input y contains NaN or infinity. Drop these rows, or give 0, 1 and NaN as "
            "a DataFrame of labels, where NaN is 'not known'."
        )
    check_classification_targets(array)
    classes, codes = np.unique(array, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"{owner} expected two classes or more in y, got one class: {classes.tolist()}."
        )
    return Targets(codes.astype(np.int64), classes, None)
