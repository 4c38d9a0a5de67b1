"""Supervised losses."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MaskedBCE(nn.Module):
    """Binary cross entropy over known labels; NaN labels are masked.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives.supervised import MaskedBCE
    >>> logits = torch.tensor([[0.0, 7.0]])
    >>> MaskedBCE()(logits, torch.tensor([[1.0, float("nan")]])).item()  # log(2)
    0.693...
    """

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean over known labels.

        Parameters
        ----------
        logits : Tensor of shape (n_samples, n_labels)
        targets : Tensor of shape (n_samples, n_labels)
            0, 1 or NaN.
        """
        known = torch.isfinite(targets)
        loss = F.binary_cross_entropy_with_logits(logits, targets.nan_to_num(0.0), reduction="none")
        return (loss * known).sum() / known.sum().clamp(min=1)
