"""Several kernel lengths side by side."""

import torch
from torch import Tensor, nn

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders._layers import as_image, channels_last, conv

_SHORTEST = 2
_N_BRANCHES = 4
_MODULES_PER_SHORTCUT = 3


class _Inception(nn.Module):
    """Three convolutions of different lengths, and a maximum, of the same signal."""

    def __init__(self, n_in: int, width: int, kernel_size: int):
        super().__init__()
        self.bottleneck = conv(n_in, width)
        # The whole, half and a quarter, odd so that the length is kept. One convolution
        # padded to the longest would do the same sums and is no faster.
        spans = [(kernel_size // divisor) | 1 for divisor in (1, 2, 4)]
        self.convolutions = nn.ModuleList(conv(width, width, span) for span in spans)
        self.maximum = nn.Sequential(nn.MaxPool2d((1, 3), 1, (0, 1)), conv(n_in, width))
        self.norm = nn.BatchNorm2d(_N_BRANCHES * width)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.bottleneck(x)
        branches = [convolution(squeezed) for convolution in self.convolutions]
        return torch.relu(self.norm(torch.cat([*branches, self.maximum(x)], dim=1)))


class _Residual(nn.Module):
    """Three inception modules beside a shortcut."""

    def __init__(self, n_in: int, width: int, kernel_size: int):
        super().__init__()
        n_out = _N_BRANCHES * width
        inputs = [n_in] + [n_out] * (_MODULES_PER_SHORTCUT - 1)
        self.inceptions = nn.Sequential(*(_Inception(n, width, kernel_size) for n in inputs))
        self.shortcut = nn.Sequential(conv(n_in, n_out), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.inceptions(x) + self.shortcut(x))


class InceptionTimeModule(EncoderModule):
    """The torch module that :class:`InceptionTime` builds."""

    def __init__(self, n_leads: int, depth: int, width: int, kernel_size: int):
        super().__init__()
        n_channels = _N_BRANCHES * width
        inputs = [n_leads] + [n_channels] * (depth // _MODULES_PER_SHORTCUT - 1)
        self.blocks = nn.Sequential(*(_Residual(n, width, kernel_size) for n in inputs))
        self.n_features = 2 * n_channels

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps of shape (n_samples, n_channels, n_positions)."""
        return self.blocks(as_image(x, _SHORTEST)).squeeze(2)


class InceptionTime(Encoder):
    """Convolutions of three lengths side by side, at the full sampling rate.

    Each module squeezes the channels, convolves over 39, 19 and 9 samples and
    sets beside these the maximum of three samples; every third module has a
    shortcut around it and the two before. Nothing lowers the rate, so the
    feature maps are as long as the signal and a record costs in proportion:
    at 500 Hz resample first. One network; the paper averages five of them,
    for which the estimators have seeds.

    The kernels are odd, 39 for the paper's 40, as in the PTB-XL benchmark [2]_,
    and the first module squeezes a single lead too.

    Parameters
    ----------
    depth : int, default=6
        Number of inception modules; a multiple of 3.
    width : int, default=32
        Channels of each of a module's four branches and of its bottleneck. The
        embedding has ``8 * width`` features.
    kernel_size : int, default=39
        Samples that the longest of a module's convolutions spans; odd. The
        others span a half and a quarter of it.

    References
    ----------
    .. [1] Ismail Fawaz et al., "InceptionTime: finding AlexNet for time series
       classification", Data Mining and Knowledge Discovery 2020.
    .. [2] Strodthoff et al., "Deep learning for ECG analysis: benchmarks and
       insights from PTB-XL", IEEE J-BHI 2021.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import InceptionTime
    >>> InceptionTime(depth=3, width=16)
    InceptionTime(depth=3, width=16)
    >>> module = InceptionTime().build(n_leads=12, n_times=1000)
    >>> module(torch.zeros(2, 12, 1000)).shape
    torch.Size([2, 256])
    """

    paper = "Ismail Fawaz et al. 2020"

    def __init__(self, depth: int = 6, *, width: int = 32, kernel_size: int = 39):
        self.depth = depth
        self.width = width
        self.kernel_size = kernel_size

    def build(self, n_leads: int, n_times: int) -> InceptionTimeModule:
        """Make a module with fresh weights.

        Parameters
        ----------
        n_leads : int
            Leads per record.
        n_times : int
            Samples per lead; any length does.

        Returns
        -------
        InceptionTimeModule
            Maps (n_samples, n_leads, n_times) to (n_samples, n_features).

        Raises
        ------
        ValueError
            For a depth that is no multiple of 3, or an even kernel.
        """
        if self.depth < 1 or self.depth % _MODULES_PER_SHORTCUT:
            raise ValueError(
                f"InceptionTime: depth must be a positive multiple of {_MODULES_PER_SHORTCUT}, "
                f"got {self.depth!r}."
            )
        if self.width < 1 or self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(
                "InceptionTime: width must be positive and kernel_size odd and positive, "
                f"got width={self.width!r}, kernel_size={self.kernel_size!r}."
            )
        return channels_last(InceptionTimeModule(n_leads, self.depth, self.width, self.kernel_size))
