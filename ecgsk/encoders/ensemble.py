"""Ensemble of encoders: embeddings side by side."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders.random_convolution import RandomConvolution
from ecgsk.encoders.resnet1d import ResNet1d


class EncoderEnsembleModule(EncoderModule):
    """The torch module that :class:`EncoderEnsemble` builds; also of several table encoders."""

    def __init__(self, members: Sequence[nn.Module]):
        super().__init__()
        self.members: Any = nn.ModuleList(members)
        n_features: list[Any] = [member.n_features for member in members]
        self.n_features = sum(n_features)

    def forward(self, x: Tensor) -> Tensor:
        """Return the embeddings of all members side by side, of shape (n_samples, n_features)."""
        return torch.cat([member(x).float() for member in self.members], dim=1)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the feature maps of all members, averaged to the fewest positions."""
        maps = [member.forward_features(x).float() for member in self.members]
        n_positions = min(features.shape[-1] for features in maps)
        return torch.cat([F.adaptive_avg_pool1d(each, n_positions) for each in maps], dim=1)

    def set_thresholds(self, x: Tensor) -> None:
        """Set the thresholds of each member from training ECGs."""
        for member in self.members:
            member.set_thresholds(x)


class EncoderEnsemble(Encoder):
    """Ensemble of encoders: embeddings side by side, log odds averaged.

    :class:`~ecgsk.ECGDiagnosisClassifier` trains the members one after the other, each with a
    linear head of its own; one without weights to train, as ``RandomConvolution``, gets a
    linear probe. The head of the ensemble is the mean of theirs, so it is linear in the
    embedding. A :class:`~ecgsk.JointEmbeddingPretrainer` takes no ensemble.

    .. versionadded:: 0.1

    Parameters
    ----------
    encoders : sequence of Encoder or None, default=None
        Members, two or more. None is a residual network of 18 layers and random convolutions of
        the signal and its differences: their errors differ, and the second costs little to
        train.

    References
    ----------
    .. [1] Hansen and Salamon, "Neural network ensembles", IEEE TPAMI 1990.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import EncoderEnsemble, ResNet1d
    >>> spec = EncoderEnsemble([ResNet1d(10), ResNet1d(10, kernel_size=9)])
    >>> module = spec.build(n_leads=12, n_times=1000)
    >>> module(torch.zeros(2, 12, 1000)).shape
    torch.Size([2, 512])
    """

    paper = "Hansen and Salamon 1990"

    def __init__(self, encoders: Sequence[Encoder] | None = None):
        self.encoders = encoders

    @property
    def members(self) -> list[Encoder]:
        """Specs of the members."""
        if self.encoders is None:
            return [ResNet1d(), RandomConvolution(1200, differences=True)]
        members = self.encoders if isinstance(self.encoders, (list, tuple)) else []
        are_specs = all(isinstance(each, Encoder) for each in members)
        if (
            len(members) < 2
            or not are_specs
            or any(isinstance(m, EncoderEnsemble) for m in members)
        ):
            raise ValueError(
                "EncoderEnsemble: encoders must be None or two specs or more, such as "
                f"[ResNet1d(10), RandomConvolution()], none of them an ensemble; got "
                f"{self.encoders!r}."
            )
        if len({each.scales_itself for each in members}) > 1:
            raise ValueError(
                "EncoderEnsemble: either all members scale their input themselves or none does; "
                f"got {self.encoders!r}."
            )
        return list(members)

    @property
    def scales_itself(self) -> bool:  # type: ignore[override]
        """True if the members take millivolts."""
        return self.members[0].scales_itself

    @property
    def trains(self) -> bool:  # type: ignore[override]
        """True if a member has weights to train."""
        return any(member.trains for member in self.members)

    @property
    def pretrained(self) -> bool:  # type: ignore[override]
        """True if a member starts from pretrained weights."""
        return any(member.pretrained for member in self.members)

    def check_signal(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        """Raise if a member's weights were trained on other signals."""
        for member in self.members:
            member.check_signal(leads, sampling_rate)

    def architecture(self) -> "EncoderEnsemble":
        """Return the ensemble of the members' architectures."""
        return EncoderEnsemble([member.architecture() for member in self.members])

    def build(self, n_leads: int, n_times: int) -> EncoderEnsembleModule:
        """Make a module with fresh weights; see `Encoder.build`."""
        return EncoderEnsembleModule([member.build(n_leads, n_times) for member in self.members])
