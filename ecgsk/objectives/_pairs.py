"""Negative pairs and contrastive cross entropy."""

import torch
from torch import Tensor
from torch.nn import functional as F


def negatives(present: Tensor, patients: Tensor | None) -> Tensor:
    """Return which pairs are of different patients and both present, as a square matrix.

    Without patient numbers, each record is a different patient.
    """
    own = torch.arange(len(present), device=present.device) if patients is None else patients
    return (own[:, None] != own) & present[:, None] & present


def cross_entropy_of_pairs(
    similarity: Tensor, present: Tensor, patients: Tensor | None = None
) -> Tensor:
    """Return the symmetric contrastive cross entropy; row i matches column i.

    Similarities are divided by the temperature before. Absent records and other records of
    the same patient are excluded from the sums. Without any present record the loss is 0.
    """
    own = torch.arange(len(similarity), device=similarity.device)
    others = negatives(present, patients)
    # An absent record has only itself as candidate, so its loss is 0.
    excluded = ~(others | (own[:, None] == own))
    similarity = similarity.masked_fill(excluded, -torch.inf)
    forth = F.cross_entropy(similarity, own, reduction="sum")
    back = F.cross_entropy(similarity.T, own, reduction="sum")
    return (forth + back) / (2 * present.sum().clamp(min=1))
