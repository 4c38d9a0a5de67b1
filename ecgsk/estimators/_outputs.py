"""Probabilities and predictions from logits, by scikit-learn's conventions."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ecgsk._alignment import check_label_order, check_row_order
from ecgsk._leakage import SeenPatients, warn_of_seen_patients
from ecgsk._missing_rows import not_predicted, with_missing_rows
from ecgsk._patients import find_patients
from ecgsk.estimators._targets import Targets
from ecgsk.signals.missing_records import leave_out_missing


def digest_records(patients: Any) -> bytes | None:
    """Return a digest of the patients of a set of records and their numbers of records."""
    if patients is None:
        return None
    codes, names = pd.factorize(pd.Series(np.asarray(patients)), sort=False)
    counts = zip(map(str, names), np.bincount(codes[codes >= 0]), strict=True)
    return hashlib.blake2b(repr(sorted(counts)).encode(), digest_size=16).digest()


@dataclass(frozen=True)
class LinearHead:
    """Linear map from features, in their units, to logits of shape (n_records, n_outputs)."""

    weight: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return float64 logits."""
        return features.astype(np.float64) @ self.weight.T + self.bias


def probabilities_from_logits(
    logits: np.ndarray, *, is_binary: bool, is_multilabel: bool
) -> np.ndarray:
    """Return float64 probabilities strictly between 0 and 1.

    Two columns for one logit of two classes, a sigmoid per label of many, else a softmax.
    """
    logits = logits.astype(np.float64)
    if is_binary:
        p = expit(np.hstack([-logits, logits]))
    elif is_multilabel:
        p = expit(logits)
    else:
        p = softmax(logits, axis=1)
    return np.clip(p, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).eps)


class LogitsClassifierMixin(ClassifierMixin):
    """Mixin of classifiers that implement ``_logits``, of shape (n_records, n_outputs).

    ``label_names_`` is None if y had one column. ``n_outputs_`` is one per label or class, or
    one for two classes. ``thresholds_`` has one per label, above which it is predicted.
    """

    classes_: np.ndarray
    label_names_: list[str] | None
    n_outputs_: int
    thresholds_: np.ndarray | None
    group_column: str
    # Training patients of a frozen encoder; fit sets them for the check in score.
    _frozen_patients: SeenPatients | None = None
    patients_seen_: SeenPatients | None
    # Digest of the training set, to know a score of all of it. It stays in this process.
    _training_set: bytes | None = None

    def __sklearn_tags__(self):
        """Return tags: X may be an array of two or three dimensions, with NaN."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Leave the digest of the training patients out of pickles and saved models."""
        state = dict(super().__getstate__())
        state.pop("_training_set", None)
        return state

    def _warn_of_leakage(self, patients: Any) -> None:
        owner = type(self).__name__
        if self._frozen_patients is not None:
            warn_of_seen_patients(owner, patients, self._frozen_patients)
        elif patients is not None and digest_records(patients) != self._training_set:
            warn_of_seen_patients(owner, patients, self.patients_seen_, use="fitted")

    def _logits(self, X: Any) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} must implement _logits.")

    def _probabilities(self, logits: np.ndarray) -> np.ndarray:
        return probabilities_from_logits(
            logits, is_binary=self._is_binary, is_multilabel=self.label_names_ is not None
        )

    def _store_targets(self, targets: Targets) -> None:
        self.classes_, self.label_names_ = targets.classes, targets.label_names
        self.n_outputs_ = targets.n_outputs
        self.thresholds_ = np.full(self.n_outputs_, 0.5) if targets.is_multilabel else None

    @property
    def _is_binary(self) -> bool:
        return self.label_names_ is None and self.n_outputs_ == 1

    def decision_function(self, X: Any) -> np.ndarray:
        """Return logits.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            The ECG alone is enough, unless the model takes the clinical table as input.

        Returns
        -------
        ndarray, float64
            Of shape (n_records, n_labels), (n_records, n_classes), or
            (n_records,) for two classes.
        """
        check_is_fitted(self)
        logits = self._logits(X).astype(np.float64)
        return logits[:, 0] if self._is_binary else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, strictly between 0 and 1.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            The ECG alone is enough, unless the model takes the clinical table as input.

        Returns
        -------
        ndarray of shape (n_records, n_labels) or (n_records, n_classes), float64
            With many labels, column j is the probability of ``label_names_[j]``. NaN for
            missing records, with a warning.
        """
        check_is_fitted(self)
        return self._probabilities(self._logits(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the class, or 0 or 1 for each label.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray

        Returns
        -------
        ndarray of shape (n_records,) or (n_records, n_labels)
            NaN for missing records, such as those that a
            :class:`~ecgsk.preprocessing.QualityGate` refused; int without any.
        """
        p = self.predict_proba(X)
        if self.label_names_ is not None:
            predicted = (p > self.thresholds_).astype(int)
        else:
            predicted = self.classes_[p.argmax(axis=1)]
        return with_missing_rows(predicted, not_predicted(p))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; with many labels, the share of rows with all labels right.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            One row per ECG.
        y : array-like of shape (n_records,) or (n_records, n_labels)
            Without NaN; :mod:`ecgsk.metrics` has scorers for missing labels.
        sample_weight : array-like of shape (n_records,) or None
            Weights of the rows.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If y holds NaN.

        Warns
        -----
        LeakageWarning
            If a frozen encoder was trained on patients of X, or the model on some of them.
            A score of the whole training set, as ``cross_validate`` computes with
            ``return_train_score``, is one that nobody takes for another: no warning.
        """
        owner = type(self).__name__
        check_row_order(f"{owner}.score", X, y=y, sample_weight=sample_weight)
        check_label_order(f"{owner}.score", self.label_names_, y)
        self._warn_of_leakage(find_patients(X, None, self.group_column))
        X, y, sample_weight = leave_out_missing(f"{owner}.score", X, y, sample_weight)
        if not sparse.issparse(y) and pd.isna(np.asarray(y)).any():
            raise ValueError(
                f"{type(self).__name__}.score expected y without missing labels; got NaN. "
                "Use masked_roc_auc_scorer(model, X, y), of ecgsk.metrics."
            )
        return super().score(X, y, sample_weight)
