"""AUROC, average precision and F-max of one label for many sets of patient weights at once.

The scores depend on the weights of negatives and positives between neighbouring positive
scores. One sort for each label gives these sums as a sparse matrix. Each set of weights is
then one column of a product and a cumulative sum.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

# Makes 0 / 0 equal 0, and rounds away when added to a positive whole number.
_TINY = np.finfo(float).tiny


@dataclass(frozen=True, eq=False)
class RankedLabel:
    """Counts of one label's measured records by patient, between positive scores.

    Let t_0 > t_1 > ... be the m distinct scores of positives. The rows of `sums` count, in
    this order: the positives with score t_k (m rows); the negatives between t_k and the
    threshold above it, then the negatives below all (m + 1 rows); the negatives with score
    t_k, for each k in `tied`.
    """

    statistic: str
    sums: sp.csr_array  # (2 m + 1 + len(tied), n_patients)
    tied: np.ndarray

    @classmethod
    def from_scores(
        cls, statistic: str, y: np.ndarray, p: np.ndarray, patients: np.ndarray, n_patients: int
    ) -> "RankedLabel":
        """Count records by score for roc_auc, average_precision or f_max; `y` has a 1, no NaN."""
        positive = y == 1
        ascending = np.unique(p[positive])
        m = len(ascending)
        k = m - np.searchsorted(ascending, p, side="right")  # number of thresholds above p
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
        """Score each column of patient weights (n_patients, n_resamples).

        A score is NaN if only one class was drawn. Sums of whole numbers are exact.
        """
        sums = self.sums @ weights
        m = (len(sums) - 1 - len(self.tied)) // 2
        positives, negatives, tied = sums[:m], sums[m : 2 * m + 1], sums[2 * m + 1 :]
        negatives[self.tied] += tied
        _accumulate(negatives)  # negatives with score t_k or higher
        n_positive, n_negative = positives.sum(axis=0), negatives[-1]
        with np.errstate(invalid="ignore"):
            if self.statistic == "roc_auc":  # share of misordered pairs; a tie counts half
                wrong = _dot(positives, negatives[:-1]) - 0.5 * _dot(positives[self.tied], tied)
                score = 1 - wrong / (n_positive * n_negative)
            elif self.statistic == "average_precision":
                precision = _true_share(positives.copy(), negatives[:-1], _TINY)
                score = _dot(positives, precision) / n_positive
            else:  # F1 is highest with a positive's score as threshold
                score = 2 * _true_share(positives, negatives[:-1], n_positive).max(axis=0)
        return np.where((n_positive > 0) & (n_negative > 0), score, np.nan)


def _true_share(
    positives: np.ndarray, false_positives: np.ndarray, more: float | np.ndarray
) -> np.ndarray:
    """Return TP / (TP + FP + `more`) at each threshold; overwrite the arguments."""
    true_positives = _accumulate(positives)
    false_positives += true_positives
    false_positives += more
    true_positives /= false_positives
    return true_positives


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the inner product of each pair of columns."""
    return np.einsum("ij,ij->j", a, b)


def _accumulate(x: np.ndarray) -> np.ndarray:
    """Compute ``np.cumsum(x, axis=0, out=x)`` by whole rows (Blelloch scan).

    It is several times faster than NumPy. New memory would cost more time than the sums.
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
