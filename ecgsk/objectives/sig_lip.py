"""SigLIP: pairwise logistic loss of ECGs and table rows."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsk.encoders import ClinicalMLP
from ecgsk.objectives._base import Encode, Objective, ObjectiveModule
from ecgsk.objectives._checks import check_positive
from ecgsk.objectives._heads import JointProjection
from ecgsk.objectives._pairs import negatives


class SigLIPModule(ObjectiveModule):
    """The torch module that :class:`SigLIP` builds."""

    def __init__(self, joint: JointProjection, scale: float, bias: float):
        super().__init__()
        self.joint = joint
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss; see `ObjectiveModule.forward`."""
        of_ecg, of_table, present = self.joint(encode(), table)
        cosine = F.normalize(of_ecg, dim=1) @ F.normalize(of_table, dim=1).T
        logit = self.log_scale.exp() * cosine + self.bias
        of_own = F.logsigmoid(logit.diagonal()) * present
        of_others = F.logsigmoid(-logit) * negatives(present, patients)
        return -(of_own.sum() + of_others.sum()) / present.sum().clamp(min=1)


class SigLIP(Objective):
    """SigLIP: joint embedding by a pairwise logistic loss of ECGs and table rows.

    The logistic loss of every pair in the batch, with a learned scale and bias of the
    cosine similarities. Unlike in :class:`InfoNCE`, the loss of a pair does not depend
    on the rest of the batch. Other records of the same patient are not negatives.
    Records without any table value are excluded.

    .. versionadded:: 0.1

    Parameters
    ----------
    clinical_encoder : ClinicalMLP, default=ClinicalMLP()
        Encoder of the table.
    scale : float, default=10.0
        Initial value of the learned scale of the cosine similarities.
    bias : float, default=-10.0
        Initial value of the learned bias. A low value keeps the initial loss of the
        many negatives near zero.

    References
    ----------
    .. [1] Zhai et al., "Sigmoid loss for language image pre-training", ICCV
       2023, section 3.2.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives import SigLIP
    >>> objective = SigLIP().build(n_features=8, n_columns=3)
    >>> loss = objective(lambda: torch.randn(16, 8), torch.randn(16, 3), None)
    >>> loss.shape
    torch.Size([])
    """

    def __init__(
        self,
        *,
        clinical_encoder: ClinicalMLP | None = None,
        scale: float = 10.0,
        bias: float = -10.0,
    ):
        self.clinical_encoder = clinical_encoder
        self.scale = scale
        self.bias = bias

    def build(self, n_features: int, n_columns: int) -> SigLIPModule:
        """Make a module with fresh weights; see `Objective.build`."""
        check_positive(self, "scale")
        joint = JointProjection(n_features, n_columns, self.clinical_encoder)
        return SigLIPModule(joint, self.scale, self.bias)
