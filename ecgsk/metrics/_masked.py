"""AUROC and average precision where some labels were never measured."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgsk.exceptions import ECGError
from ecgsk.metrics._validation import check_labels_and_scores

Average = Literal["macro"] | None


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
    average : {"macro", None}, default="macro"
        Unweighted mean over labels, or one value a label.
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
    return _masked_score("masked_roc_auc", roc_auc_score, Y, P, average, sample_weight)


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
    average : {"macro", None}, default="macro"
        Unweighted mean over labels, or one value a label.
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
    score = average_precision_score
    return _masked_score("masked_average_precision", score, Y, P, average, sample_weight)


def _masked_score(
    caller: str,
    score: Callable[..., float],
    Y: ArrayLike,
    P: ArrayLike,
    average: Average,
    sample_weight: ArrayLike | None,
) -> float | np.ndarray:
    if average not in ("macro", None):
        raise ECGError(f"{caller} expected average='macro' or None; got {average!r}.")
    labels, scores, _ = check_labels_and_scores(caller, Y, P)
    weight = _check_weight(caller, sample_weight, len(labels))
    per_label = np.full(labels.shape[1], np.nan)
    for j, (y, p) in enumerate(zip(labels.T, scores.T, strict=True)):
        seen = ~np.isnan(y) & (weight > 0)
        if 0 < y[seen].sum() < seen.sum():
            per_label[j] = score(y[seen], p[seen], sample_weight=weight[seen])
    if np.isnan(per_label).all():
        raise ECGError(
            f"{caller} expected at least one label with both 0 and 1 among its measured records; "
            f"got none among {labels.shape[1]}. Score more records or other labels."
        )
    return per_label if average is None else float(np.nanmean(per_label))


def _check_weight(caller: str, sample_weight: ArrayLike | None, n_samples: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(n_samples)
    weight = np.asarray(sample_weight, dtype=float)
    if weight.shape != (n_samples,) or not np.isfinite(weight).all() or (weight < 0).any():
        raise ECGError(
            f"{caller} expected sample_weight of shape ({n_samples},), finite and not negative; "
            f"got shape {weight.shape}."
        )
    return weight


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
        P = estimator.predict_proba(X)
        if isinstance(P, list):  # forests and neighbours: one (n_samples, 2) array a label
            P = np.column_stack([p[:, 1] for p in P])
        if np.ndim(y) == 1 and np.ndim(P) == 2 and np.shape(P)[1] == 2:
            P = np.asarray(P)[:, 1]
        return self._score(y, P, sample_weight=sample_weight)

    def __repr__(self) -> str:
        return f"{self._score.__name__}_scorer"

    def __reduce__(self) -> str:
        return repr(self)


masked_roc_auc_scorer = _MaskedScorer(masked_roc_auc)
masked_average_precision_scorer = _MaskedScorer(masked_average_precision)
