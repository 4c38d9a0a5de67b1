"""What the losses over pairs of records share: which pairs count, and the cross entropy."""

import torch
from torch import Tensor
from torch.nn import functional as F


def has_table(table: Tensor) -> Tensor:
    """Return which records have anything measured, of shape (n_samples,)."""
    return torch.isfinite(table).any(dim=1)


def negatives(n_samples: int, patients: Tensor | None, present: Tensor) -> Tensor:
    """Return which pairs are of different patients, both present, as (n_samples, n_samples)."""
    own = torch.arange(n_samples, device=present.device) if patients is None else patients
    return (own[:, None] != own) & present[:, None] & present


def cross_entropy_of_pairs(
    similarity: Tensor, patients: Tensor | None = None, present: Tensor | None = None
) -> Tensor:
    """Mean of both directions' cross entropy; row i belongs to column i.

    Parameters
    ----------
    similarity : Tensor of shape (n_samples, n_samples)
        Similarities already divided by the temperature.
    patients : Tensor of shape (n_samples,) or None
        Other records of one's own patient are left out of the sums.
    present : Tensor of bool of shape (n_samples,) or None
        Which records take part, as row and as column; where none does the loss
        is 0. None is all.
    """
    own = torch.arange(len(similarity), device=similarity.device)
    if present is None:
        present = torch.ones_like(own, dtype=torch.bool)
    left_out = ~negatives(len(similarity), patients, present)
    similarity = similarity.masked_fill(left_out.fill_diagonal_(False), -torch.inf)
    # A record that takes no part is its own only candidate: its loss is 0.
    both = F.cross_entropy(similarity, own, reduction="sum")
    both = both + F.cross_entropy(similarity.T, own, reduction="sum")
    return both / (2 * present.sum().clamp(min=1))
