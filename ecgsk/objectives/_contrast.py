"""The contrastive loss that InfoNCE and ECGContrast share."""

import torch
from torch import Tensor
from torch.nn import functional as F


def cross_entropy_of_pairs(similarity: Tensor) -> Tensor:
    """Mean of both directions' cross entropy; row i belongs to column i.

    Parameters
    ----------
    similarity : Tensor of shape (n_samples, n_samples)
        Similarities already divided by the temperature.
    """
    own = torch.arange(len(similarity), device=similarity.device)
    return (F.cross_entropy(similarity, own) + F.cross_entropy(similarity.T, own)) / 2
