"""AUROC and average precision of one label under many sets of patient weights at once.

Both scores depend on the records only through the weight of negatives and positives
between neighbouring positive scores. Sorting once per label turns the sums into a sparse
matrix; each set of weights is then one column of a product and a cumulative sum.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True, eq=False)
class RankedLabel:
    """One label's records, sorted by score into segments.

    Row ``3k`` of `segments` sums the negatives scored strictly between positive score k
    and the one above it, row ``3k + 1`` the negatives tied with it, row ``3k + 2`` the
    positives that have it (k counts distinct positive scores downwards). The last row
    sums the negatives below every positive.
    """

    segments: sp.csr_array  # (3 * n_positive_scores + 1, n_patients)

    @classmethod
    def from_scores(
        cls, y: np.ndarray, p: np.ndarray, patients: np.ndarray, n_patients: int
    ) -> "RankedLabel":
        """Rank the measured records (`y` is 0 or 1) of one label."""
        positive = y == 1
        thresholds = np.unique(p[positive])  # ascending
        n_thresholds = len(thresholds)
        # Number of positive scores strictly above each record: its k, counted downwards.
        k = n_thresholds - np.searchsorted(thresholds, p, side="right")
        at = np.searchsorted(thresholds, p)
        tied = (at < n_thresholds) & (thresholds[np.minimum(at, n_thresholds - 1)] == p)
        segment = 3 * k + np.where(positive, 2, np.where(tied, 1, 0))
        order = np.argsort(segment, kind="stable")
        n_rows = 3 * n_thresholds + 1
        starts = np.concatenate([[0], np.cumsum(np.bincount(segment, minlength=n_rows))])
        # Weights are whole numbers, so float32 sums are exact below 2**24 records.
        dtype = np.float32 if len(y) < 2**20 else np.float64
        entries = np.ones(len(y), dtype), patients[order], starts.astype(patients.dtype)
        return cls(sp.csr_array(entries, shape=(n_rows, n_patients)))

    def score(self, statistic: str, weights: np.ndarray) -> np.ndarray:
        """Score each column of patient weights.

        Parameters
        ----------
        statistic : {"roc_auc", "average_precision"}
            The score.
        weights : ndarray of shape (n_patients, n_resamples)
            How often each patient was drawn.

        Returns
        -------
        ndarray of shape (n_resamples,)
            NaN where only one class was drawn.
        """
        sums = np.asarray(self.segments @ weights, dtype=np.float64)
        tied, positives = sums[1::3], sums[2::3]
        negatives = np.cumsum(sums[0:-1:3] + tied, axis=0)  # scored as high or higher
        n_negative = negatives[-1] + sums[-1]
        n_positive = positives.sum(axis=0)
        with np.errstate(invalid="ignore"):
            if statistic == "roc_auc":
                below = n_negative - negatives + 0.5 * tied
                score = np.einsum("ij,ij->j", positives, below) / (n_positive * n_negative)
            else:
                hits = np.cumsum(positives, axis=0)
                precision = hits / np.maximum(hits + negatives, 1)  # 0 / 0 carries no weight
                score = np.einsum("ij,ij->j", positives, precision) / n_positive
        return np.where((n_positive > 0) & (n_negative > 0), score, np.nan)
