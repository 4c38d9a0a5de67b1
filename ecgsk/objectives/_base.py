"""Base classes of self-supervised objectives: the spec and the torch module."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from sklearn.base import BaseEstimator
from torch import Tensor, nn

Encode = Callable[[], Tensor]


class ObjectiveModule(nn.Module, ABC):
    """Base class of torch modules that compute a loss of embeddings.

    The loss is computed in float32, even if the encoder trains in bfloat16, which is
    too coarse for similarities.

    .. versionadded:: 0.1

    Attributes
    ----------
    compares_views : bool
        Whether the module calls ``encode`` more than once. Then views are augmented
        in validation too.

    See Also
    --------
    Objective : The spec that builds the module.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives import ObjectiveModule
    >>> class Similarity(ObjectiveModule):
    ...     compares_views = True
    ...     def forward(self, encode, table, patients):
    ...         return -torch.cosine_similarity(encode(), encode()).mean()
    >>> Similarity()(lambda: torch.ones(4, 8), None, None).shape
    torch.Size([])
    """

    compares_views: bool = False

    @abstractmethod
    def forward(self, encode: Encode, table: Tensor | None, patients: Tensor | None) -> Tensor:
        """Return the loss.

        Parameters
        ----------
        encode : callable
            Returns embeddings of the batch, of shape (n_samples, n_features), with a
            new random augmentation at each call.
        table : Tensor of shape (n_samples, n_columns) or None
            The scaled clinical table; NaN where missing.
        patients : Tensor of shape (n_samples,) or None
            Patient numbers. Records of one patient are not negatives of one another;
            None treats each record as a different patient.

        Returns
        -------
        Tensor
            A scalar.
        """


class Objective(BaseEstimator, ABC):
    """Base class of objective specs: parameters, and ``build`` to make the module.

    .. versionadded:: 0.1

    Examples
    --------
    >>> import torch
    >>> from ecgsk.objectives import Objective, ObjectiveModule
    >>> class SimilarityModule(ObjectiveModule):
    ...     compares_views = True
    ...     def forward(self, encode, table, patients):
    ...         return -torch.cosine_similarity(encode(), encode()).mean()
    >>> class Similarity(Objective):
    ...     uses_table = False
    ...     def build(self, n_features, n_columns):
    ...         return SimilarityModule()
    >>> module = Similarity().build(n_features=8, n_columns=0)
    >>> module(lambda: torch.ones(4, 8), None, None).shape
    torch.Size([])
    """

    @property
    def uses_table(self) -> bool:
        """True if the objective uses the clinical table."""
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

        Returns
        -------
        ObjectiveModule

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
