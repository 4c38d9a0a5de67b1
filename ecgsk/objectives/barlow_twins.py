"""Barlow Twins: redundancy reduction by cross-correlation of ECG and table."""

from torch import Tensor

from ecgsk.encoders import ClinicalMLP
from ecgsk.objectives._base import Encode, Objective, ObjectiveModule
from ecgsk.objectives._checks import check_positive
from ecgsk.objectives._heads import JointProjection
from ecgsk.objectives._moments import centred, off_diagonal

# Epsilon of batch normalisation, with which the paper standardises. It bounds the gradient
# of variables with little variance.
_EPSILON = 1e-5


class BarlowTwinsModule(ObjectiveModule):
    """The torch module that :class:`BarlowTwins` builds."""

    def __init__(self, joint: JointProjection, redundancy: float):
        super().__init__()
        self.joint = joint
        self.redundancy = redundancy

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss, which does not use patients; see `ObjectiveModule.forward`."""
        of_ecg, of_table, present = self.joint(encode(), table)
        n_present = present.sum().clamp(min=1)
        one, other = (centred(side, present) for side in (of_ecg, of_table))
        one, other = (x / (x.square().sum(0) / n_present + _EPSILON).sqrt() for x in (one, other))
        correlation = one.T @ other / n_present
        alike = (1 - correlation.diagonal()).square().sum()
        loss = alike + self.redundancy * off_diagonal(correlation).square().sum()
        # A single record has no correlation.
        return loss * (n_present > 1)


class BarlowTwins(Objective):
    """Barlow Twins: joint embedding by cross-correlation, without negatives.

    The loss drives the correlation over the batch between variable i of the ECG and
    variable i of the table to 1, and all others to 0. Records without any table value
    are excluded.

    .. versionadded:: 0.1

    Parameters
    ----------
    clinical_encoder : ClinicalMLP, default=ClinicalMLP()
        Encoder of the table.
    projection_size : int, default=256
        Length of the projections of ECG and table.
    redundancy : float, default=0.005
        Weight of the off-diagonal correlations; lambda in the paper.

    References
    ----------
    .. [1] Zbontar et al., "Barlow Twins: self-supervised learning via
       redundancy reduction", ICML 2021, equations 1 and 2.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives import BarlowTwins
    >>> objective = BarlowTwins().build(n_features=8, n_columns=3)
    >>> loss = objective(lambda: torch.randn(16, 8), torch.randn(16, 3), None)
    >>> loss.shape
    torch.Size([])
    """

    def __init__(
        self,
        *,
        clinical_encoder: ClinicalMLP | None = None,
        projection_size: int = 256,
        redundancy: float = 0.005,
    ):
        self.clinical_encoder = clinical_encoder
        self.projection_size = projection_size
        self.redundancy = redundancy

    def build(self, n_features: int, n_columns: int) -> BarlowTwinsModule:
        """Make a module with fresh weights; see `Objective.build`."""
        check_positive(self, "redundancy")
        joint = JointProjection(n_features, n_columns, self.clinical_encoder, self.projection_size)
        return BarlowTwinsModule(joint, self.redundancy)
