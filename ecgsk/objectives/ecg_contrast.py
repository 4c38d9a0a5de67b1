"""SimCLR: contrast of two augmented views of an ECG, without a table."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ecgsk.objectives._base import Encode, Objective, ObjectiveModule
from ecgsk.objectives._checks import check_positive
from ecgsk.objectives._heads import projection_head
from ecgsk.objectives._pairs import cross_entropy_of_pairs


class ECGContrastModule(ObjectiveModule):
    """The torch module that :class:`ECGContrast` builds."""

    compares_views = True

    def __init__(self, n_features: int, projection_size: int, temperature: float):
        super().__init__()
        self.temperature = temperature
        self.projection = projection_head(n_features, projection_size)

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss, which does not use the table; see `ObjectiveModule.forward`."""
        one, other = (F.normalize(self.projection(encode()), dim=1) for _ in range(2))
        all_present = torch.ones(len(one), dtype=torch.bool, device=one.device)
        return cross_entropy_of_pairs(one @ other.T / self.temperature, all_present, patients)


class ECGContrast(Objective):
    """SimCLR: contrast of two augmented views of an ECG, without a table.

    The control arm of the joint embedding, and the pretrainer's objective without a
    table. Other records of the same patient are not negatives.

    .. versionadded:: 0.1

    Parameters
    ----------
    projection_size : int, default=128
        Length of the projections.
    temperature : float, default=0.1
        Divides the cosine similarities.

    References
    ----------
    .. [1] Chen et al., "A simple framework for contrastive learning of visual
       representations", ICML 2020, equation 1; here with negatives of the other
       view only.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives import ECGContrast
    >>> objective = ECGContrast().build(n_features=8, n_columns=0)
    >>> objective(lambda: torch.ones(4, 8), None, None).item()  # all equal: log(4)
    1.386...
    """

    uses_table = False

    def __init__(self, *, projection_size: int = 128, temperature: float = 0.1):
        self.projection_size = projection_size
        self.temperature = temperature

    def build(self, n_features: int, n_columns: int) -> ECGContrastModule:
        """Make a module with fresh weights; see `Objective.build`."""
        check_positive(self, "temperature")
        return ECGContrastModule(n_features, self.projection_size, self.temperature)
