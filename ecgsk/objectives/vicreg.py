"""VICReg: variance, invariance and covariance regularization of ECG and table."""

from torch import Tensor
from torch.nn import functional as F

from ecgsk.encoders import ClinicalMLP
from ecgsk.objectives._base import Encode, Objective, ObjectiveModule
from ecgsk.objectives._checks import check_positive
from ecgsk.objectives._heads import JointProjection
from ecgsk.objectives._moments import centred, off_diagonal

# Keeps the gradient of the square root finite at zero variance (equation 2).
_EPSILON = 1e-4


class VICRegModule(ObjectiveModule):
    """The torch module that :class:`VICReg` builds."""

    def __init__(
        self, joint: JointProjection, invariance: float, variance: float, covariance: float
    ):
        super().__init__()
        self.joint = joint
        self.invariance, self.variance, self.covariance = invariance, variance, covariance

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss, which does not use patients; see `ObjectiveModule.forward`."""
        of_ecg, of_table, present = self.joint(encode(), table)
        n_present = present.sum()
        # Mean over records and variables, as in the paper's algorithm 1.
        apart = ((of_ecg - of_table).square().mean(1) * present).sum() / n_present.clamp(min=1)
        loss = self.invariance * apart
        for side in (of_ecg, of_table):
            x = centred(side, present)
            cov = x.T @ x / (n_present - 1).clamp(min=1)
            spread = F.relu(1 - (cov.diagonal() + _EPSILON).sqrt()).mean()
            redundancy = off_diagonal(cov).square().sum() / len(cov)
            loss = loss + self.variance * spread + self.covariance * redundancy
        # A single record has no variance.
        return loss * (n_present > 1)


class VICReg(Objective):
    """VICReg: joint embedding by variance, invariance and covariance, without negatives.

    Three terms: squared distance of ECG and table of a record (invariance); standard
    deviation of each variable of at least 1 over the batch, against collapse
    (variance); uncorrelated variables (covariance). Records without any table value
    are excluded.

    .. versionadded:: 0.1

    Parameters
    ----------
    clinical_encoder : ClinicalMLP, default=ClinicalMLP()
        Encoder of the table.
    projection_size : int, default=256
        Length of the projections of ECG and table.
    invariance, variance, covariance : float, default=25.0, 25.0, 1.0
        Weights of the three terms, as in the paper.

    References
    ----------
    .. [1] Bardes et al., "VICReg: variance-invariance-covariance
       regularization for self-supervised learning", ICLR 2022, equations 1-6.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives import VICReg
    >>> objective = VICReg().build(n_features=8, n_columns=3)
    >>> loss = objective(lambda: torch.randn(16, 8), torch.randn(16, 3), None)
    >>> loss.shape
    torch.Size([])
    """

    def __init__(
        self,
        *,
        clinical_encoder: ClinicalMLP | None = None,
        projection_size: int = 256,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
    ):
        self.clinical_encoder = clinical_encoder
        self.projection_size = projection_size
        self.invariance = invariance
        self.variance = variance
        self.covariance = covariance

    def build(self, n_features: int, n_columns: int) -> VICRegModule:
        """Make a module with fresh weights; see `Objective.build`."""
        check_positive(self, "invariance", "variance", "covariance")
        joint = JointProjection(n_features, n_columns, self.clinical_encoder, self.projection_size)
        return VICRegModule(joint, self.invariance, self.variance, self.covariance)
