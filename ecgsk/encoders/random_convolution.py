"""Random convolution features (MiniRocket)."""

from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders._layers import as_image

_TAPS = 9
# Every kernel has three weights of 2 and six of -1: it sums to zero and ignores offsets.
_KERNELS = [
    [2.0 if i in high else -1.0 for i in range(_TAPS)] for high in combinations(range(_TAPS), 3)
]
# Multiples of the golden ratio modulo 1 are evenly spread in (0, 1), for any number.
_GOLDEN_RATIO = (5**0.5 + 1) / 2
# Maximum number of leads of a kernel.
_MAX_LEADS = 9
# Minimum number of positions to estimate a share of time; longer records use a stride.
_N_POSITIONS = 500
# Kernels per convolution, and per comparison with thresholds: more exceed the processor cache.
_KERNELS_AT_ONCE = 42
_KERNELS_COMPARED = 14
# Positions per record for estimating the thresholds.
_THRESHOLD_POSITIONS = 50


class RandomConvolutionModule(EncoderModule):
    """The torch module that :class:`RandomConvolution` builds."""

    weight: Tensor
    bias: Tensor

    def __init__(
        self, n_leads: int, dilations: tuple[int, ...], n_thresholds: int, differences: bool
    ):
        super().__init__()
        self.dilations, self.differences = dilations, differences
        n_kernels = len(dilations) * len(_KERNELS)
        # Number of leads per kernel: 2 ** uniform, as in Dempster et al.; mostly one or two.
        highest = torch.log2(torch.tensor(min(n_leads, _MAX_LEADS) + 1.0))
        n_leads_used = (2 ** (torch.rand(n_kernels, 1) * highest)).floor()
        order = torch.rand(n_kernels, n_leads).argsort(dim=1).argsort(dim=1)
        used = (order < n_leads_used).float()
        kernels = torch.tensor(_KERNELS)
        if differences:  # each half has kernels of all shapes
            kernels = torch.cat([kernels[::2], kernels[1::2]])
        weight = used[:, :, None] * kernels.repeat(len(dilations), 1)[:, None]
        self.register_buffer("weight", weight[:, :, None])
        # Before set_thresholds: quantiles of the response to white noise of SD 1.
        deviates = torch.special.ndtri(self._quantile_levels(n_thresholds)).float()
        spread = weight.square().sum((1, 2)).sqrt()
        self.register_buffer("bias", deviates.reshape(n_kernels, n_thresholds) * spread[:, None])
        self.n_features = n_kernels * n_thresholds

    def _quantile_levels(self, n_thresholds: int) -> Tensor:
        n = len(self.dilations) * len(_KERNELS) * n_thresholds
        return torch.arange(1, n + 1, dtype=torch.float64) * _GOLDEN_RATIO % 1

    def _responses(self, x: Tensor):
        """Yield responses of shape (n, kernels, positions) with the slice of their kernels."""
        stride = max(x.shape[-1] // _N_POSITIONS, 1)
        signals = [as_image(x)]
        if self.differences:  # as long as the signal, and 0 at its start
            signals.append(as_image(F.pad(x.diff(dim=-1), (1, 0))))
        for i in range(0, len(self.weight), _KERNELS_AT_ONCE):
            dilation = self.dilations[i // len(_KERNELS)]
            signal = signals[i // _KERNELS_AT_ONCE % len(signals)]
            weight = self.weight[i : i + _KERNELS_AT_ONCE]
            weight = weight.contiguous(memory_format=torch.channels_last)
            padding = (0, _TAPS // 2 * dilation)
            response = F.conv2d(signal, weight, None, (1, stride), padding, (1, dilation))
            response = response.squeeze(2).contiguous()
            for start in range(0, response.shape[1], _KERNELS_COMPARED):
                some = slice(i + start, i + start + _KERNELS_COMPARED)
                yield response[:, start : start + _KERNELS_COMPARED], some

    def _exceedances(self, x: Tensor):
        """Yield for each threshold which responses exceed it, as 0 and 1."""
        for response, some in self._responses(x):
            for bias in self.bias[some].unbind(1):
                yield (response - bias[:, None]).gt_(0)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return 1 where a response exceeds a threshold, (n_samples, n_features, n_positions)."""
        return torch.cat(list(self._exceedances(x)), dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the share of time above each threshold, of shape (n_samples, n_features).

        The maximum, which other encoders add, has no further information, and all maps at once
        need much memory.
        """
        return torch.cat([above.float().mean(-1) for above in self._exceedances(x)], dim=1)

    def set_thresholds(self, x: Tensor) -> None:
        """Set each threshold to a quantile of the responses to scaled training ECGs."""
        levels = self._quantile_levels(self.bias.shape[1]).reshape(self.bias.shape).to(x.device)
        for response, some in self._responses(x):
            n_positions = response.shape[-1]
            times = torch.linspace(
                0, n_positions - 1, min(n_positions, _THRESHOLD_POSITIONS)
            ).long()
            values = response[:, :, times.to(x.device)].movedim(1, 0).flatten(1).sort(dim=1).values
            rank = (levels[some] * (values.shape[1] - 1)).round().long()
            self.bias[some] = values.gather(1, rank)


class RandomConvolution(Encoder):
    """Random convolution features, MiniRocket for ECGs.

    The 84 kernels of MiniRocket [1]_ at dilations of 1, 2, 4, ... samples up to the
    length of a record, each over a few random leads. A feature is the share of time
    in which a kernel's response exceeds a threshold, a quantile of the responses to
    training records. No weight is trained: a linear head on these features is fitted
    in seconds on a CPU and is a baseline for deep networks. ``fine_tune="auto"`` of
    :class:`~ecgsk.ECGDiagnosisClassifier` fits that head.

    Differences from the paper: thresholds come from many records instead of one,
    every position is padded, dilations are octaves, and a stride keeps about 500 to
    1,000 positions per record. On PTB-XL this is as good with half of the features.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_features : int, default=5000
        Maximum length of the embedding, which is a multiple of 84 times the number
        of dilations, and at least that.
    differences : bool, default=False
        Apply half of the kernels to the differences of successive samples, which show steep
        parts of the QRS complex.

    References
    ----------
    .. [1] Dempster et al., "MiniRocket: a very fast (almost) deterministic
       transform for time series classification", KDD 2021.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import RandomConvolution
    >>> module = RandomConvolution().build(n_leads=12, n_times=1000)
    >>> module(torch.zeros(2, 12, 1000)).shape
    torch.Size([2, 4704])
    """

    paper = "Dempster et al. 2021"
    trains = False

    def __init__(self, n_features: int = 5000, *, differences: bool = False):
        self.n_features = n_features
        self.differences = differences

    def build(self, n_leads: int, n_times: int) -> RandomConvolutionModule:
        """Make a module with random kernels; see `Encoder.build`."""
        if self.n_features < 1:
            raise ValueError(
                f"RandomConvolution: n_features must be positive, got {self.n_features!r}."
            )
        longest = max((n_times - 1) // (_TAPS - 1), 1)
        dilations = tuple(2**i for i in range(longest.bit_length()))
        n_thresholds = max(self.n_features // (len(dilations) * len(_KERNELS)), 1)
        return RandomConvolutionModule(n_leads, dilations, n_thresholds, self.differences)
