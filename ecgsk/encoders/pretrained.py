"""Encoders that start from published weights, read from a local file."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders._ecgfounder import is_ecgfounder, load_ecgfounder
from ecgsk.encoders._st_mem import is_st_mem, load_st_mem
from ecgsk.encoders._weights_file import read_weights
from ecgsk.exceptions import ECGError, LeadMismatchError, SamplingRateError
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.units import format_hertz


@dataclass(frozen=True)
class _Published:
    """What a file of weights says, and what is known of how they were trained."""

    name: str
    network: Encoder
    n_leads: int
    n_times: int | None
    sampling_rate: float
    weights: dict[str, Tensor]


def _recognise(path: str | Path) -> _Published:
    state = read_weights(path)
    if is_ecgfounder(state):
        network, n_leads, weights = load_ecgfounder(state)
        return _Published("ECGFounder", network, n_leads, None, 500, weights)
    if is_st_mem(state):
        transformer, n_leads, n_times, weights = load_st_mem(state)
        return _Published("ST-MEM", transformer, n_leads, n_times, 250, weights)
    some = ", ".join(list(state)[:3])
    raise ECGError(
        f"PretrainedEncoder knows the weights of ECGFounder and ST-MEM; {path} holds {some}, ... "
        "and is neither. Build its architecture as an Encoder of your own."
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
        """Return embeddings of shape (n_samples, n_features), pooled as the network does.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_leads, n_times)
            ECGs in mV; missing samples are 0.
        """
        return self.network(self._scaled(x))

    def _scaled(self, x: Tensor) -> Tensor:
        if self.longest is not None and x.shape[-1] > self.longest:
            start = (x.shape[-1] - self.longest) // 2
            x = x[..., start : start + self.longest]
        # What is missing says nothing of the record's mean and spread, and stays 0.
        present = x != 0
        n_present = present.sum((1, 2), keepdim=True).clamp(min=1)
        centred = (x - x.sum((1, 2), keepdim=True) / n_present) * present
        spread = (centred.square().sum((1, 2), keepdim=True) / n_present).sqrt()
        return centred / (spread + 1e-8)


class RecordScaled(Encoder):
    """A network that sees every record centred and scaled by itself, over all its leads.

    What :class:`PretrainedEncoder` becomes when it is fitted: with the weights
    in the fitted model, their file is needed no more.

    Parameters
    ----------
    network : Encoder
        The architecture.
    longest : int or None, default=None
        Samples that the network was made for; of longer records it sees the
        middle. None takes any length.

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
        """Make a module with fresh weights.

        Parameters
        ----------
        n_leads : int
            Leads per record.
        n_times : int
            Samples per lead.

        Returns
        -------
        RecordScaledModule
            Maps (n_samples, n_leads, n_times) to (n_samples, n_features).
        """
        network = self.network.build(n_leads, self.longest or n_times)
        return RecordScaledModule(network, n_leads, self.longest)


class PretrainedEncoder(Encoder):
    """Published weights of ECGFounder [1]_ or ST-MEM [2]_, from a file that you downloaded.

    Which of them it is, and of what size, is read off the file. The signals
    must be those of the weights' training; ``fit`` says what is not. Filter
    them as there, before: ``BandpassFilter(0.67, 40)``. Each record is then
    centred and scaled by itself inside the module.

    ==========  ========  =============  =======================
    weights     leads     sampling rate  record
    ==========  ========  =============  =======================
    ECGFounder  12, or I  500 Hz         10 s; any length does
    ST-MEM      12        250 Hz         9 s; the middle is seen
    ==========  ========  =============  =======================

    The published embedding is the mean over time; ECGFounder's gets the
    maximum beside it, as every convolutional encoder's here. A fitted model
    holds its weights: saved or pickled, it loads where the file is gone. A
    file is read as data (``weights_only=True``, or safetensors), so it can run
    nothing. Mind the licence that the weights come with.

    Parameters
    ----------
    path : str or Path
        The file: what ``torch.save`` wrote, or ``*.safetensors``.

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
        """Raise where the signals are not those that the weights were trained on.

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
        published = _recognise(self.path)
        if sampling_rate is not None and sampling_rate != published.sampling_rate:
            raise SamplingRateError(
                f"PretrainedEncoder: {published.name} was trained on "
                f"{format_hertz(published.sampling_rate)}; got {format_hertz(sampling_rate)}. "
                f"Use Resample({published.sampling_rate:g})."
            )
        expected = STANDARD_12_LEADS[: published.n_leads]
        if leads is not None and tuple(leads) != expected:
            raise LeadMismatchError(
                f"PretrainedEncoder: {published.name} was trained on {len(expected)} leads in "
                f"this order ({', '.join(expected)}); got {len(leads)} ({', '.join(leads)}). "
                f"Use SelectLeads({list(expected)!r})."
            )

    def architecture(self) -> RecordScaled:
        """Return the spec that builds the same module without the file."""
        published = _recognise(self.path)
        return RecordScaled(published.network, longest=published.n_times)

    def load_weights(self, module: EncoderModule) -> None:
        """Put the file's weights into a module that :meth:`architecture` built.

        Raises
        ------
        LeadMismatchError
            If the module is for another number of leads.
        """
        published = _recognise(self.path)
        if not isinstance(module, RecordScaledModule):
            raise TypeError(f"PretrainedEncoder has no weights for a {type(module).__name__}.")
        if module.n_leads != published.n_leads:
            raise LeadMismatchError(
                f"PretrainedEncoder: {published.name}'s weights in {self.path} are for "
                f"{published.n_leads} leads; got {module.n_leads}. "
                f"Use SelectLeads({list(STANDARD_12_LEADS[: published.n_leads])!r})."
            )
        module.network.load_state_dict(published.weights)

    def build(self, n_leads: int, n_times: int) -> RecordScaledModule:
        """Make a module with the file's weights.

        Parameters
        ----------
        n_leads : int
            Leads per record; those of the weights.
        n_times : int
            Samples per lead; any length does.

        Returns
        -------
        RecordScaledModule
            Maps (n_samples, n_leads, n_times), in mV, to (n_samples, n_features).

        Raises
        ------
        LeadMismatchError
            If the weights are for another number of leads.
        """
        module = self.architecture().build(n_leads, n_times)
        self.load_weights(module)
        return module
