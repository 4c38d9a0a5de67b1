"""Net1D, the grouped residual network with channel attention of ECGFounder."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders._layers import as_image, channels_last

_BLOCKS_PER_STAGE = {14: (2, 2, 2, 2, 2, 2, 2), 20: (2, 2, 2, 3, 3, 4, 4)}
# Channels of the seven stages, in multiples of the width.
_WIDTH_MULTIPLES = (1, 2.5, 2.5, 6.25, 6.25, 16, 16)
_GROUP_WIDTH = 16
# The rate is halved eight times; the last feature map needs two samples: see as_image.
_SHORTEST = 2**8 + 1


class _SameConv(nn.Conv2d):
    """Convolution over time with "same" padding; an odd sample of padding goes to the end."""

    def __init__(self, n_in: int, n_out: int, kernel_size: int = 1, stride: int = 1, groups=1):
        super().__init__(n_in, n_out, (1, kernel_size), (1, stride), groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        (_, kernel_size), (_, stride), length = self.kernel_size, self.stride, x.shape[-1]
        last = (length - 1) // stride * stride
        padding = max(last + kernel_size - length, 0)
        return super().forward(F.pad(x, (padding // 2, padding - padding // 2)))


class _Activation(nn.Sequential):
    """Normalisation, activation and dropout before each convolution of a block."""

    def __init__(self, n_channels: int, batch_norm: bool, dropout: float = 0.0):
        norm = nn.BatchNorm2d(n_channels) if batch_norm else nn.Identity()
        super().__init__(norm, nn.SiLU(), nn.Dropout(dropout))


class _Block(nn.Module):
    """Residual block: bottleneck, grouped convolution, expansion, channel attention.

    The shortcut has no weights: a maximum halves the rate, and zeros pad the channels.
    """

    def __init__(self, n_in: int, n_out: int, kernel_size: int, stride: int, **activation):
        super().__init__()
        self.stride, self.added = stride, n_out - n_in
        self.act1 = _Activation(n_in, **activation)
        self.conv1 = _SameConv(n_in, n_out)
        self.act2 = _Activation(n_out, **activation)
        self.conv2 = _SameConv(n_out, n_out, kernel_size, stride, n_out // _GROUP_WIDTH)
        self.act3 = _Activation(n_out, **activation)
        self.conv3 = _SameConv(n_out, n_out)
        self.squeeze = nn.Linear(n_out, n_out // 2)
        self.excite = nn.Linear(n_out // 2, n_out)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(self.act1(x))
        out = self.conv2(self.act2(out))
        out = self.conv3(self.act3(out))
        attention = torch.sigmoid(self.excite(F.silu(self.squeeze(out.mean((2, 3))))))
        if self.stride > 1:
            x = F.max_pool2d(F.pad(x, (0, self.stride - 1)), (1, self.stride))
        if self.added:
            x = F.pad(x, (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))
        return out * attention[:, :, None, None] + x


class Net1DModule(EncoderModule):
    """The torch module that :class:`Net1D` builds."""

    def __init__(
        self,
        n_leads: int,
        depth: int,
        width: int,
        kernel_size: int,
        batch_norm: bool,
        dropout: float,
    ):
        super().__init__()
        self.stem = _SameConv(n_leads, width, kernel_size, 2)
        self.stem_act = _Activation(width, batch_norm)
        blocks, n_in = [], width
        for multiple, n_blocks in zip(_WIDTH_MULTIPLES, _BLOCKS_PER_STAGE[depth], strict=True):
            n_out = max(int(multiple * width) // _GROUP_WIDTH, 1) * _GROUP_WIDTH
            for block in range(n_blocks):
                stride = 2 if block == 0 else 1
                blocks.append(
                    _Block(n_in, n_out, kernel_size, stride, batch_norm=batch_norm, dropout=dropout)
                )
                n_in = n_out
        blocks[0].act1 = nn.Identity()  # type: ignore[assignment]  # the stem ends with an activation
        self.blocks = nn.Sequential(*blocks)
        self.n_features = 2 * n_in

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps of shape (n_samples, n_channels, n_positions)."""
        return self.blocks(self.stem_act(self.stem(as_image(x, _SHORTEST)))).squeeze(2)


class Net1D(Encoder):
    """Grouped residual network with channel attention: ECGFounder's architecture.

    A stem and seven stages each halve the rate. A block is a grouped convolution
    between two of length one, with squeeze-and-excitation. Designed for 500 Hz,
    where feature maps have one position per 0.5 s; at 100 Hz one per 2.6 s.
    ``Net1D(20, width=64, batch_norm=False)`` is the published network, layer for
    layer; :class:`~ecgsk.encoders.PretrainedEncoder` loads its weights. The default
    is small enough for a CPU.

    .. versionadded:: 0.1

    Parameters
    ----------
    depth : {14, 20}, default=14
        Number of blocks: two per stage, or as in ECGFounder.
    width : int, default=16
        Channels of the stem. The last stage has 16 times as many, the embedding 32
        times. Stages have multiples of 16 channels, the size of a group.
    kernel_size : int, default=16
        Length of the grouped convolution in samples, even or odd.
    batch_norm : bool, default=True
        Whether to use batch normalisation. The published weights have none; training
        from scratch is faster with it.
    dropout : float, default=0.0
        Share of activations set to zero before each convolution, in training.

    References
    ----------
    .. [1] Li et al., "An electrocardiogram foundation model built on over 10
       million recordings", NEJM AI 2025.
    .. [2] Hong et al., "HOLMES: Health OnLine Model Ensemble Serving for deep
       learning models in intensive care units", KDD 2020.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import Net1D
    >>> module = Net1D().build(n_leads=12, n_times=5000)
    >>> module(torch.zeros(2, 12, 5000)).shape
    torch.Size([2, 512])
    """

    paper = "Li et al. 2025"

    def __init__(
        self,
        depth: int = 14,
        *,
        width: int = 16,
        kernel_size: int = 16,
        batch_norm: bool = True,
        dropout: float = 0.0,
    ):
        self.depth = depth
        self.width = width
        self.kernel_size = kernel_size
        self.batch_norm = batch_norm
        self.dropout = dropout

    def build(self, n_leads: int, n_times: int) -> Net1DModule:
        """Make a module with fresh weights; see `Encoder.build`."""
        if self.depth not in _BLOCKS_PER_STAGE:
            raise ValueError(
                f"Net1D: depth must be one of {sorted(_BLOCKS_PER_STAGE)}, got {self.depth!r}."
            )
        if self.width < 1 or self.kernel_size < 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                "Net1D: width and kernel_size must be positive and dropout in [0, 1), "
                f"got width={self.width!r}, kernel_size={self.kernel_size!r}, "
                f"dropout={self.dropout!r}."
            )
        return channels_last(
            Net1DModule(
                n_leads, self.depth, self.width, self.kernel_size, self.batch_norm, self.dropout
            )
        )
