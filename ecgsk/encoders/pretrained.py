"""Encoders with published pretrained weights from a local file."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders._ecgfounder import is_ecgfounder, load_ecgfounder
from ecgsk.encoders._st_mem import is_st_mem, load_st_mem
from ecgsk.encoders._weights_file import read_weights
from ecgsk.exceptions import DamagedFileError, ECGError, LeadMismatchError, SamplingRateError
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.leads import how_to_get_leads
from ecgsk.signals.units import format_hertz


@dataclass(frozen=True)
class _PublishedWeights:
    """Weights of a file, their architecture and the signals of their training."""

    name: str
    network: Encoder
    n_leads: int
    n_times: int | None
    sampling_rate: float
    weights: dict[str, Tensor]


def _read_published(path: str | Path) -> _PublishedWeights:
    state = read_weights(path)
    try:
        if is_ecgfounder(state):
            network, n_leads, weights = load_ecgfounder(state)
            return _PublishedWeights("ECGFounder", network, n_leads, None, 500, weights)
        if is_st_mem(state):
            transformer, n_leads, n_times, weights = load_st_mem(state)
            return _PublishedWeights("ST-MEM", transformer, n_leads, n_times, 250, weights)
    except (LookupError, RuntimeError, TypeError, ValueError) as error:
        raise _incomplete(path, error) from error
    some = ", ".join(list(state)[:3])
    raise ECGError(
        f"PretrainedEncoder: expected weights of ECGFounder or ST-MEM in {path}, got {some}, ... "
        "Define the architecture as your own Encoder."
    )


def _incomplete(path: str | Path, error: Exception) -> DamagedFileError:
    return DamagedFileError(
        f"PretrainedEncoder: {path} lacks weights of the published network, or has others "
        f"({type(error).__name__}: {error}). Download it again."
    )


class RecordScaledModule(EncoderModule):
    """The torch module that :class:`RecordScaled` builds."""

    def __init__(self, network: EncoderModule, n_leads: int, longest: int | None):
        super().__init__()
        self.network = network
        self.n_leads, self.longest = n_leads, longest
        self.n_features = network.n_features

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps of shape (n_samples, n_channels, n_positions)."""
        return self.network.forward_features(self._scaled(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return embeddings of ECGs in mV (missing samples are 0), pooled as the network does."""
        return self.network(self._scaled(x))

    def _scaled(self, x: Tensor) -> Tensor:
        if self.longest is not None and x.shape[-1] > self.longest:
            start = (x.shape[-1] - self.longest) // 2
            x = x[..., start : start + self.longest]
        # Exclude missing samples from mean and standard deviation; they stay 0.
        present = x != 0
        n_present = present.sum((1, 2), keepdim=True).clamp(min=1)
        centred = (x - x.sum((1, 2), keepdim=True) / n_present) * present
        spread = (centred.square().sum((1, 2), keepdim=True) / n_present).sqrt()
        return centred / (spread + 1e-8)


class RecordScaled(Encoder):
    """Encoder with per-record scaling: centre and scale each record over all its leads.

    A fitted model stores this spec for :class:`PretrainedEncoder`: it holds the
    weights itself and needs no file.

    .. versionadded:: 0.1

    Parameters
    ----------
    network : Encoder
        The architecture.
    longest : int or None, default=None
        Maximum number of samples of the network; longer records are cropped to
        their middle. None accepts any length.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import RecordScaled, ResNet1d
    >>> module = RecordScaled(ResNet1d()).build(n_leads=12, n_times=1000).eval()
    >>> x = torch.randn(2, 12, 1000)
    >>> torch.allclose(module(x), module(3 * x + 1), atol=1e-4)
    True
    """

    scales_itself = True
    pretrained = True

    def __init__(self, network: Encoder, *, longest: int | None = None):
        self.network = network
        self.longest = longest

    def build(self, n_leads: int, n_times: int) -> RecordScaledModule:
        """Make a module with fresh weights; see `Encoder.build`."""
        network = self.network.build(n_leads, self.longest or n_times)
        return RecordScaledModule(network, n_leads, self.longest)


class PretrainedEncoder(Encoder):
    """Pretrained weights of ECGFounder or ST-MEM from a downloaded file.

    Network and size are read from the file of ECGFounder [1]_ or ST-MEM [2]_. Leads
    and sampling rate must be those of the pre-training; ``fit`` raises an error
    otherwise. Filter as in the pre-training first: ``BandpassFilter(0.67, 40)``. The
    module centres and scales each record.

    ==========  ========  =============  =========================
    weights     leads     sampling rate  record
    ==========  ========  =============  =========================
    ECGFounder  12, or I  500 Hz         10 s; any length
    ST-MEM      12        250 Hz         9 s; cropped to the middle
    ==========  ========  =============  =========================

    The published embedding is the mean over time. For ECGFounder the maximum is
    added, as in every convolutional encoder here. A fitted model holds its weights
    and loads without the file. Loading a file runs no code (``weights_only=True``,
    or safetensors). Check the licence of the weights.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : str or Path
        File that ``torch.save`` wrote, or ``*.safetensors``.

    References
    ----------
    .. [1] Li et al., "An electrocardiogram foundation model built on over 10
       million recordings", NEJM AI 2025.
    .. [2] Na et al., "Guiding masked representation learning to capture
       spatio-temporal relationship of electrocardiogram", ICLR 2024.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.encoders import PretrainedEncoder
    >>> from ecgsk.preprocessing import BandpassFilter, Resample
    >>> from sklearn.pipeline import make_pipeline
    >>> model = make_pipeline(
    ...     BandpassFilter(0.67, 40),
    ...     Resample(500),
    ...     ECGDiagnosisClassifier(PretrainedEncoder("12_lead_ECGFounder.pth")),
    ... )
    """

    paper = "Li et al. 2025; Na et al. 2024"
    scales_itself = True
    pretrained = True

    def __init__(self, path: str | Path):
        self.path = path

    def check_signal(self, leads: tuple[str, ...] | None, sampling_rate: float | None) -> None:
        """Raise if the weights were trained on other signals; see `Encoder.check_signal`."""
        published = _read_published(self.path)
        if sampling_rate is not None and sampling_rate != published.sampling_rate:
            raise SamplingRateError(
                f"PretrainedEncoder: {published.name} expects "
                f"{format_hertz(published.sampling_rate)}; got {format_hertz(sampling_rate)}. "
                f"Use Resample({published.sampling_rate:g})."
            )
        expected = STANDARD_12_LEADS[: published.n_leads]
        if leads is not None and tuple(leads) != expected:
            raise LeadMismatchError(
                f"PretrainedEncoder: {published.name} expects {len(expected)} leads in this order "
                f"({', '.join(expected)}); got {len(leads)} ({', '.join(leads)}). "
                f"{how_to_get_leads(expected, leads)}"
            )

    def architecture(self) -> RecordScaled:
        """Return the spec that builds the same module without the file."""
        published = _read_published(self.path)
        return RecordScaled(published.network, longest=published.n_times)

    def load_weights(self, module: EncoderModule) -> None:
        """Load the file's weights into a module that :meth:`architecture` built.

        Raises
        ------
        LeadMismatchError
            If the module is for another number of leads.
        """
        published = _read_published(self.path)
        if not isinstance(module, RecordScaledModule):
            raise TypeError(
                "PretrainedEncoder: expected a module that architecture().build() made, got a "
                f"{type(module).__name__}."
            )
        if module.n_leads != published.n_leads:
            raise LeadMismatchError(
                f"PretrainedEncoder: {published.name}'s weights in {self.path} expect "
                f"{published.n_leads} leads; got {module.n_leads}. "
                f"Use SelectLeads({list(STANDARD_12_LEADS[: published.n_leads])!r})."
            )
        try:
            module.network.load_state_dict(published.weights)
        except RuntimeError as error:
            raise _incomplete(self.path, error) from error

    def build(self, n_leads: int, n_times: int) -> RecordScaledModule:
        """Make a module with the weights of the file; see `Encoder.build`."""
        module = self.architecture().build(n_leads, n_times)
        self.load_weights(module)
        return module
