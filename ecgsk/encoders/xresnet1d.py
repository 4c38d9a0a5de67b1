"""XResNet1d, the residual network of the PTB-XL benchmark."""

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

_BLOCKS_PER_STAGE = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_STEM_KERNEL = 5


class XResNet1dModule(EncoderModule):
    """The torch module that :class:`XResNet1d` builds."""

    def __init__(self, n_leads: int, depth: int, width: int, kernel_size: int):
        super().__init__()
        stem: list[nn.Module] = []
        n_in = n_leads
        for n_out, stride in ((width // 2, 2), (width // 2, 1), (width, 1)):
            stem += [conv(n_in, n_out, _STEM_KERNEL, stride), nn.BatchNorm2d(n_out), activation()]
            n_in = n_out
        self.stem = nn.Sequential(*stem, nn.MaxPool2d((1, 3), (1, 2), (0, 1)))
        n_out = width * bottleneck_expansion(depth)
        blocks: list[nn.Module] = []
        for stage, n_blocks in enumerate(_BLOCKS_PER_STAGE[depth]):
            for block in range(n_blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(ResidualBlock(n_in, width, n_out, kernel_size, stride))
                n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        self.n_features = 2 * n_out
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps of shape (n_samples, n_channels, n_positions)."""
        return self.blocks(self.stem(as_image(x, RESNET_SHORTEST))).squeeze(2)


class XResNet1d(Encoder):
    """XResNet1d, the residual network of the PTB-XL benchmark, layer for layer.

    It differs from :class:`ResNet1d` in two ways: the stem has three convolutions,
    and every stage has the same width. The benchmark's head is omitted; its pooling,
    mean and maximum over time, is that of every encoder here.

    .. versionadded:: 0.1

    Parameters
    ----------
    depth : {18, 34, 50, 101}, default=50
        Number of layers as in the benchmark; 50 and 101 have bottleneck blocks.
    width : int, default=64
        Channels of every block's inner convolution; even. The embedding has
        ``2 * width`` features, four times as many from depth 50 on.
    kernel_size : int, default=5
        Length of a block's convolution in samples; odd.

    References
    ----------
    .. [1] Strodthoff et al., "Deep learning for ECG analysis: benchmarks and
       insights from PTB-XL", IEEE J-BHI 2021.
    .. [2] He et al., "Bag of tricks for image classification with
       convolutional neural networks", CVPR 2019.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import XResNet1d
    >>> XResNet1d(depth=101)
    XResNet1d(depth=101)
    >>> module = XResNet1d(depth=18).build(n_leads=12, n_times=1000)
    >>> module(torch.zeros(2, 12, 1000)).shape
    torch.Size([2, 128])
    """

    paper = "Strodthoff et al. 2021"

    def __init__(self, depth: int = 50, *, width: int = 64, kernel_size: int = 5):
        self.depth = depth
        self.width = width
        self.kernel_size = kernel_size

    def build(self, n_leads: int, n_times: int) -> XResNet1dModule:
        """Make a module with fresh weights; see `Encoder.build`."""
        if self.depth not in _BLOCKS_PER_STAGE:
            raise ValueError(
                f"XResNet1d: depth must be one of {sorted(_BLOCKS_PER_STAGE)}, got {self.depth!r}."
            )
        if self.width < 2 or self.width % 2 or self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(
                "XResNet1d: width must be even and positive and kernel_size odd and positive, "
                f"got width={self.width!r}, kernel_size={self.kernel_size!r}."
            )
        return channels_last(XResNet1dModule(n_leads, self.depth, self.width, self.kernel_size))
