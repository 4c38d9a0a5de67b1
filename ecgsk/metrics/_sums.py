"""Sums over one label's records by bin, for many sets of patient weights at once.

Sums by patient are computed once. Each set of weights is then one column of a sparse product.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ecgsk.metrics._probability import bin_scores


@dataclass(frozen=True, eq=False)
class BinnedSums:
    """Sums of several values over a label's measured records, by bin and patient."""

    sums: sp.csr_array  # (n_values * n_bins, n_patients)
    n_values: int

    @classmethod
    def from_values(
        cls, values: list[np.ndarray], bins: np.ndarray, n_bins: int, patients: np.ndarray, n: int
    ) -> "BinnedSums":
        """Sum each of `values` (n_records,) by bin and patient, of `n` patients."""
        row = np.concatenate([bins + k * n_bins for k in range(len(values))])
        entries = np.concatenate(values), (row, np.tile(patients, len(values)))
        sums = sp.coo_array(entries, shape=(n_bins * len(values), n)).tocsr()
        return cls(sums, len(values))

    def total(self, weights: np.ndarray) -> np.ndarray:
        """Return the weighted sums over patients: (n_values, n_bins, n_resamples)."""
        return (self.sums @ weights).reshape(self.n_values, -1, weights.shape[1])


@dataclass(frozen=True, eq=False)
class SummedLabel:
    """Brier score or calibration error of one label: ``sum over bins |sum of error| / n``.

    The Brier score has one bin and squared errors. The bins of the calibration error ignore
    the weights.
    """

    sums: BinnedSums

    @classmethod
    def from_scores(
        cls, statistic: str, y: np.ndarray, p: np.ndarray, patients: np.ndarray, n_patients: int
    ) -> "SummedLabel":
        """Sum the errors of the measured records for brier or calibration_error."""
        brier = statistic == "brier"
        bins = np.zeros(len(p), int) if brier else bin_scores(p)
        error = (p - y) ** 2 if brier else p - y
        n_bins = int(bins.max()) + 1
        return cls(
            BinnedSums.from_values([np.ones_like(p), error], bins, n_bins, patients, n_patients)
        )

    def score(self, weights: np.ndarray) -> np.ndarray:
        """Score each column of patient weights: (n_resamples,), NaN if no record is drawn."""
        n, error = self.sums.total(weights)
        n, error = n.sum(axis=0), np.abs(error).sum(axis=0)
        return np.divide(error, n, out=np.full(len(n), np.nan), where=n > 0)
