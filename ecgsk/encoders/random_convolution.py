"""Random convolutions: features without training."""

from itertools import combinations
from statistics import NormalDist

import torch
from torch import Tensor
from torch.nn import functional as F

from ecgsk.encoders._base import Encoder, EncoderModule

_TAPS = 9
# Every kernel has three weights of 2 and six of -1: it sums to zero, so no offset matters.
_KERNELS = torch.tensor(
    [[2.0 if i in high else -1.0 for i in range(_TAPS)] for high in combinations(range(_TAPS), 3)]
)
# Multiples of the golden ratio fill (0, 1) evenly, however many there are.
_GOLDEN = (5**0.5 + 1) / 2
# A kernel sees this many leads at most.
_MOST_LEADS = 9
# A share of time is told well enough by so many positions.
_POSITIONS = 500
# Kernels at a time: their responses to a batch stay in the processor's cache.
_TOGETHER = 14
# Positions per record that a threshold is calibrated on.
_CALIBRATION = 50


class RandomConvolutionModule(EncoderModule):
    """The torch module that :class:`RandomConvolution` builds."""

    weight: Tensor
    bias: Tensor

    def __init__(self, n_leads: int, dilations: tuple[int, ...], n_thresholds: int):
        super().__init__()
        self.dilations = dilations
        n_kernels = len(dilations) * len(_KERNELS)
        # Mostly one or two leads, now and then many: 2 ** uniform, as Dempster et al. have it.
        highest = torch.log2(torch.tensor(min(n_leads, _MOST_LEADS) + 1.0))
        n_seen = (2 ** (torch.rand(n_kernels, 1) * highest)).floor()
        order = torch.rand(n_kernels, n_leads).argsort(dim=1).argsort(dim=1)
        seen = (order < n_seen).float()
        weight = seen[:, :, None] * _KERNELS.repeat(len(dilations), 1)[:, None]
        self.register_buffer("weight", weight[:, :, None])
        # Until records are seen: quantiles of what white noise of SD 1 would give.
        normal = NormalDist()
        deviates = torch.tensor([normal.inv_cdf(q) for q in self._levels(n_thresholds).tolist()])
        spread = weight.square().sum((1, 2)).sqrt()
        self.register_buffer("bias", deviates.reshape(n_kernels, n_thresholds) * spread[:, None])
        self.n_features = n_kernels * n_thresholds

    def _levels(self, n_thresholds: int) -> Tensor:
        n = len(self.dilations) * len(_KERNELS) * n_thresholds
        return torch.arange(1, n + 1, dtype=torch.float64) * _GOLDEN % 1

    def _responses(self, x: Tensor):
        """Yield responses to some kernels, of shape (n, kernels, positions), and which they are."""
        x = x.unsqueeze(2)
        stride = max(x.shape[-1] // _POSITIONS, 1)
        for i in range(0, len(self.weight), _TOGETHER):
            dilation = self.dilations[i // len(_KERNELS)]
            some = slice(i, i + _TOGETHER)
            padding = (0, _TAPS // 2 * dilation)
            response = F.conv2d(x, self.weight[some], None, (1, stride), padding, (1, dilation))
            yield response.squeeze(2), some

    def _above(self, x: Tensor):
        """Yield 0 and 1, where responses are above a threshold, threshold by threshold."""
        for response, some in self._responses(x):
            for bias in self.bias[some].unbind(1):
                yield (response - bias[:, None]).gt_(0)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return where responses are above their thresholds, (n_samples, n_features, n_positions).

        One map per feature; the embedding is its mean over time.
        """
        return torch.cat(list(self._above(x)), dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return embeddings of shape (n_samples, n_features).

        The share of time above each threshold. A maximum, as other encoders
        have it, would tell nothing more, and all maps at once take much memory.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_leads, n_times)
            Scaled ECGs; missing samples are 0.
        """
        return torch.cat([above.float().mean(-1) for above in self._above(x)], dim=1)

    def calibrate(self, x: Tensor) -> None:
        """Set each threshold to a quantile of the responses to these ECGs.

        Parameters
        ----------
        x : Tensor of shape (n_samples, n_leads, n_times)
            Some training records, as ``forward`` sees them.
        """
        levels = self._levels(self.bias.shape[1]).reshape(self.bias.shape).to(x.device)
        for response, some in self._responses(x):
            n_positions = response.shape[-1]
            times = torch.linspace(0, n_positions - 1, min(n_positions, _CALIBRATION)).long()
            values = response[:, :, times.to(x.device)].movedim(1, 0).flatten(1).sort(dim=1).values
            rank = (levels[some] * (values.shape[1] - 1)).round().long()
            self.bias[some] = values.gather(1, rank)


class RandomConvolution(Encoder):
    """Thousands of fixed convolutions, pooled to shares of time: MiniRocket for ECGs.

    The 84 kernels of MiniRocket [1]_ at dilations of 1, 2, 4, ... samples, as
    far as they reach within a record, each over a few leads drawn at random.
    A feature is the share of time in which a kernel's response is above a
    threshold, a quantile of the responses to training records. No weight is
    learned: a linear head on these features is fitted in seconds on a CPU, and
    is the bar that a deep network has to clear. ``fine_tune="auto"`` of
    :class:`~ecgsk.ECGDiagnosisClassifier` fits that head.

    Against the paper: thresholds come from many records instead of one, every
    position is padded, dilations are octaves, and at most about 500 positions
    per record are looked at. On PTB-XL this is as good with half of the
    features.

    Parameters
    ----------
    n_features : int, default=5000
        Length of the embedding, at most: it is a multiple of 84 times the
        number of dilations, and at least that.

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

    def __init__(self, n_features: int = 5000):
        self.n_features = n_features

    def build(self, n_leads: int, n_times: int) -> RandomConvolutionModule:
        """Make a module with lead subsets drawn afresh.

        Parameters
        ----------
        n_leads : int
            Leads per record.
        n_times : int
            Samples per lead; sets the dilations, and any length does.

        Returns
        -------
        RandomConvolutionModule
            Maps (n_samples, n_leads, n_times) to (n_samples, n_features).

        Raises
        ------
        ValueError
            If ``n_features`` is not positive.
        """
        if self.n_features < 1:
            raise ValueError(
                f"RandomConvolution: n_features must be positive, got {self.n_features!r}."
            )
        longest = max((n_times - 1) // (_TAPS - 1), 1)
        dilations = tuple(2**i for i in range(longest.bit_length()))
        n_thresholds = max(self.n_features // (len(dilations) * len(_KERNELS)), 1)
        return RandomConvolutionModule(n_leads, dilations, n_thresholds)
