"""InfoNCE: contrast of ECGs and table rows (CLIP)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsk.encoders import ClinicalMLP
from ecgsk.objectives._base import Encode, Objective, ObjectiveModule
from ecgsk.objectives._checks import check_positive
from ecgsk.objectives._heads import JointProjection
from ecgsk.objectives._pairs import cross_entropy_of_pairs


class InfoNCEModule(ObjectiveModule):
    """The torch module that :class:`InfoNCE` builds."""

    def __init__(self, joint: JointProjection, temperature: float):
        super().__init__()
        self.joint = joint
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss; see `ObjectiveModule.forward`."""
        of_ecg, of_table, present = self.joint(encode(), table)
        # CLIP limits the scale to 100: a larger one amplifies noise.
        scale = self.log_scale.clamp(max=math.log(100)).exp()
        cosine = F.normalize(of_ecg, dim=1) @ F.normalize(of_table, dim=1).T
        return cross_entropy_of_pairs(cosine * scale, present, patients)


class InfoNCE(Objective):
    """InfoNCE: joint embedding by contrast of ECGs and table rows, as in CLIP.

    Symmetric cross entropy over cosine similarities in the batch, with a learned
    temperature, as CLIP for images and captions. Other records of the same patient
    are not negatives. Records without any table value are excluded.

    .. versionadded:: 0.1

    Parameters
    ----------
    clinical_encoder : ClinicalMLP, default=ClinicalMLP()
        Encoder of the table.
    temperature : float, default=0.14
        Initial value of the learned temperature.

    References
    ----------
    .. [1] van den Oord et al., "Representation learning with contrastive
       predictive coding", 2018, equation 4.
    .. [2] Radford et al., "Learning transferable visual models from natural
       language supervision", 2021, figure 3.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives import InfoNCE
    >>> objective = InfoNCE().build(n_features=8, n_columns=3)
    >>> loss = objective(lambda: torch.randn(16, 8), torch.randn(16, 3), None)
    >>> loss.shape
    torch.Size([])
    """

    def __init__(self, *, clinical_encoder: ClinicalMLP | None = None, temperature: float = 0.14):
        self.clinical_encoder = clinical_encoder
        self.temperature = temperature

    def build(self, n_features: int, n_columns: int) -> InfoNCEModule:
        """Make a module with fresh weights; see `Objective.build`."""
        check_positive(self, "temperature")
        joint = JointProjection(n_features, n_columns, self.clinical_encoder)
        return InfoNCEModule(joint, self.temperature)
