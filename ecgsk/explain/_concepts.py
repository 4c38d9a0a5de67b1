"""Directions of laboratory abnormalities in an embedding, and random ones to compare with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

# Principal axes that are kept of a wide embedding. What lies outside varies less than the ridge
# is large, so that it moves a direction little; the tests' time grows with their number.
_N_AXES = 1024
# Ridge on a concept's filter, in units of the features' mean variance: features that hardly
# vary in training patients are not to decide how an abnormality looks.
_RIDGE = 1.0


@dataclass(frozen=True)
class Concepts:
    """Concepts of one standard deviation in training.

    Attributes
    ----------
    filters : ndarray of shape (n_concepts, n_axes)
        What reads a concept off: its score is ``coordinates @ filter``.
    patterns : ndarray of shape (n_concepts, n_axes)
        Where a record moves with a score of one.
    """

    filters: np.ndarray
    patterns: np.ndarray


class ConceptSpace:
    """An embedding in uncorrelated axes, and laboratory abnormalities as directions in it.

    A concept's *filter* is the ridge discriminant of abnormal against normal records, a concept
    activation vector (Kim et al. 2018). Its *pattern* is the filter times the features'
    covariance: what goes with the concept in the data, which a filter alone doesn't tell, as it
    also weighs what must be subtracted (Haufe et al. 2014; Pahde et al. 2022). Taking from each
    record its score times the pattern projects the concept out at right angles in the whitened
    space: of all ways that leave nothing a linear reader of the filter could see, it moves
    records least (Belrose et al. 2023).

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
        Of the embedding in training.
    basis : ndarray of shape (n_features, n_axes)
        Coordinates are ``(embedding - mean) @ basis``.
    back : ndarray of shape (n_axes, n_features)
        The other way.
    variance : ndarray of shape (n_axes,)
        Of each coordinate in training.
    """

    def __init__(
        self, mean: np.ndarray, basis: np.ndarray, back: np.ndarray, variance: np.ndarray
    ) -> None:
        self.mean, self.basis, self.back, self.variance = mean, basis, back, variance

    @classmethod
    def fit(cls, embedding: np.ndarray) -> "ConceptSpace":
        """Find the axes of training records, at most 1,024: those that vary most."""
        embedding = embedding.astype(np.float64)
        mean, scale = embedding.mean(axis=0), embedding.std(axis=0)
        # A feature that hardly moved in training must not be magnified.
        scale = np.maximum(scale, max(0.01 * float(np.median(scale)), 1e-6))
        z = (embedding - mean) / scale
        variance, axes = _principal_axes(z)
        return cls(mean, axes / scale[:, None], axes.T * scale, np.maximum(variance, 0))

    def coordinates(self, embedding: np.ndarray) -> np.ndarray:
        """Return records in uncorrelated axes, of shape (n_records, n_axes)."""
        return (np.asarray(embedding, dtype=np.float64) - self.mean) @ self.basis

    def concepts(self, coordinates: np.ndarray, labels: np.ndarray) -> Concepts:
        """Return the direction of each label; a label of one class only has none (NaN)."""
        true, false = (labels == 1).astype(np.float32), (labels == 0).astype(np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            contrast = true / true.sum(axis=0) - false / false.sum(axis=0)
        difference = (contrast.T @ coordinates.astype(np.float32, copy=False)).astype(np.float64)
        return self.scaled(difference / (self.variance + _RIDGE))

    def scaled(self, filters: np.ndarray) -> Concepts:
        """Return concepts of these filters, their scores of standard deviation one."""
        with np.errstate(invalid="ignore", divide="ignore"):
            filters = filters / np.sqrt(np.square(filters) @ self.variance)[:, None]
        return Concepts(filters, filters * self.variance)

    def isotropic(self, n: int, rng: np.random.RandomState) -> Concepts:
        """Return directions that are uniform on the whitened sphere."""
        return self.scaled(
            rng.standard_normal((n, len(self.variance)))
            / np.sqrt(np.maximum(self.variance, 1e-6 * self.variance.max()))
        )


def _principal_axes(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return variances, ascending, and axes in columns; of many features only the largest."""
    n, n_features = z.shape
    if n_features <= _N_AXES:
        return np.linalg.eigh(z.T @ z / n)
    wide = n < n_features  # then records are the smaller matrix, and have the same variances
    gram = (z @ z.T if wide else z.T @ z) / n
    variance, vectors = eigh(gram, subset_by_index=[max(len(gram) - _N_AXES, 0), len(gram) - 1])
    if not wide:
        return variance, vectors
    moves = variance > 1e-9 * variance[-1]  # centred records span one axis less than there are
    variance, vectors = variance[moves], vectors[:, moves]
    return variance, z.T @ vectors / np.sqrt(n * variance)


def shuffles(patients: np.ndarray, n: int, rng: np.random.RandomState) -> Iterator[np.ndarray]:
    """Yield orders of the records that exchange patients who have the same number of records.

    A patient's records keep together: labels that go from visit to visit would otherwise be
    more alike than shuffled ones, and any concept seem better than chance.
    """
    by_patient = np.argsort(patients, kind="stable")
    sizes = np.bincount(patients)
    starts = np.cumsum(sizes) - sizes
    blocks = [
        by_patient[starts[sizes == size][:, None] + np.arange(size)]
        for size in np.unique(sizes[sizes > 0])
    ]
    for _ in range(n):
        order = np.empty(len(patients), dtype=np.intp)
        for rows in blocks:
            order[rows] = rows[rng.permutation(len(rows))]
        yield order


def p_values(
    sensitivity: Callable[[np.ndarray], np.ndarray],
    labels: np.ndarray,
    patients: np.ndarray,
    n_random: int,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Two-sided p of sensitivities against those of randomly permuted labels.

    Parameters
    ----------
    sensitivity : callable
        From labels to the array to test.
    labels : ndarray of shape (n_records, n_findings)
        The laboratory abnormalities.
    patients : ndarray of int, shape (n_records,)
        Labels go from patient to patient, what is missing with them.
    n_random : int
        How many permutations; p is at least ``1 / (n_random + 1)``.
    rng : RandomState
        Draws the permutations.

    Returns
    -------
    ndarray
        NaN where the sensitivity is.
    """
    found = np.abs(sensitivity(labels))
    as_large = np.zeros(found.shape)
    for order in shuffles(patients, n_random, rng):
        as_large += np.abs(sensitivity(labels[order])) >= found
    return np.where(np.isnan(found), np.nan, (1 + as_large) / (1 + n_random))


def adjust(p: np.ndarray) -> np.ndarray:
    """Return Benjamini and Hochberg's adjusted p-values; NaN is a test that was not made."""
    adjusted = np.full(p.shape, np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p.ravel()[made])]
    if len(order):
        raised = p.ravel()[order] * len(order) / np.arange(1, len(order) + 1)
        adjusted.ravel()[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1)
    return adjusted
