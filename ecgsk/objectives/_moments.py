"""Batch moments over the records that have a table."""

import torch
from torch import Tensor


def centred(x: Tensor, present: Tensor) -> Tensor:
    """Subtract each column's mean over the present records; return zeros for the others."""
    # torch.where, as values of absent records may be infinite or NaN.
    x = torch.where(present[:, None], x, 0.0)
    return torch.where(present[:, None], x - x.sum(0) / present.sum().clamp(min=1), 0.0)


def off_diagonal(square: Tensor) -> Tensor:
    """Return a square matrix with zeros on its diagonal."""
    return square - torch.diag(square.diagonal())
