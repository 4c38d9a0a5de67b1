"""Paired permutation test of two models, which swaps the scores of whole patients."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from sklearn.utils import check_random_state

from ecgsk.metrics.resampling import (
    LABELS_PER_BLOCK,
    RESAMPLES_PER_BLOCK,
    PatientWeights,
    Resamples,
    Statistic,
    distribution,
    is_ranking,
)
from ecgsk.metrics.validation import LabelsAndScores

# Differences this close count as equal, so that rounding decides no p-value.
_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class _Swaps(PatientWeights):
    """Weights of 0 or 1 that choose the model whose scores count for each patient.

    Each record stands twice. Patient i owns the copies with one model's scores, and patient
    ``n_patients / 2 + i`` the copies with the other model's.
    """

    mirrored: bool  # chooses the other model for each patient

    def blocks(self, size: int = RESAMPLES_PER_BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield numbers of swaps and weights (n_patients, n_block); swap 0 swaps no patient."""
        rng = check_random_state(self.seed)
        for start in range(0, self.n_resamples, size):
            width = min(size, self.n_resamples - start)
            swapped = rng.randint(2, size=(width, self.n_patients // 2)).T
            if start == 0:
                swapped[:, 0] = 0
            own, other = swapped == self.mirrored, swapped != self.mirrored
            yield slice(start, start + width), np.concatenate([own, other]).astype(float)


def swap_test(
    a: LabelsAndScores,
    b: LabelsAndScores,
    resamples: Resamples,
    statistic: Statistic,
    tested: np.ndarray,
) -> np.ndarray:
    """Return the two-sided p-value of each label, NaN for labels that are not `tested`."""
    p_value = np.full(len(tested), np.nan)
    labels = np.flatnonzero(tested)
    starts = range(0, len(labels), LABELS_PER_BLOCK)
    parts = [labels[start : start + LABELS_PER_BLOCK] for start in starts]
    if callable(statistic):  # it scores all labels at once
        parts = [np.arange(len(tested))] if len(labels) else []
    for part in parts:
        twice = _stack(a, b, part, resamples.patients if is_ranking(statistic) else None)
        with_a, with_b = (
            distribution(twice, swaps, statistic, np.ones(len(part)))
            for swaps in _mirrored_swaps(resamples)
        )
        p_value[part] = _p_values(with_a - with_b)
    return np.where(tested, p_value, np.nan)


def _mirrored_swaps(resamples: Resamples) -> tuple[_Swaps, _Swaps]:
    """Return the same swaps twice: weights of the one model, and of the other."""
    n = resamples.n_patients
    patients = np.concatenate([resamples.patients, resamples.patients + n])
    first, second = (
        _Swaps(patients, 2 * n, resamples.n_resamples, resamples.seed, mirrored)
        for mirrored in (False, True)
    )
    return first, second


def _stack(
    a: LabelsAndScores, b: LabelsAndScores, labels: np.ndarray, ranked_by: np.ndarray | None
) -> LabelsAndScores:
    """Stack the records of some labels twice, with the scores of `a` and of `b`.

    A ranking has no scale, so the scores of two models are made comparable by their ranks among
    the records of the patients `ranked_by`.
    """
    Y, P = a.Y[:, labels], [a.P[:, labels], b.P[:, labels]]
    if ranked_by is not None:
        P = [_rank_by_patient(Y, p, ranked_by) for p in P]
    names = tuple(a.names[j] for j in labels)
    return LabelsAndScores(np.concatenate([Y, Y]), np.concatenate(P), names)


def _rank_by_patient(Y: np.ndarray, P: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Rank each label's measured records; those of a patient share a weight of 1.

    With a weight of 1 for each record, a patient with very many records would shift the ranks
    of all others by the position of its own scores, and p-values would be too small.
    """
    ranks = np.zeros(P.shape)
    for j in range(P.shape[1]):
        measured = ~np.isnan(Y[:, j])
        weight = 1 / np.bincount(patients[measured])[patients[measured]]
        _, place = np.unique(P[measured, j], return_inverse=True)
        total = np.bincount(place, weights=weight)
        # Rounded, so that the error of the sums breaks no tie between the models.
        ranks[measured, j] = np.round(np.cumsum(total) - total / 2, 9)[place]
    return ranks


def _p_values(differences: np.ndarray) -> np.ndarray:
    """Return the p-value of the first row of differences (n_swaps, n_labels) among all rows."""
    size = np.abs(differences)
    defined = ~np.isnan(size)
    reached = (size >= size[0] - _TOLERANCE).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = reached / defined.sum(axis=0)
        spread = np.sqrt(np.nanmean(size**2, axis=0))
        tail = 2 * norm.sf(size[0] / spread)
    p_value = np.where(reached == 1, np.minimum(p_value, tail), p_value)
    return np.where(defined[0], p_value, np.nan)
