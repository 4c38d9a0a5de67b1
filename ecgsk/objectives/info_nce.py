"""Contrast each ECG with its own table row (CLIP)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsk.encoders import ClinicalMLP
from ecgsk.objectives._base import Encode, Objective, ObjectiveModule
from ecgsk.objectives._contrast import cross_entropy_of_pairs, has_table


class InfoNCEModule(ObjectiveModule):
    """The torch module that :class:`InfoNCE` builds."""

    def __init__(self, n_features: int, n_columns: int, clinical: ClinicalMLP, temperature: float):
        super().__init__()
        self.table_encoder = clinical.build(n_columns)
        self.projection = nn.Linear(n_features, self.table_encoder.n_features)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss, a scalar."""
        assert table is not None
        of_ecg = F.normalize(self.projection(encode()).float(), dim=1)
        of_table = F.normalize(self.table_encoder(table).float(), dim=1)
        # CLIP's bound: beyond a scale of 100 the softmax only amplifies noise.
        scale = self.log_scale.clamp(max=math.log(100)).exp()
        return cross_entropy_of_pairs(of_ecg @ of_table.T * scale, patients, has_table(table))


class InfoNCE(Objective):
    """Joint embedding by contrast: an ECG is near its own table row, far from others'.

    Both directions of the cross entropy over cosine similarities in the batch,
    with a learned temperature, as CLIP does for pictures and captions.

    Parameters
    ----------
    clinical_encoder : ClinicalMLP, default=ClinicalMLP()
        Network of the table.
    temperature : float, default=0.14
        Where the learned temperature starts.

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
        """Make a module with fresh weights."""
        if not self.temperature > 0:
            raise ValueError(f"InfoNCE: temperature must be positive, got {self.temperature!r}.")
        clinical = ClinicalMLP() if self.clinical_encoder is None else self.clinical_encoder
        return InfoNCEModule(n_features, n_columns, clinical, self.temperature)
