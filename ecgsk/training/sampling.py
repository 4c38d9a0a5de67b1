"""Random order of the records of an epoch, in proportion to their weights."""

from collections.abc import Iterator

import numpy as np
import torch


class WeightedOrder:
    """Rows of one epoch, sampled in proportion to their weights and shuffled.

    Losses need no weights, so that contrastive objectives and batch normalisation treat a
    weighted dataset like its repeated rows. A weight in (0, 1] is the share of epochs in
    which a row takes part; if all are 1, an epoch is each row once.
    """

    def __init__(self, weight: np.ndarray):
        self.weight = np.asarray(weight, dtype=np.float64)

    def __len__(self) -> int:
        return sample_size(self.weight)

    def __iter__(self) -> Iterator[int]:
        rows = systematic_sample(self.weight, torch.rand((), dtype=torch.float64).item())
        yield from rows[torch.randperm(len(rows)).numpy()].tolist()


def sample_size(weight: np.ndarray) -> int:
    """Return the number of rows of an epoch."""
    return max(int(weight.sum() + 1e-6), 1)


def systematic_sample(weight: np.ndarray, start: float) -> np.ndarray:
    """Sample rows in proportion to their weights, at equal steps along their sum; ascending.

    In systematic sampling (Madow 1949) a row is taken as often as its weight, rounded up or
    down, and exactly where weights are whole numbers. `start`, in [0, 1), is the position of
    the first step.

    Examples
    --------
    >>> systematic_sample(np.array([1.0, 0.5, 0.5, 1.0]), 0.7)
    array([0, 2, 3])
    """
    reached = np.cumsum(weight)
    n_rows = sample_size(weight)
    # A start within rounding of 1 would make the step land on the next row.
    start = min(start, 1 - 1e-9)
    steps = (start + np.arange(n_rows)) * (reached[-1] / n_rows)
    return np.minimum(np.searchsorted(reached, steps, side="right"), len(weight) - 1)
