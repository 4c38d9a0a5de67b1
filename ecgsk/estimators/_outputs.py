"""Logits turned into probabilities and predictions, as scikit-learn's conventions have it."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ecgsk._leakage import SeenPatients, warn_of_seen_patients
from ecgsk._patients import find_patients
from ecgsk.estimators._targets import Targets


class LogitsClassifierMixin(ClassifierMixin):
    """Classifier whose subclass gives ``_logits``, of shape (n_records, n_outputs).

    Attributes
    ----------
    classes_ : ndarray
        The classes; with many labels, their numbers.
    label_names_ : list of str or None
        Names of the labels; None where y had one column.
    n_outputs_ : int
        Number of logits: one per label or class, or one for two classes.
    thresholds_ : ndarray of shape (n_labels,) or None
        A label is predicted above its threshold.
    """

    classes_: np.ndarray
    label_names_: list[str] | None
    n_outputs_: int
    thresholds_: np.ndarray | None
    group_column: str

    def _logits(self, X: Any) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} gives no logits")

    def _logits_of(self, embedding: np.ndarray) -> np.ndarray:
        """Return what ``_logits`` does, to float32's precision, of embedded records."""
        raise TypeError(f"{type(self).__name__} has no head over an embedding")

    def _judge(self, embedding: np.ndarray) -> np.ndarray:
        """Return what ``predict_proba`` does, to float32's precision, of embedded records."""
        return self._probabilities(self._logits_of(embedding))

    def _probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Turn logits of shape (n_records, n_outputs) into what ``predict_proba`` returns."""
        logits = logits.astype(np.float64)
        if self.label_names_ is None and not self._is_binary:
            p = softmax(logits, axis=1)
        elif self._is_binary:
            p = expit(np.hstack([-logits, logits]))
        else:
            p = expit(logits)
        return np.clip(p, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).eps)

    def _frozen_patients(self) -> SeenPatients | None:
        """Return the patients of a pre-training that was not a part of this fit."""
        return None

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
            The ECG alone is enough, unless the model was made to see the table.

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
            The ECG alone is enough, unless the model was made to see the table.

        Returns
        -------
        ndarray of shape (n_records, n_labels) or (n_records, n_classes), float64
            With many labels, column j is the probability of
            ``label_names_[j]``, each by itself.
        """
        check_is_fitted(self)
        return self._probabilities(self._logits(X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the class, or 0 and 1 for each label.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray

        Returns
        -------
        ndarray of shape (n_records,) or (n_records, n_labels)
        """
        p = self.predict_proba(X)
        if self.label_names_ is not None:
            return (p > self.thresholds_).astype(int)
        return self.classes_[p.argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; with many labels, the share of rows with all labels right.

        Parameters
        ----------
        X : DataFrame with an ECG column, or ndarray
            One row per ECG.
        y : array-like of shape (n_records,) or (n_records, n_labels)
            Without NaN; scorers for labels that are partly unknown are in
            :mod:`ecgsk.metrics`.
        sample_weight : array-like of shape (n_records,) or None
            Weights of the rows.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            Where y holds NaN.

        Warns
        -----
        LeakageWarning
            Where an encoder that was fitted before has seen patients of X.
        """
        patients = find_patients(X, None, self.group_column)
        warn_of_seen_patients(type(self).__name__, patients, self._frozen_patients())
        if not sparse.issparse(y) and pd.isna(np.asarray(y)).any():
            raise ValueError(
                f"{type(self).__name__}.score expected labels that are all known; got NaN in y. "
                "Leave the unknown ones out: masked_roc_auc_scorer(model, X, y), of ecgsk.metrics."
            )
        return super().score(X, y, sample_weight)
