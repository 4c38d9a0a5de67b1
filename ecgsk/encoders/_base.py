"""Base classes of encoders: the spec and the torch module that it builds."""

from abc import ABC, abstractmethod

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn


class EncoderModule(nn.Module, ABC):
    """Base class of torch modules that compute one embedding per ECG.

    A subclass sets ``n_features`` and defines ``forward_features``. It must accept
    any number of leads and any length from one sample on.

    .. versionadded:: 0.1

    Attributes
    ----------
    n_features : int
        Length of the embedding.

    See Also
    --------
    Encoder : The spec that builds the module.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import EncoderModule
    >>> class Moments(EncoderModule):
    ...     n_features = 24
    ...     def forward_features(self, x):
    ...         return x.square()
    >>> Moments()(torch.zeros(2, 12, 1000)).shape
    torch.Size([2, 24])
    """

    n_features: int

    @abstractmethod
    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps of shape (n_samples, n_channels, n_positions)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return embeddings of shape (n_samples, n_features).

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_leads, n_times)
            Scaled ECGs; missing samples are 0.
        """
        features = self.forward_features(x)
        # The mean represents the whole record, the maximum rare events such as one
        # ectopic beat in ten seconds.
        return torch.cat([features.mean(-1), features.amax(-1)], dim=1)

    def set_thresholds(self, x: Tensor) -> None:
        """Set values that no gradient trains, such as thresholds, from training ECGs.

        Called once, before training. Most encoders do nothing here.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_leads, n_times)
            Training records, scaled as for ``forward``.
        """


class Encoder(BaseEstimator, ABC):
    """Base class of encoder specs: parameters, and ``build`` to make the module.

    Like the kernels of scikit-learn's Gaussian processes, an encoder is a
    parameter of an estimator: it can be cloned, printed and searched
    (``encoder__depth``). It holds no weights.

    .. versionadded:: 0.1

    Attributes
    ----------
    paper : str
        Reference of the architecture, for the documentation's table.
    scales_itself : bool
        Whether the module takes millivolts and scales them itself. Otherwise it
        gets centred and scaled leads.
    trains : bool
        Whether the module has weights to train by gradient.
    pretrained : bool
        Whether the module starts from pretrained weights.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import Encoder, EncoderModule
    >>> class ConvolutionModule(EncoderModule):
    ...     def __init__(self, n_leads, width):
    ...         super().__init__()
    ...         self.convolution = torch.nn.Conv1d(n_leads, width, 9, stride=4, padding=4)
    ...         self.n_features = 2 * width
    ...     def forward_features(self, x):
    ...         return self.convolution(x).relu()
    >>> class Convolution(Encoder):
    ...     def __init__(self, width=16):
    ...         self.width = width
    ...     def build(self, n_leads, n_times):
    ...         return ConvolutionModule(n_leads, self.width)
    >>> module = Convolution(width=8).build(n_leads=12, n_times=1000)
    >>> module(torch.zeros(2, 12, 1000)).shape
    torch.Size([2, 16])
    """

    paper: str = ""
    scales_itself: bool = False
    trains: bool = True
    pretrained: bool = False

    def check_signal(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        """Raise if pretrained weights were trained on other leads or another sampling rate.

        An architecture without pretrained weights accepts all.

        Parameters
        ----------
        leads : tuple of str or None
            Names in the order of the signal; None for a plain array.
        sampling_rate : float or None
            In Hz; None for a plain array.

        Raises
        ------
        LeadMismatchError, SamplingRateError
            If they differ.
        """

    def architecture(self) -> "Encoder":
        """Return the spec that builds the same module without a weights file.

        A fitted model stores this spec with its own weights, so it loads without
        the file of published weights.
        """
        return self

    def load_weights(self, module: EncoderModule) -> None:
        """Load pretrained weights into a module; does nothing without such weights."""

    @abstractmethod
    def build(self, n_leads: int, n_times: int) -> EncoderModule:
        """Make a module with fresh weights.

        Parameters
        ----------
        n_leads : int
            Leads per record.
        n_times : int
            Samples per lead of the training records. The module accepts any length.

        Returns
        -------
        EncoderModule
            Maps (n_samples, n_leads, n_times) to (n_samples, n_features).

        Raises
        ------
        ValueError
            If a parameter is out of range.
        """
