"""What every self-supervised objective has in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from sklearn.base import BaseEstimator
from torch import Tensor, nn

Encode = Callable[[], Tensor]


class ObjectiveModule(nn.Module, ABC):
    """A torch module that scores embeddings, with the layers it needs for that.

    It computes in float32 whatever precision the encoder trains in: in bfloat16
    two similarities would hardly differ.

    Attributes
    ----------
    compares_views : bool
        Whether it calls ``encode`` more than once; then views must differ in
        validation too, where nothing is augmented otherwise.
    """

    compares_views: bool = False

    @abstractmethod
    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss, a scalar.

        Parameters
        ----------
        encode : callable
            Each call embeds the batch's ECGs under a new random augmentation:
            a Tensor of shape (n_samples, n_features).
        table : Tensor of shape (n_samples, n_columns) or None
            The scaled clinical table; NaN where nothing was measured.
        patients : Tensor of shape (n_samples,) or None
            Numbers of the patients. Other records of one's own patient are no
            negatives; None takes every record for another patient's.
        """


class Objective(BaseEstimator, ABC):
    """Description of an objective: parameters, and ``build`` to make the module."""

    @property
    def uses_table(self) -> bool:
        """Whether the objective learns from the clinical table."""
        return True

    @abstractmethod
    def build(self, n_features: int, n_columns: int) -> ObjectiveModule:
        """Make a module with fresh weights.

        Parameters
        ----------
        n_features : int
            Length of the ECG's embedding.
        n_columns : int
            Columns of the scaled clinical table; 0 without one.
        """
