"""Network for the clinical table: values, and which of them were measured."""

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn


class ClinicalMLPModule(nn.Module):
    """The torch module that :class:`ClinicalMLP` builds."""

    def __init__(self, n_columns: int, hidden_size: int, n_features: int, dropout: float):
        super().__init__()
        self.n_features = n_features
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
        """Return features of shape (n_samples, n_features).

        Parameters
        ----------
        table : Tensor of shape (n_samples, n_columns)
            Scaled values; NaN where nothing was measured.
        """
        measured = torch.isfinite(table)
        return self.layers(torch.cat([table.nan_to_num(0.0), measured.to(table.dtype)], dim=1))


class ClinicalMLP(BaseEstimator):
    """Multilayer perceptron over a clinical table with missing values.

    Each column enters twice, as its value and as the fact that it was
    measured: that a test was ordered tells something about the patient too,
    so a missing value is never replaced silently.

    Parameters
    ----------
    hidden_size : int, default=256
        Units of the two hidden layers.
    n_features : int, default=128
        Length of the table's embedding.
    dropout : float, default=0.1
        Share of hidden units dropped in training.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import ClinicalMLP
    >>> module = ClinicalMLP(n_features=32).build(n_columns=3)
    >>> module(torch.tensor([[0.1, float("nan"), 1.0]])).shape
    torch.Size([1, 32])
    """

    def __init__(self, *, hidden_size: int = 256, n_features: int = 128, dropout: float = 0.1):
        self.hidden_size = hidden_size
        self.n_features = n_features
        self.dropout = dropout

    def build(self, n_columns: int) -> ClinicalMLPModule:
        """Make a module with fresh weights for a table of ``n_columns``."""
        return ClinicalMLPModule(n_columns, self.hidden_size, self.n_features, self.dropout)
