"""AUROC, average precision and F-max where some labels were never measured."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from ecgsk.metrics._average import Average, LabelScore, masked_score


def masked_roc_auc(
    Y: ArrayLike,
    P: ArrayLike,
    average: Average = "macro",
    sample_weight: ArrayLike | None = None,
) -> float | np.ndarray:
    """Area under the ROC curve per label, over the records where the label was measured.

    Equal to :func:`sklearn.metrics.roc_auc_score` where nothing is missing. A label
    that is always 0 or always 1 among its measured records has no ROC curve: it is
    NaN in the per-label result and takes no part in the macro average.

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities; must be finite.
    average : {"macro", "micro", None}, default="macro"
        Unweighted mean over labels, the score of all measured cells pooled, or one value a
        label.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weight of each record.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Score in [0, 1]; NaN for a label with a single class.

    Raises
    ------
    ECGError
        The input is malformed, or no label has both classes.

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
    """Average precision (AUPRC) per label, over the records where the label was measured.

    Equal to :func:`sklearn.metrics.average_precision_score` where nothing is missing.
    Its value under chance is the label's prevalence, so compare it on one test set only.

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities; must be finite.
    average : {"macro", "micro", None}, default="macro"
        Unweighted mean over labels, the score of all measured cells pooled, or one value a
        label.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weight of each record.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Score in [0, 1]; NaN for a label with a single class.

    Raises
    ------
    ECGError
        The input is malformed, or no label has both classes.

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
    """Greatest F1 that any threshold reaches, per label, over the measured records.

    ``max over t of 2 TP(t) / (called(t) + positives)``, where a record is called if its score
    is t or more. This is the label-wise ("term-centric") F-max of protein-function prediction
    (Jiang et al., *Genome Biology* 17, 2016). Each label has its own threshold; the
    sample-centric F-max, which shares one threshold and averages over records, is another
    number. With ``average="micro"`` one threshold is shared by all labels.

    The threshold is chosen on the records that are scored, so F-max flatters rare labels: it
    compares models on one test set and promises nothing of a threshold used elsewhere.

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities; must be finite.
    average : {"macro", "micro", None}, default="macro"
        Unweighted mean over labels, the score of all measured cells pooled, or one value a
        label.
    sample_weight : array-like of shape (n_samples,), optional
        Non-negative weight of each record.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Score in (0, 1]; NaN for a label with a single class.

    Raises
    ------
    ECGError
        The input is malformed, or no label has both classes.

    Examples
    --------
    >>> from ecgsk.metrics import masked_f_max
    >>> masked_f_max([0, 1, 0, 1], [.1, .8, .4, .3])
    0.8
    """
    return masked_score("masked_f_max", F_MAX, Y, P, average, sample_weight)


def _f_max(y: np.ndarray, p: np.ndarray, sample_weight: np.ndarray) -> float:
    precision, recall, _ = precision_recall_curve(y, p, sample_weight=sample_weight)
    found = recall > 0  # F1 is 0 where nothing is found
    precision, recall = precision[found], recall[found]
    return float(np.max(2 * precision * recall / (precision + recall)))


ROC_AUC = LabelScore(roc_auc_score, needs_both_classes=True, of_probabilities=False)
AVERAGE_PRECISION = LabelScore(
    average_precision_score, needs_both_classes=True, of_probabilities=False
)
F_MAX = LabelScore(_f_max, needs_both_classes=True, of_probabilities=False)


def as_columns(P: Any, y: ArrayLike) -> Any:
    """Return what ``predict_proba`` gives as one column a label of `y`."""
    if isinstance(P, list):  # forests and neighbours: one (n_samples, 2) array a label
        P = np.column_stack([p[:, 1] for p in P])
    if np.ndim(y) == 1 and np.ndim(P) == 2 and np.shape(P)[1] == 2:
        P = np.asarray(P)[:, 1]
    return P


class _MaskedScorer:
    """Scorer ``(estimator, X, y) -> float`` on ``predict_proba``.

    Not made by :func:`sklearn.metrics.make_scorer`: that reads two labels as the two
    classes of one binary problem and drops a column of ``predict_proba``.
    """

    def __init__(self, score: Callable[..., Any]):
        self._score = score

    def __call__(
        self, estimator: Any, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        P = as_columns(estimator.predict_proba(X), y)
        return self._score(y, P, sample_weight=sample_weight)

    def __repr__(self) -> str:
        return f"{self._score.__name__}_scorer"

    def __reduce__(self) -> str:
        return repr(self)


masked_roc_auc_scorer = _MaskedScorer(masked_roc_auc)
masked_average_precision_scorer = _MaskedScorer(masked_average_precision)
