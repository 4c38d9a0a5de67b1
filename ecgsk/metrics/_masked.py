"""AUROC, average precision and F-max per label, over measured labels alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score
from sklearn.utils import _safe_indexing

from ecgsk._alignment import check_label_order, check_row_order
from ecgsk._missing_rows import check_some_records, not_predicted, warn_of_missing_records
from ecgsk.metrics._average import Average, LabelScore, masked_score
from ecgsk.metrics.validation import probability_matrix


def masked_roc_auc(
    Y: ArrayLike,
    P: ArrayLike,
    average: Average = "macro",
    sample_weight: ArrayLike | None = None,
) -> float | np.ndarray:
    """Area under the ROC curve per label, over its measured records.

    Equal to :func:`sklearn.metrics.roc_auc_score` if no label is missing. A label with a
    single class among its measured records has no ROC curve: its score is NaN, and the macro
    average leaves it out.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities; must be finite.
    average : {"macro", "micro", None}, default="macro"
        Unweighted mean over labels, score of all measured cells pooled, or one value for
        each label.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weight of each record.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Score in [0, 1]; NaN for a label with a single class.

    Raises
    ------
    ECGError
        If the input is malformed or no label has both classes.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import masked_roc_auc
    >>> Y = [[0, 0, 1], [1, np.nan, 1], [0, 1, 1], [1, 0, 1]]
    >>> P = [[.1, .2, .5], [.8, .9, .5], [.4, .7, .5], [.3, .1, .5]]
    >>> masked_roc_auc(Y, P, average=None)
    array([0.75, 1.  ,  nan])
    >>> masked_roc_auc(Y, P)
    0.875
    """
    return masked_score("masked_roc_auc", ROC_AUC, Y, P, average, sample_weight)


def masked_average_precision(
    Y: ArrayLike,
    P: ArrayLike,
    average: Average = "macro",
    sample_weight: ArrayLike | None = None,
) -> float | np.ndarray:
    """Average precision (AUPRC) per label, over its measured records.

    Equal to :func:`sklearn.metrics.average_precision_score` if no label is missing. The chance
    level is the label's prevalence, so compare values on one test set only.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities; must be finite.
    average : {"macro", "micro", None}, default="macro"
        Unweighted mean over labels, score of all measured cells pooled, or one value for
        each label.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weight of each record.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Score in [0, 1]; NaN for a label with a single class.

    Raises
    ------
    ECGError
        If the input is malformed or no label has both classes.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.metrics import masked_average_precision
    >>> masked_average_precision([[0, 0], [1, np.nan], [0, 1]], [[.1, .2], [.8, .9], [.4, .1]])
    0.75
    """
    score = AVERAGE_PRECISION
    return masked_score("masked_average_precision", score, Y, P, average, sample_weight)


def masked_f_max(
    Y: ArrayLike,
    P: ArrayLike,
    average: Average = "macro",
    sample_weight: ArrayLike | None = None,
) -> float | np.ndarray:
    """Maximum F1 over thresholds (F-max) per label, over its measured records.

    ``max over t of 2 TP(t) / (predicted(t) + positives)``, with records predicted positive if
    their score is at least t. This is the label-wise ("term-centric") F-max of
    protein-function prediction (Jiang et al., *Genome Biology* 17, 2016). Each label has its
    own threshold; ``average="micro"`` shares one threshold between labels. The sample-centric
    F-max, which averages over records, is another score.

    The threshold is chosen on the scored records, so F-max is optimistic for rare labels. Use
    it to compare models on one test set, not to predict the F1 of a fixed threshold.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities; must be finite.
    average : {"macro", "micro", None}, default="macro"
        Unweighted mean over labels, score of all measured cells pooled, or one value for
        each label.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weight of each record.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Score in (0, 1]; NaN for a label with a single class.

    Raises
    ------
    ECGError
        If the input is malformed or no label has both classes.

    Examples
    --------
    >>> from ecgsk.metrics import masked_f_max
    >>> masked_f_max([0, 1, 0, 1], [.1, .8, .4, .3])
    0.8
    """
    return masked_score("masked_f_max", F_MAX, Y, P, average, sample_weight)


def _f_max(y: np.ndarray, p: np.ndarray, sample_weight: np.ndarray) -> float:
    precision, recall, _ = precision_recall_curve(y, p, sample_weight=sample_weight)
    some = recall > 0  # F1 is 0 where recall is 0
    precision, recall = precision[some], recall[some]
    return float(np.max(2 * precision * recall / (precision + recall)))


ROC_AUC = LabelScore(roc_auc_score, needs_both_classes=True, of_probabilities=False)
AVERAGE_PRECISION = LabelScore(
    average_precision_score, needs_both_classes=True, of_probabilities=False
)
F_MAX = LabelScore(_f_max, needs_both_classes=True, of_probabilities=False)


class _MaskedScorer:
    """Scorer ``(estimator, X, y) -> float`` on ``predict_proba``.

    Records that the estimator does not predict (NaN in all columns), as those that a
    ``QualityGate`` refused, are left out with a warning.

    :func:`sklearn.metrics.make_scorer` takes two labels for the two classes of one binary
    problem and drops a column of ``predict_proba``.
    """

    def __init__(self, score: Callable[..., Any]):
        self._score = score

    def __call__(
        self, estimator: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        check_row_order(repr(self), X, y=y, sample_weight=sample_weight)
        check_label_order(repr(self), getattr(estimator, "label_names_", None), y)
        P = probability_matrix(estimator.predict_proba(X), y)
        missing = not_predicted(P)
        if not missing.any():
            return self._score(y, P, sample_weight=sample_weight)
        check_some_records(repr(self), missing)
        warn_of_missing_records(repr(self), missing, "left out of the score")
        kept = np.flatnonzero(~missing)
        weight = None if sample_weight is None else _safe_indexing(sample_weight, kept)
        y, P = _safe_indexing(y, kept), _safe_indexing(P, kept)
        return self._score(y, P, sample_weight=weight)

    def __repr__(self) -> str:
        return f"{self._score.__name__}_scorer"

    def __reduce__(self) -> str:
        return repr(self)


masked_roc_auc_scorer = _MaskedScorer(masked_roc_auc)
masked_average_precision_scorer = _MaskedScorer(masked_average_precision)
