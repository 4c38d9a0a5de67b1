"""Score each label over its measured records and average over labels."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ecgsk._alignment import check_row_order
from ecgsk.exceptions import ECGError
from ecgsk.metrics.validation import check_labels_and_scores

Average = Literal["macro", "micro"] | None


class LabelScore(NamedTuple):
    """Score of one label, ``function(y, p, sample_weight=w)``: no NaN in `y`, weights may be 0."""

    function: Callable[..., float]
    needs_both_classes: bool
    of_probabilities: bool

    def per_label(self, Y: np.ndarray, P: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Score each column of `Y` and `P`; NaN where the score is undefined."""
        out = np.full(Y.shape[1], np.nan)
        for j, (y, p) in enumerate(zip(Y.T, P.T, strict=True)):
            measured = ~np.isnan(y)
            weighted = y[measured & (weight > 0)]
            n, positive = len(weighted), weighted.sum()
            if (0 < positive < n) if self.needs_both_classes else n:
                w = weight[measured]
                out[j] = self.function(y[measured], p[measured], sample_weight=w)
        return out

    def check(self, caller: str, P: np.ndarray) -> None:
        """Raise ECGError if `P` must be probabilities and has values outside [0, 1]."""
        if self.of_probabilities:
            check_probabilities(caller, P)

    def check_defined(self, caller: str, per_label: np.ndarray) -> None:
        """Raise ECGError if no label has a score."""
        if np.isnan(per_label).all():
            need = "with both 0 and 1 among its" if self.needs_both_classes else "with"
            raise ECGError(
                f"{caller} expected at least one label {need} measured records; got none among "
                f"{len(per_label)}. Score more records or other labels."
            )


def masked_score(
    caller: str,
    score: LabelScore,
    Y: ArrayLike,
    P: ArrayLike,
    average: Average,
    sample_weight: ArrayLike | None,
) -> float | np.ndarray:
    """Check labels and scores, score each label and average, as all ``masked_*`` functions do."""
    if average not in ("macro", "micro", None):
        raise ECGError(f"{caller} expected average='macro', 'micro' or None; got {average!r}.")
    labels, scores, _ = check_labels_and_scores(caller, Y, P)
    check_row_order(caller, Y, "Y", sample_weight=sample_weight)
    score.check(caller, scores)
    weight = _check_weight(caller, sample_weight, len(labels))
    if average == "micro":  # all measured cells form one label
        weight = np.repeat(weight, labels.shape[1])
        labels, scores = labels.reshape(-1, 1), scores.reshape(-1, 1)
    per_label = score.per_label(labels, scores, weight)
    score.check_defined(caller, per_label)
    return per_label if average is None else float(np.nanmean(per_label))


def check_probabilities(caller: str, P: np.ndarray) -> None:
    """Raise ECGError if a score is outside [0, 1]."""
    if P.min() < 0 or P.max() > 1:
        raise ECGError(
            f"{caller} expected probabilities in [0, 1] in P; got {P.min():.4g} to "
            f"{P.max():.4g}. Pass predict_proba's output, not decision values."
        )


def _check_weight(caller: str, sample_weight: ArrayLike | None, n_samples: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(n_samples)
    weight = np.asarray(sample_weight, dtype=float)
    if weight.shape != (n_samples,) or not np.isfinite(weight).all() or (weight < 0).any():
        raise ECGError(
            f"{caller} expected sample_weight of shape ({n_samples},), finite and not negative; "
            f"got shape {weight.shape}. Pass one weight for each row of Y."
        )
    return weight
