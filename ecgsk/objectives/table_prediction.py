"""Masked regression of the clinical table from the ECG."""

import torch
from torch import Tensor, nn

from ecgsk.objectives._base import Encode, Objective, ObjectiveModule


class TablePredictionModule(ObjectiveModule):
    """The torch module that :class:`TablePrediction` builds."""

    def __init__(self, n_features: int, n_columns: int):
        super().__init__()
        self.head = nn.Linear(n_features, n_columns)

    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss; see `ObjectiveModule.forward`."""
        assert table is not None
        measured = torch.isfinite(table)
        squared = (self.head(encode()) - torch.where(measured, table, 0.0)).square() * measured
        # Mean per column first: a rare test has the same weight as the age, which is
        # always known.
        per_column = squared.sum(0) / measured.sum(0).clamp(min=1)
        return per_column.mean()


class TablePrediction(Objective):
    """Masked regression of the clinical table, linear in the ECG's embedding.

    The loss is the squared error of each scaled column over the records where it was
    measured, averaged over columns. Missing values are masked.

    .. versionadded:: 0.1

    Notes
    -----
    The objective is this project's choice: the public text of Fernandes et al., arXiv
    2512.07021, specifies none.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives import TablePrediction
    >>> objective = TablePrediction().build(n_features=8, n_columns=3)
    >>> objective(lambda: torch.randn(4, 8), torch.full((4, 3), float("nan")), None).item()
    0.0
    """

    def build(self, n_features: int, n_columns: int) -> TablePredictionModule:
        """Make a module with fresh weights; see `Objective.build`."""
        return TablePredictionModule(n_features, n_columns)
