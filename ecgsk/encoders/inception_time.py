"""InceptionTime: parallel convolutions of several kernel lengths."""

import torch
from torch import Tensor, nn

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders._layers import as_image, channels_last, conv

_SHORTEST = 2
_N_BRANCHES = 4
_MODULES_PER_SHORTCUT = 3


class _Inception(nn.Module):
    """Three parallel convolutions of different lengths and a maximum."""

    def __init__(self, n_in: int, width: int, kernel_size: int):
        super().__init__()
        self.bottleneck = conv(n_in, width)
        # The whole, a half and a quarter, made odd to keep the length. One convolution
        # padded to the longest computes the same and is no faster.
        spans = [(kernel_size // divisor) | 1 for divisor in (1, 2, 4)]
        self.convolutions = nn.ModuleList(conv(width, width, span) for span in spans)
        self.maximum = nn.Sequential(nn.MaxPool2d((1, 3), 1, (0, 1)), conv(n_in, width))
        self.norm = nn.BatchNorm2d(_N_BRANCHES * width)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.bottleneck(x)
        branches = [convolution(squeezed) for convolution in self.convolutions]
        return self.norm(torch.cat([*branches, self.maximum(x)], dim=1)).relu_()


class _Residual(nn.Module):
    """Residual block of three inception modules."""

    def __init__(self, n_in: int, width: int, kernel_size: int):
        super().__init__()
        n_out = _N_BRANCHES * width
        inputs = [n_in] + [n_out] * (_MODULES_PER_SHORTCUT - 1)
        self.inceptions = nn.Sequential(*(_Inception(n, width, kernel_size) for n in inputs))
        self.shortcut = nn.Sequential(conv(n_in, n_out), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x).add_(self.inceptions(x)).relu_()


class InceptionTimeModule(EncoderModule):
    """The torch module that :class:`InceptionTime` builds."""

    def __init__(self, n_leads: int, depth: int, width: int, kernel_size: int):
        super().__init__()
        n_channels = _N_BRANCHES * width
        self.blocks = nn.Sequential(
            *(
                _Residual(n_channels if block else n_leads, width, kernel_size)
                for block in range(depth // _MODULES_PER_SHORTCUT)
            )
        )
        self.n_features = 2 * n_channels

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps of shape (n_samples, n_channels, n_positions)."""
        return self.blocks(as_image(x, _SHORTEST)).squeeze(2)


class InceptionTime(Encoder):
    """InceptionTime: parallel convolutions of three lengths at the full sampling rate.

    Each module reduces the channels, convolves over 39, 19 and 9 samples in
    parallel, and adds the maximum of three samples. A shortcut spans three modules.
    The rate is never reduced, so time and memory grow with the sampling rate:
    resample from 500 Hz first. This is one network; the paper averages five.

    As in the PTB-XL benchmark [2]_, kernels are odd (39 for the paper's 40) and the
    first module has a bottleneck for a single lead too.

    .. versionadded:: 0.1

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
        """Make a module with fresh weights; see `Encoder.build`."""
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
