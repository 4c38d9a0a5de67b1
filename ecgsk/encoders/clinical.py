"""Multilayer perceptron over a clinical table with missing values."""

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn


class ClinicalMLPModule(nn.Module):
    """The torch module that :class:`ClinicalMLP` builds."""

    def __init__(
        self,
        n_columns: int,
        hidden_size: int,
        n_features: int,
        dropout: float,
        value_dropout: float,
        table_dropout: float,
    ):
        super().__init__()
        self.n_features = n_features
        self.value_dropout, self.table_dropout = value_dropout, table_dropout
        self.layers = nn.Sequential(
            nn.Linear(2 * n_columns, hidden_size),
            nn.LayerNorm(hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_size, n_features),
        )

    def forward(self, table: Tensor) -> Tensor:
        """Return features (n_samples, n_features) of a scaled table, NaN where not measured."""
        return self.embed(table)[0]

    def embed(self, table: Tensor) -> tuple[Tensor, Tensor]:
        """Return features, and which records have a measured value that was not dropped."""
        measured = torch.isfinite(table)
        if self.training:
            measured = measured & self._keep_mask(table)
        values = torch.where(measured, table, 0.0)
        features = self.layers(torch.cat([values, measured.to(table.dtype)], dim=1))
        return features, measured.any(dim=1)

    def _keep_mask(self, table: Tensor) -> Tensor:
        values = torch.rand(table.shape, device=table.device) >= self.value_dropout
        tables = torch.rand(len(table), 1, device=table.device) >= self.table_dropout
        return values & tables


class ClinicalMLP(BaseEstimator):
    """Multilayer perceptron over a clinical table with missing values.

    Each column enters as its value and as a mask of measured values: that a test
    was ordered is information too, so missing values are not imputed.

    .. versionadded:: 0.1

    Parameters
    ----------
    hidden_size : int, default=256
        Units of the two hidden layers.
    n_features : int, default=128
        Length of the table's embedding.
    dropout : float, default=0.1
        Share of hidden units dropped in training.
    value_dropout : float, default=0.0
        Share of measured values set to missing in training.
    table_dropout : float, default=0.0
        Share of records whose whole table is set to missing in training, so that
        a model of ECG and table also predicts from the ECG alone. Objectives that
        compare ECG and table skip these records, so their batches are smaller.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import ClinicalMLP
    >>> module = ClinicalMLP(n_features=32).build(n_columns=3)
    >>> module(torch.tensor([[0.1, float("nan"), 1.0]])).shape
    torch.Size([1, 32])
    """

    def __init__(
        self,
        *,
        hidden_size: int = 256,
        n_features: int = 128,
        dropout: float = 0.1,
        value_dropout: float = 0.0,
        table_dropout: float = 0.0,
    ):
        self.hidden_size = hidden_size
        self.n_features = n_features
        self.dropout = dropout
        self.value_dropout = value_dropout
        self.table_dropout = table_dropout

    def build(self, n_columns: int) -> ClinicalMLPModule:
        """Make a module with fresh weights for a table of ``n_columns``.

        Raises
        ------
        ValueError
            For a share that is not in [0, 1).
        """
        for name in ("dropout", "value_dropout", "table_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"ClinicalMLP: {name} must be in [0, 1), got {getattr(self, name)!r}."
                )
        return ClinicalMLPModule(n_columns, **self.get_params())
