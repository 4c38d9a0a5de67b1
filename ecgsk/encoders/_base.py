"""What every encoder has in common: a small spec that builds a torch module."""

from abc import ABC, abstractmethod

import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn


class EncoderModule(nn.Module, ABC):
    """A torch module that turns each ECG into one embedding.

    Any number of leads and any length of one sample or more must do.

    Attributes
    ----------
    n_features : int
        Length of the embedding.
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
        # The mean tells what is typical of the record, the maximum what
        # happens anywhere in it: one ectopic beat in ten seconds counts.
        return torch.cat([features.mean(-1), features.amax(-1)], dim=1)

    def calibrate(self, x: Tensor) -> None:
        """Settle what is not learned by gradient, from scaled training ECGs.

        Called once, before training. Most encoders need nothing.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_leads, n_times)
            Some training records, as ``forward`` sees them.
        """


class Encoder(BaseEstimator, ABC):
    """Description of an encoder: parameters, and ``build`` to make the module.

    Like the kernels of scikit-learn's Gaussian processes, an encoder is a
    parameter of an estimator: it clones, prints and takes part in a grid
    search (``encoder__depth``). It holds no weights.

    Attributes
    ----------
    paper : str
        Where the architecture is from, for the documentation's table.
    scales_itself : bool
        Whether the module wants millivolts, because it scales them as its
        weights expect. Otherwise leads come centred and scaled.
    trains : bool
        Whether the module has weights that a gradient could learn.
    pretrained : bool
        Whether it starts from weights that were learned elsewhere.
    """

    paper: str = ""
    scales_itself: bool = False
    trains: bool = True
    pretrained: bool = False

    def check_signal(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        """Raise where the signals of a fit are not those the weights were trained on.

        An architecture without weights takes any.

        Parameters
        ----------
        leads : tuple of str or None
            Names in the order of the signal; None for a plain array.
        sampling_rate : float or None
            In Hz; None for a plain array.

        Raises
        ------
        LeadMismatchError, SamplingRateError
            With what was expected, what came and what to do.
        """

    def architecture(self) -> "Encoder":
        """Return the spec that builds the same module from parameters alone.

        A fitted model keeps this one beside its own weights, so it loads where
        a file of published weights is not at hand.
        """
        return self

    def load_weights(self, module: EncoderModule) -> None:
        """Put published weights into a fresh module; an architecture has none."""

    @abstractmethod
    def build(self, n_leads: int, n_times: int) -> EncoderModule:
        """Make a module with fresh weights.

        Parameters
        ----------
        n_leads : int
            Leads per record.
        n_times : int
            Samples per lead.

        Returns
        -------
        EncoderModule
            Maps (n_samples, n_leads, n_times) to (n_samples, n_features).
        """
