"""Supervised losses."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MaskedBCE(nn.Module):
    """Binary cross entropy over known labels; NaN labels are masked."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over known labels, 0 without any."""
        known = torch.isfinite(targets)
        loss = F.binary_cross_entropy_with_logits(logits, targets.nan_to_num(0.0), reduction="none")
        return (loss * known).sum() / known.sum().clamp(min=1)
