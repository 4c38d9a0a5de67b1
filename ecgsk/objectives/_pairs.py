"""Losses over pairs of records: which pairs count, and the cross entropy of the own one."""

import torch
from torch import Tensor
from torch.nn import functional as F


def negatives(present: Tensor, patients: Tensor | None) -> Tensor:
    """Return which pairs are of two patients and both present.

    Parameters
    ----------
    present : Tensor of bool of shape (n_samples,)
        Which records take part.
    patients : Tensor of shape (n_samples,) or None
        Numbers of the patients; None takes every record for another patient's.

    Returns
    -------
    Tensor of bool of shape (n_samples, n_samples)
    """
    own = torch.arange(len(present), device=present.device) if patients is None else patients
    return (own[:, None] != own) & present[:, None] & present


def cross_entropy_of_pairs(
    similarity: Tensor, present: Tensor, patients: Tensor | None = None
) -> Tensor:
    """Mean of both directions' cross entropy; row i belongs to column i.

    Parameters
    ----------
    similarity : Tensor of shape (n_samples, n_samples)
        Similarities already divided by the temperature.
    present : Tensor of bool of shape (n_samples,)
        Which records take part, as row and as column; where none does the loss is 0.
    patients : Tensor of shape (n_samples,) or None
        Other records of one's own patient are left out of the sums.
    """
    own = torch.arange(len(similarity), device=similarity.device)
    others = negatives(present, patients)
    # A record that takes no part keeps itself as the only candidate: its loss is 0.
    left_out = ~(others | (own[:, None] == own))
    similarity = similarity.masked_fill(left_out, -torch.inf)
    forth = F.cross_entropy(similarity, own, reduction="sum")
    back = F.cross_entropy(similarity.T, own, reduction="sum")
    return (forth + back) / (2 * present.sum().clamp(min=1))
