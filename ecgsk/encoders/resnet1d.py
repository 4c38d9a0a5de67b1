"""1-D residual network (ResNet)."""

from torch import Tensor, nn

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders._layers import (
    RESNET_SHORTEST,
    ResidualBlock,
    activation,
    as_image,
    bottleneck_expansion,
    channels_last,
    conv,
)

_BLOCKS_PER_STAGE = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class ResNet1dModule(EncoderModule):
    """The torch module that :class:`ResNet1d` builds."""

    def __init__(self, n_leads: int, depth: int, width: int, kernel_size: int):
        super().__init__()
        self.stem = nn.Sequential(
            conv(n_leads, width, 7, 2),
            nn.BatchNorm2d(width),
            activation(),
            conv(width, width, kernel_size),
            nn.BatchNorm2d(width),
            activation(),
            nn.MaxPool2d((1, 3), (1, 2), (0, 1)),
        )
        expansion = bottleneck_expansion(depth)
        layers, n_in = [], width
        for stage, n_blocks in enumerate(_BLOCKS_PER_STAGE[depth]):
            inner = width * 2**stage
            for block in range(n_blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(ResidualBlock(n_in, inner, inner * expansion, kernel_size, stride))
                n_in = inner * expansion
        self.blocks = nn.Sequential(*layers)
        self.n_features = 2 * n_in

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps of shape (n_samples, n_channels, n_positions)."""
        return self.blocks(self.stem(as_image(x, RESNET_SHORTEST))).squeeze(2)


class ResNet1d(Encoder):
    """1-D residual network (ResNet), a common first choice for ECGs.

    The stem divides the rate by four, and the last three of four stages of residual
    blocks each halve it; then mean and maximum over time. At 100 Hz feature maps
    have one position per 0.32 s.

    .. versionadded:: 0.1

    Parameters
    ----------
    depth : {10, 18, 34, 50}, default=18
        Number of layers, counted as in He et al. 2016; 50 has bottleneck blocks.
    width : int, default=16
        Channels of the first stage; each later stage has twice as many. The
        embedding has ``16 * width`` features, four times as many at depth 50.
    kernel_size : int, default=5
        Length of a convolution in samples; odd.

    References
    ----------
    .. [1] He et al., "Deep residual learning for image recognition", CVPR 2016.
    .. [2] He et al., "Bag of tricks for image classification with
       convolutional neural networks", CVPR 2019.
    .. [3] Strodthoff et al., "Deep learning for ECG analysis: benchmarks and
       insights from PTB-XL", IEEE J-BHI 2021.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import ResNet1d
    >>> ResNet1d(depth=18, width=32)
    ResNet1d(width=32)
    >>> module = ResNet1d().build(n_leads=12, n_times=1000)
    >>> module(torch.zeros(2, 12, 1000)).shape
    torch.Size([2, 256])
    """

    paper = "He et al. 2016"

    def __init__(self, depth: int = 18, *, width: int = 16, kernel_size: int = 5):
        self.depth = depth
        self.width = width
        self.kernel_size = kernel_size

    def build(self, n_leads: int, n_times: int) -> ResNet1dModule:
        """Make a module with fresh weights; see `Encoder.build`."""
        if self.depth not in _BLOCKS_PER_STAGE:
            raise ValueError(
                f"ResNet1d: depth must be one of {sorted(_BLOCKS_PER_STAGE)}, got {self.depth!r}."
            )
        if self.width < 1 or self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(
                "ResNet1d: width must be positive and kernel_size odd and positive, "
                f"got width={self.width!r}, kernel_size={self.kernel_size!r}."
            )
        return channels_last(ResNet1dModule(n_leads, self.depth, self.width, self.kernel_size))
