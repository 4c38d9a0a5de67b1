"""SIGReg: agreement of views with isotropic Gaussian embeddings (LeJEPA)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ecgsk.objectives._base import Encode, Objective, ObjectiveModule
from ecgsk.objectives._checks import check_positive
from ecgsk.objectives._heads import projection_head

# Integration range and points. Beyond 5 the weight exp(-t^2 / 2) is below 4e-6; 17 points
# integrate the smooth integrand to five digits.
_MAX_T, _N_POINTS = 5.0, 17


def epps_pulley(x: Tensor) -> Tensor:
    """Return the Epps-Pulley statistic of each column against the standard normal.

    The integral of the squared distance between the characteristic functions of the sample
    and of N(0, 1), weighted by exp(-t^2 / 2), times the sample size (Epps & Pulley, "A test for
    normality based on the empirical characteristic function", Biometrika 1983).
    """
    # The integrand is even: integrate over positive t only.
    t = torch.linspace(0, _MAX_T, _N_POINTS, dtype=x.dtype, device=x.device)
    normal = torch.exp(-t.square() / 2)
    angle = x[:, :, None] * t
    distance = (angle.cos().mean(0) - normal).square() + angle.sin().mean(0).square()
    return 2 * len(x) * torch.trapezoid(distance * normal, t)


class SIGRegModule(ObjectiveModule):
    """The torch module that :class:`SIGReg` builds."""

    compares_views = True

    def __init__(self, n_features: int, projection_size: int, weight: float, n_slices: int):
        super().__init__()
        self.projection = projection_head(n_features, projection_size)
        self.weight, self.n_slices = weight, n_slices

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss, which uses neither table nor patients."""
        views = torch.stack([self.projection(encode()) for _ in range(2)])
        apart = (views - views.mean(0)).square().mean()
        directions = torch.randn(
            views.shape[-1], self.n_slices, dtype=views.dtype, device=views.device
        )
        slices = views @ F.normalize(directions, dim=0)
        gaussian = torch.stack([epps_pulley(x).mean() for x in slices]).mean()
        return (1 - self.weight) * apart + self.weight * gaussian


class SIGReg(Objective):
    """SIGReg: self-supervision from ECGs alone, without negatives (LeJEPA).

    The first term is the distance of two augmented views of a record. The second is a
    test statistic of normality along random directions, new at every step, which
    keeps the projections isotropic Gaussian and so prevents collapse.

    .. versionadded:: 0.1

    Parameters
    ----------
    projection_size : int, default=128
        Length of the projections.
    weight : float, default=0.05
        Weight of the second term, in (0, 1); lambda in the paper.
    n_slices : int, default=256
        Number of random directions per step.

    References
    ----------
    .. [1] Balestriero & LeCun, "LeJEPA: provable and scalable self-supervised
       learning without the heuristics", arXiv 2511.08544, 2025.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives import SIGReg
    >>> objective = SIGReg().build(n_features=8, n_columns=0)
    >>> objective(lambda: torch.randn(16, 8), None, None).shape
    torch.Size([])
    """

    uses_table = False

    def __init__(self, *, projection_size: int = 128, weight: float = 0.05, n_slices: int = 256):
        self.projection_size = projection_size
        self.weight = weight
        self.n_slices = n_slices

    def build(self, n_features: int, n_columns: int) -> SIGRegModule:
        """Make a module with fresh weights; see `Objective.build`."""
        check_positive(self, "n_slices")
        if not 0 < self.weight < 1:
            raise ValueError(f"SIGReg: weight must be in (0, 1), got {self.weight!r}.")
        return SIGRegModule(n_features, self.projection_size, self.weight, self.n_slices)
