"""Means and covariances over the records of a batch that take part."""

import torch
from torch import Tensor


def centred(x: Tensor, present: Tensor) -> Tensor:
    """Return x less the mean of the records that are present; zeros for the others.

    Parameters
    ----------
    x : Tensor of shape (n_samples, n_features)
    present : Tensor of bool of shape (n_samples,)
    """
    # By where: what an absent record holds must not matter, even if it is not finite.
    x = torch.where(present[:, None], x, 0.0)
    return torch.where(present[:, None], x - x.sum(0) / present.sum().clamp(min=1), 0.0)


def off_diagonal(square: Tensor) -> Tensor:
    """Return a square matrix with zeros on its diagonal."""
    return square - torch.diag(square.diagonal())
