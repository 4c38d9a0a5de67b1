"""AUROC, average precision and F-max of one label under many sets of patient weights at once.

The scores depend on the records only through the weight of negatives and positives
between neighbouring positive scores. Sorting once per label turns the sums into a sparse
matrix; each set of weights is then one column of a product and a cumulative sum.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

# Keeps 0 / 0 at 0 where nothing is called, and is lost in any whole number.
_NOTHING = np.finfo(float).tiny


@dataclass(frozen=True, eq=False)
class RankedLabel:
    """One label's measured records, sorted by score and summed over what lies together.

    Let t_0 > t_1 > ... be the m distinct scores of positives. The rows of `sums` add up, in
    this order: the positives scored t_k (m rows); the negatives scored strictly between t_k
    and the threshold above it, and at last those below all (m + 1 rows); the negatives
    scored exactly t_k, for those k in `tied`.
    """

    statistic: str
    sums: sp.csr_array  # (2 m + 1 + len(tied), n_patients)
    tied: np.ndarray

    @classmethod
    def from_scores(
        cls, statistic: str, y: np.ndarray, p: np.ndarray, patients: np.ndarray, n_patients: int
    ) -> "RankedLabel":
        """Rank records by score `p`; `y` is 0 or 1 and has a 1.

        `statistic` is roc_auc, average_precision or f_max.
        """
        positive = y == 1
        ascending = np.unique(p[positive])
        m = len(ascending)
        k = m - np.searchsorted(ascending, p, side="right")  # thresholds strictly above
        is_tied = ~positive & (ascending[np.maximum(m - 1 - k, 0)] == p)
        tied, tied_number = np.unique(k[is_tied], return_inverse=True)
        row = np.where(positive, k, m + k)
        row[is_tied] = 2 * m + 1 + tied_number
        n_rows = 2 * m + 1 + len(tied)
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_rows))])
        columns = patients[np.argsort(row, kind="stable")]
        entries = np.ones(len(y)), columns, starts.astype(columns.dtype)
        return cls(statistic, sp.csr_array(entries, shape=(n_rows, n_patients)), tied)

    def score(self, weights: np.ndarray) -> np.ndarray:
        """Score each column of patient weights.

        Parameters
        ----------
        weights : ndarray of shape (n_patients, n_resamples)
            How often each patient was drawn: whole numbers, so that sums are exact.

        Returns
        -------
        ndarray of shape (n_resamples,)
            NaN where only one class was drawn.
        """
        sums = self.sums @ weights
        m = (len(sums) - 1 - len(self.tied)) // 2
        positives, negatives, tied = sums[:m], sums[m : 2 * m + 1], sums[2 * m + 1 :]
        negatives[self.tied] += tied
        _accumulate(negatives)  # scored t_k or higher
        n_positive, n_negative = positives.sum(axis=0), negatives[-1]
        with np.errstate(invalid="ignore"):
            if self.statistic == "roc_auc":  # (negative above or tied) pairs are lost, ties by half
                lost = _dot(positives, negatives[:-1]) - 0.5 * _dot(positives[self.tied], tied)
                score = 1 - lost / (n_positive * n_negative)
            elif self.statistic == "average_precision":
                precision = self._hits_by_called(positives.copy(), negatives[:-1], _NOTHING)
                score = _dot(positives, precision) / n_positive
            else:  # calling more negatives only harms F1
                score = 2 * self._hits_by_called(positives, negatives[:-1], n_positive).max(axis=0)
        return np.where((n_positive > 0) & (n_negative > 0), score, np.nan)

    @staticmethod
    def _hits_by_called(
        positives: np.ndarray, false_alarms: np.ndarray, more: float | np.ndarray
    ) -> np.ndarray:
        """Return hits / (hits + false alarms + `more`), written over the arguments."""
        hits = _accumulate(positives)
        false_alarms += hits
        false_alarms += more
        hits /= false_alarms
        return hits


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Inner product of each pair of columns."""
    return np.einsum("ij,ij->j", a, b)


def _accumulate(x: np.ndarray) -> np.ndarray:
    """``np.cumsum(x, axis=0, out=x)`` by whole rows (Blelloch scan): several times faster.

    In place, since megabytes of fresh memory cost more than the sums.
    """
    step = 1
    while 2 * step <= len(x):
        ends = x[2 * step - 1 :: 2 * step]
        ends += x[step - 1 :: 2 * step][: len(ends)]
        step *= 2
    while step > 1:
        ends = x[step + step // 2 - 1 :: step]
        ends += x[step - 1 :: step][: len(ends)]
        step //= 2
    return x
