"""Which records an epoch sees: each as often as it weighs, in random order."""

from collections.abc import Iterator

import numpy as np
import torch


class WeightedOrder:
    """Rows of one epoch, drawn in proportion to their weights and shuffled.

    Drawing needs no loss to know of weights, so that contrastive objectives and
    batch norm see a weighted cohort as they would see its repeated rows.

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)
        In (0, 1]: the share of epochs in which a row takes part. Where all are
        1, an epoch is each row once.
    """

    def __init__(self, weight: np.ndarray):
        self.weight = np.asarray(weight, dtype=np.float64)

    def __len__(self) -> int:
        return n_draws(self.weight)

    def __iter__(self) -> Iterator[int]:
        rows = draw(self.weight, torch.rand((), dtype=torch.float64).item())
        yield from rows[torch.randperm(len(rows)).numpy()].tolist()


def n_draws(weight: np.ndarray) -> int:
    """Return how many rows of these weights an epoch has."""
    return max(int(weight.sum() + 1e-6), 1)


def draw(weight: np.ndarray, start: float) -> np.ndarray:
    """Draw rows in proportion to their weights, at equal steps along their sum.

    Systematic sampling (Madow 1949): a row is drawn as often as its weight says,
    rounded up or down, and exactly where weights are whole numbers.

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)
        Not negative, with a positive sum.
    start : float
        In [0, 1): where the first step lands.

    Returns
    -------
    ndarray of int
        Row numbers, ascending.

    Examples
    --------
    >>> draw(np.array([1.0, 0.5, 0.5, 1.0]), 0.2)
    array([0, 1, 3])
    >>> draw(np.array([1.0, 0.5, 0.5, 1.0]), 0.7)
    array([0, 2, 3])
    """
    reached = np.cumsum(weight)
    steps = (start + np.arange(n_draws(weight))) * (reached[-1] / n_draws(weight))
    return np.minimum(np.searchsorted(reached, steps, side="right"), len(weight) - 1)
