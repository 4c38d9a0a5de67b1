"""Concept activation vectors of laboratory abnormalities, and random concepts."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

# Maximum number of principal axes. Further axes have a variance below the ridge and affect a
# direction little.
_N_AXES = 1024
# Ridge of a concept's filter, in units of the features' mean variance: it limits the weight of
# features with little variance in training.
_RIDGE = 1.0


@dataclass(frozen=True)
class Concepts:
    """Concepts scaled to a standard deviation of one in training; arrays (n_concepts, n_axes).

    A concept's score is ``coordinates @ filter``; `pattern` displaces a record by a score of one.
    """

    filters: np.ndarray
    patterns: np.ndarray


class ConceptSpace:
    """Uncorrelated axes of an embedding, with laboratory abnormalities as directions.

    A concept's *filter* is the ridge discriminant of abnormal against normal records, a concept
    activation vector (Kim et al. 2018). Its *pattern* is the filter times the covariance of the
    features: the direction that covaries with the concept, without the suppressor weights of the
    filter (Haufe et al. 2014; Pahde et al. 2022). Subtracting score times pattern from each
    record is an orthogonal projection in the whitened space. Of all changes that set the score
    to zero it moves records least (Belrose et al. 2023).

    Coordinates are ``(embedding - mean) @ basis``, with `variance` in training; `back` (n_axes,
    n_features) is the inverse of `basis`.
    """

    def __init__(
        self, mean: np.ndarray, basis: np.ndarray, back: np.ndarray, variance: np.ndarray
    ) -> None:
        self.mean, self.basis, self.back, self.variance = mean, basis, back, variance

    @classmethod
    def fit(cls, embedding: np.ndarray) -> "ConceptSpace":
        """Fit the principal axes of training records, at most 1,024."""
        embedding = embedding.astype(np.float64)
        mean, scale = embedding.mean(axis=0), embedding.std(axis=0)
        # Floor the scale: a feature with little variance must not be magnified.
        scale = np.maximum(scale, max(0.01 * float(np.median(scale)), 1e-6))
        z = (embedding - mean) / scale
        variance, axes = _principal_axes(z)
        return cls(mean, axes / scale[:, None], axes.T * scale, np.maximum(variance, 0))

    def coordinates(self, embedding: np.ndarray) -> np.ndarray:
        """Return records in uncorrelated axes, of shape (n_records, n_axes)."""
        return (np.asarray(embedding, dtype=np.float64) - self.mean) @ self.basis

    def concepts(self, coordinates: np.ndarray, labels: np.ndarray) -> Concepts:
        """Return the direction of each label; NaN for a label of a single class."""
        true, false = (labels == 1).astype(np.float32), (labels == 0).astype(np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            contrast = true / true.sum(axis=0) - false / false.sum(axis=0)
        difference = (contrast.T @ coordinates.astype(np.float32, copy=False)).astype(np.float64)
        return self.scaled(difference / (self.variance + _RIDGE))

    def scaled(self, filters: np.ndarray) -> Concepts:
        """Return concepts of these filters, scaled to scores of standard deviation one."""
        with np.errstate(invalid="ignore", divide="ignore"):
            filters = filters / np.sqrt(np.square(filters) @ self.variance)[:, None]
        return Concepts(filters, filters * self.variance)

    def isotropic(self, n: int, rng: np.random.RandomState) -> Concepts:
        """Draw directions uniformly on the whitened sphere."""
        return self.scaled(
            rng.standard_normal((n, len(self.variance)))
            / np.sqrt(np.maximum(self.variance, 1e-6 * self.variance.max()))
        )


def _principal_axes(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ascending variances and axes in columns, at most the largest 1,024."""
    n, n_features = z.shape
    if n_features <= _N_AXES:
        return np.linalg.eigh(z.T @ z / n)
    wide = n < n_features  # the Gram matrix of the records is smaller, with equal variances
    gram = (z @ z.T if wide else z.T @ z) / n
    variance, vectors = eigh(gram, subset_by_index=[max(len(gram) - _N_AXES, 0), len(gram) - 1])
    if not wide:
        return variance, vectors
    moves = variance > 1e-9 * variance[-1]  # n centred records span n - 1 axes
    variance, vectors = variance[moves], vectors[:, moves]
    return variance, z.T @ vectors / np.sqrt(n * variance)


def shuffles(patients: np.ndarray, n: int, rng: np.random.RandomState) -> Iterator[np.ndarray]:
    """Yield permutations of patients with equal numbers of records.

    A patient's records stay together: their labels are correlated, so permuting single records
    would make any concept look better than chance.
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
