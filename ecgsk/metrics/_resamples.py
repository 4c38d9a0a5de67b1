"""Resampled patients, and a score under each resample: what every interval here is made of."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError
from ecgsk.metrics._average import LabelScore
from ecgsk.metrics._masked import AVERAGE_PRECISION, F_MAX, ROC_AUC
from ecgsk.metrics._probability import BRIER, CALIBRATION_ERROR
from ecgsk.metrics._ranking import RankedLabel
from ecgsk.metrics._result import BootstrapResult, summarise
from ecgsk.metrics._sums import BinnedSums, SummedLabel
from ecgsk.metrics._validation import LabelsAndScores, check_same_rows

Statistic = str | Callable[..., Any]


class _Named(NamedTuple):
    """A statistic known by name: of one set of weights, and of many at once."""

    score: LabelScore
    prepared: type[RankedLabel] | type[SummedLabel]


_NAMED = {
    "roc_auc": _Named(ROC_AUC, RankedLabel),
    "average_precision": _Named(AVERAGE_PRECISION, RankedLabel),
    "f_max": _Named(F_MAX, RankedLabel),
    "brier": _Named(BRIER, SummedLabel),
    "calibration_error": _Named(CALIBRATION_ERROR, SummedLabel),
}
# Resamples scored together: few enough that the sums of one label stay in a core's cache.
BLOCK = 32
# Labels prepared together: a prepared label is as large as two columns of Y.
LABELS = 256


class Weights(Protocol):
    """A reproducible sequence of weights of patients."""

    @property
    def patients(self) -> np.ndarray: ...
    @property
    def n_patients(self) -> int: ...
    @property
    def n_resamples(self) -> int: ...
    def blocks(self, size: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]: ...


@dataclass(frozen=True, eq=False)
class Resamples:
    """A reproducible sequence of resampled patients."""

    patients: np.ndarray  # (n_samples,) number of each record's patient
    n_patients: int
    n_resamples: int
    confidence_level: float
    seed: int
    identity: str  # equal for two results whose distributions may be subtracted

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
        """Give each patient in `groups` a number; `labels` is `Y` once checked."""
        check_same_rows(caller, Y, groups, "groups")
        if n_resamples < 1:
            raise ECGError(f"{caller} expected n_resamples >= 1; got {n_resamples}.")
        if not 0 < confidence_level < 1:
            raise ECGError(f"{caller} expected 0 < confidence_level < 1; got {confidence_level}.")
        patients, names = number_patients(caller, groups, len(labels))
        if len(names) < 2:
            raise ECGError(
                f"{caller} expected at least two patients to resample; got {len(names)}."
            )
        if isinstance(random_state, int | np.integer):
            seed = int(random_state)
        else:
            seed = int(check_random_state(random_state).randint(2**31 - 1))
        digest = hashlib.blake2b(repr((seed, n_resamples)).encode(), digest_size=8)
        digest.update(patients.tobytes())
        digest.update(np.nan_to_num(labels, nan=2).astype(np.int8).tobytes())
        identity = digest.hexdigest()
        return cls(patients, len(names), n_resamples, confidence_level, seed, identity)

    def of_records(self, records: np.ndarray) -> "Resamples":
        """Return the same resamples of the same patients, seen through some records alone."""
        return replace(self, patients=self.patients[records])

    def blocks(self, size: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield ``slice, counts (n_patients, slice length)``; the same for every `size`."""
        rng = check_random_state(self.seed)
        n = self.n_patients
        for start in range(0, self.n_resamples, size):
            width = min(size, self.n_resamples - start)
            drawn = rng.randint(n, size=(width, n)) + n * np.arange(width)[:, np.newaxis]
            counts = np.bincount(drawn.ravel(), minlength=n * width).reshape(width, n)
            yield slice(start, start + width), np.ascontiguousarray(counts.T, dtype=float)

    def apply(self, sums: BinnedSums, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return (n_resamples, n_values) of ``function(totals) -> (n_values, width)``."""
        parts = [function(sums.total(counts)) for _, counts in self.blocks()]
        return np.concatenate(parts, axis=1).T


def is_ranking(statistic: Statistic) -> bool:
    """Whether a statistic, known by name, depends on the scores' order alone."""
    return isinstance(statistic, str) and _NAMED[statistic].prepared is RankedLabel


def check_statistic(caller: str, data: LabelsAndScores, statistic: Statistic) -> None:
    """Refuse an unknown statistic, or one that must not score `data`."""
    if callable(statistic):
        return
    if statistic not in _NAMED:
        raise ECGError(
            f"{caller} expected statistic to be one of {sorted(_NAMED)} or a callable; "
            f"got {statistic!r}."
        )
    _NAMED[statistic].score.check(caller, data.P)


def check_defined(caller: str, result: BootstrapResult, statistic: Statistic) -> None:
    """Refuse a result without any score."""
    if isinstance(statistic, str):
        _NAMED[statistic].score.check_defined(caller, result.label_estimate)


def bootstrap(data: LabelsAndScores, resamples: Resamples, statistic: Statistic) -> BootstrapResult:
    """Score `data` as it is and in every resample; all NaN where nothing has a score."""
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
        distribute(data, resamples, statistic, estimate),
        confidence_level=resamples.confidence_level,
        n_patients=resamples.n_patients,
        resamples=resamples.identity,
    )


def distribute(
    data: LabelsAndScores, resamples: Weights, statistic: Statistic, estimate: np.ndarray
) -> np.ndarray:
    """Score every resample: (n_resamples, n_values), NaN where `estimate` is."""
    if callable(statistic):
        return _loop(data, resamples, statistic, len(estimate))
    return _vectorised(data, resamples, statistic, np.flatnonzero(~np.isnan(estimate)))


def _vectorised(
    data: LabelsAndScores, resamples: Weights, statistic: str, labels: np.ndarray
) -> np.ndarray:
    """Score every resample of `labels`: (n_resamples, n_labels), NaN for the other labels."""
    distribution = np.full((resamples.n_resamples, data.Y.shape[1]), np.nan)
    for start in range(0, len(labels), LABELS):
        prepared = {}
        for j in labels[start : start + LABELS]:
            seen = ~np.isnan(data.Y[:, j])
            prepared[j] = _NAMED[statistic].prepared.from_scores(
                statistic,
                data.Y[seen, j],
                data.P[seen, j],
                resamples.patients[seen],
                resamples.n_patients,
            )
        for block, counts in resamples.blocks():
            for j, label in prepared.items():
                distribution[block, j] = label.score(counts)
    return distribution


def _loop(
    data: LabelsAndScores, resamples: Weights, statistic: Callable[..., Any], n_values: int
) -> np.ndarray:
    """Call `statistic` once a resample: (n_resamples, n_values)."""
    distribution = np.empty((resamples.n_resamples, n_values))
    for block, counts in resamples.blocks(1):
        weight = counts[resamples.patients, 0]
        distribution[block] = statistic(data.Y, data.P, sample_weight=weight)
    return distribution
