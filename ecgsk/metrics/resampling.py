"""Patient bootstrap: resample patients with replacement and score each resample."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError
from ecgsk.metrics._average import LabelScore
from ecgsk.metrics._masked import AVERAGE_PRECISION, F_MAX, ROC_AUC
from ecgsk.metrics._probability import BRIER, CALIBRATION_ERROR
from ecgsk.metrics._ranking import RankedLabel
from ecgsk.metrics._result import BootstrapResult, percentile_interval, summarise
from ecgsk.metrics._sums import BinnedSums, SummedLabel
from ecgsk.metrics.validation import LabelsAndScores, check_same_rows

Statistic = str | Callable[..., Any]


class _NamedStatistic(NamedTuple):
    """A statistic with a name: scored once, and prepared to be scored in all resamples."""

    score: LabelScore
    prepared: type[RankedLabel] | type[SummedLabel]


_NAMED = {
    "roc_auc": _NamedStatistic(ROC_AUC, RankedLabel),
    "average_precision": _NamedStatistic(AVERAGE_PRECISION, RankedLabel),
    "f_max": _NamedStatistic(F_MAX, RankedLabel),
    "brier": _NamedStatistic(BRIER, SummedLabel),
    "calibration_error": _NamedStatistic(CALIBRATION_ERROR, SummedLabel),
}
# The sums of one label over a block of resamples fit into a core's cache.
RESAMPLES_PER_BLOCK = 32
# Limits memory: a prepared label is as large as two columns of Y.
LABELS_PER_BLOCK = 256


def patient_counts(
    n_patients: int,
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
    block_size: int = RESAMPLES_PER_BLOCK,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Draw patients with replacement and count how often each patient is drawn.

    Yield the slice of a block's resamples and its counts, float64 of shape (n_patients, n_block).
    A seed gives the same counts for every `block_size`.
    """
    rng = check_random_state(random_state)
    for start in range(0, n_resamples, block_size):
        width = min(block_size, n_resamples - start)
        drawn = rng.randint(n_patients, size=(width, n_patients))
        drawn += n_patients * np.arange(width)[:, np.newaxis]
        counts = np.bincount(drawn.ravel(), minlength=n_patients * width)
        counts = counts.reshape(width, n_patients).T
        yield slice(start, start + width), np.ascontiguousarray(counts, dtype=float)


@dataclass(frozen=True, eq=False)
class PatientWeights(ABC):
    """Reproducible sequence of patient weights, one set of weights for each resample."""

    patients: np.ndarray  # (n_records,) number of each record's patient
    n_patients: int
    n_resamples: int
    seed: int

    @abstractmethod
    def blocks(self, size: int = RESAMPLES_PER_BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield numbers of resamples and their weights (n_patients, n_block)."""


@dataclass(frozen=True, eq=False)
class Resamples(PatientWeights):
    """Reproducible sequence of patients resampled with replacement."""

    confidence_level: float
    identity: str  # hash: distributions may be subtracted where it is equal

    @classmethod
    def from_groups(
        cls,
        caller: str,
        groups: ArrayLike,
        Y: ArrayLike,
        labels: np.ndarray,
        n_resamples: int,
        confidence_level: float,
        random_state: Any,
    ) -> "Resamples":
        """Check and number the patients in `groups`; `labels` is `Y` once checked."""
        check_same_rows(caller, Y, groups, "groups")
        if n_resamples < 1:
            raise ECGError(
                f"{caller} expected n_resamples >= 1; got {n_resamples}. Pass 1000, for example."
            )
        check_confidence_level(caller, confidence_level)
        patients, names = number_patients(caller, groups, len(labels))
        if len(names) < 2:
            raise ECGError(
                f"{caller} expected at least two patients to resample; got {len(names)}. "
                "Pass groups=X['subject_id'] of all scored records."
            )
        if isinstance(random_state, int | np.integer):
            seed = int(random_state)
        else:
            seed = int(check_random_state(random_state).randint(2**31 - 1))
        digest = hashlib.blake2b(repr((seed, n_resamples)).encode(), digest_size=8)
        digest.update(patients.tobytes())
        digest.update(np.nan_to_num(labels, nan=2).astype(np.int8).tobytes())
        return cls(patients, len(names), n_resamples, seed, confidence_level, digest.hexdigest())

    def of_records(self, records: np.ndarray) -> "Resamples":
        """Restrict the records to `records` and keep the resampled patients."""
        return replace(self, patients=self.patients[records])

    def blocks(self, size: int = RESAMPLES_PER_BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield numbers of resamples and patient counts (n_patients, n_block)."""
        return patient_counts(self.n_patients, self.n_resamples, self.seed, size)


def check_confidence_level(caller: str, confidence_level: float) -> None:
    """Raise ECGError if a confidence level is not in (0, 1)."""
    if not 0 < confidence_level < 1:
        raise ECGError(
            f"{caller} expected 0 < confidence_level < 1; got {confidence_level}. "
            "Pass 0.95 for 95 % intervals."
        )


def is_ranking(statistic: Statistic) -> bool:
    """Return whether a named statistic depends on the order of the scores alone."""
    return isinstance(statistic, str) and _NAMED[statistic].prepared is RankedLabel


def check_statistic(caller: str, data: LabelsAndScores, statistic: Statistic) -> None:
    """Raise ECGError if a statistic is unknown or needs probabilities and gets other scores."""
    if callable(statistic):
        return
    if statistic not in _NAMED:
        raise ECGError(
            f"{caller} expected statistic to be one of {sorted(_NAMED)} or a callable; "
            f"got {statistic!r}."
        )
    _NAMED[statistic].score.check(caller, data.P)


def check_defined(caller: str, result: BootstrapResult, statistic: Statistic) -> None:
    """Raise ECGError if no label has a score."""
    if isinstance(statistic, str):
        _NAMED[statistic].score.check_defined(caller, result.label_estimate)


def bootstrap(data: LabelsAndScores, resamples: Resamples, statistic: Statistic) -> BootstrapResult:
    """Score the data and every resample; all NaN where no label has a score."""
    if callable(statistic):
        name = getattr(statistic, "__name__", "statistic")
        estimate = np.atleast_1d(statistic(data.Y, data.P, sample_weight=np.ones(len(data.Y))))
    else:
        name = statistic
        score = _NAMED[statistic].score
        estimate = score.per_label(data.Y, data.P, np.ones(len(data.Y)))
    names = data.names if len(estimate) == len(data.names) else (name,) * len(estimate)
    return summarise(
        name,
        names,
        estimate,
        distribution(data, resamples, statistic, estimate),
        confidence_level=resamples.confidence_level,
        n_patients=resamples.n_patients,
        resamples=resamples.identity,
    )


def bootstrap_pair(
    caller: str, a: LabelsAndScores, b: LabelsAndScores, resamples: Resamples, statistic: Statistic
) -> tuple[BootstrapResult, BootstrapResult, BootstrapResult]:
    """Score two models on the same resamples; return both results and their difference."""
    for data in (a, b):
        check_statistic(caller, data, statistic)
    first, second = (bootstrap(data, resamples, statistic) for data in (a, b))
    difference = first - second
    check_defined(caller, difference, statistic)
    return first, second, difference


def distribution(
    data: LabelsAndScores, weights: PatientWeights, statistic: Statistic, estimate: np.ndarray
) -> np.ndarray:
    """Score every set of weights: (n_resamples, n_values), NaN where `estimate` is NaN."""
    if callable(statistic):
        return _score_in_loop(data, weights, statistic, len(estimate))
    return _score_in_blocks(data, weights, statistic, np.flatnonzero(~np.isnan(estimate)))


def _score_in_blocks(
    data: LabelsAndScores, weights: PatientWeights, statistic: str, labels: np.ndarray
) -> np.ndarray:
    """Score a named statistic of `labels` by blocks of labels and of resamples."""
    scores = np.full((weights.n_resamples, data.Y.shape[1]), np.nan)
    for start in range(0, len(labels), LABELS_PER_BLOCK):
        prepared = {}
        for j in labels[start : start + LABELS_PER_BLOCK]:
            measured = ~np.isnan(data.Y[:, j])
            prepared[j] = _NAMED[statistic].prepared.from_scores(
                statistic,
                data.Y[measured, j],
                data.P[measured, j],
                weights.patients[measured],
                weights.n_patients,
            )
        for block, counts in weights.blocks():
            for j, label in prepared.items():
                scores[block, j] = label.score(counts)
    return scores


def _score_in_loop(
    data: LabelsAndScores, weights: PatientWeights, statistic: Callable[..., Any], n_values: int
) -> np.ndarray:
    """Call `statistic` once for each resample."""
    scores = np.empty((weights.n_resamples, n_values))
    for block, counts in weights.blocks(1):
        weight = counts[weights.patients, 0]
        scores[block] = statistic(data.Y, data.P, sample_weight=weight)
    return scores


def score_bins(
    values: list[np.ndarray],
    bins: np.ndarray,
    n_bins: int,
    measured: np.ndarray,
    resamples: Resamples | None,
    score: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Sum one label's measured records by bin; return sums, scores, and bounds of the scores.

    `score` maps sums (n_values, n_bins, n_block) to scores (n_scores, n_block). The bounds are
    NaN without `resamples`.
    """
    patients, n_patients = np.zeros(len(bins), int), 1
    if resamples is not None:
        patients, n_patients = resamples.patients[measured], resamples.n_patients
    sums = BinnedSums.from_values(values, bins, n_bins, patients, n_patients)
    total = sums.total(np.ones((n_patients, 1)))
    estimate = score(total)[:, 0]
    low = high = np.full(len(estimate), np.nan)
    if resamples is not None:
        parts = [score(sums.total(counts)) for _, counts in resamples.blocks()]
        scores = np.concatenate(parts, axis=1).T
        low, high = percentile_interval(scores, resamples.confidence_level)
    return total[..., 0], estimate, low, high
