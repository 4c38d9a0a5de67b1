"""A paired test of two models: each patient is scored by the one or, swapped, by the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.utils import check_random_state

from ecgsk.metrics._resamples import (
    BLOCK,
    LABELS,
    Resamples,
    Statistic,
    distribute,
    is_ranking,
)
from ecgsk.metrics._validation import LabelsAndScores


@dataclass(frozen=True, eq=False)
class _Swaps:
    """Which model scores which patient, as weights of records that stand twice.

    Patient i's records as one model scored them are those of patient i; as the other scored
    them, those of patient ``n_patients / 2 + i``. One of the two counts.
    """

    patients: np.ndarray
    n_patients: int
    n_resamples: int
    seed: int
    mirrored: bool  # the patients whom the other model is left with

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield ``slice, weights (n_patients, slice length)``; the data as they are come first."""
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
    parts = [labels[start : start + LABELS] for start in range(0, len(labels), LABELS)]
    if callable(statistic):  # knows all labels or none
        parts = [np.arange(len(tested))] if len(labels) else []
    for part in parts:
        twice = _stack(a, b, part, ranked=is_ranking(statistic))
        with_a, with_b = (
            distribute(twice, swaps, statistic, np.ones(len(part)))
            for swaps in _mirrored_swaps(resamples)
        )
        p_value[part] = _p_values(with_a - with_b)
    return np.where(tested, p_value, np.nan)


def _mirrored_swaps(resamples: Resamples) -> tuple[_Swaps, _Swaps]:
    n = resamples.n_patients
    patients = np.concatenate([resamples.patients, resamples.patients + n])
    first, second = (
        _Swaps(patients, 2 * n, resamples.n_resamples, resamples.seed, mirrored)
        for mirrored in (False, True)
    )
    return first, second


def _stack(
    a: LabelsAndScores, b: LabelsAndScores, labels: np.ndarray, *, ranked: bool
) -> LabelsAndScores:
    """Return some labels' records twice, as each model scored them.

    A ranking has no scale, so that two models' scores are made comparable by their ranks
    (Bandos et al.).
    """
    Y, P = a.Y[:, labels], [a.P[:, labels], b.P[:, labels]]
    if ranked:
        measured = np.where(np.isnan(Y), np.nan, 0)
        P = [np.nan_to_num(rankdata(p + measured, axis=0, nan_policy="omit")) for p in P]
    names = tuple(a.names[j] for j in labels)
    return LabelsAndScores(np.concatenate([Y, Y]), np.concatenate(P), names)


def _p_values(differences: np.ndarray) -> np.ndarray:
    """P-value of the first row of differences among all rows, a column a label."""
    size = np.abs(differences)
    known = ~np.isnan(size)
    reached = (size >= size[0] - 1e-12).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        p_value = reached / known.sum(axis=0)
        spread = np.sqrt(np.nanmean(size**2, axis=0))
        tail = 2 * norm.sf(size[0] / spread)
    p_value = np.where(reached == 1, np.minimum(p_value, tail), p_value)
    return np.where(known[0], p_value, np.nan)
