"""Structured state space model (S4) with a diagonal state matrix."""

import math

import torch
from torch import Tensor, nn

from ecgsk.encoders._base import Encoder, EncoderModule
from ecgsk.encoders._layers import as_image, channels_last, conv

# Range of the initial step dt: time constants from ten to a thousand samples.
_MAX_DT, _MIN_DT = 1e-1, 1e-3
# Number of consecutive powers of the transition matrix computed directly.
_FINE_POWERS = 32


class StateSpace(nn.Module):
    r"""Bidirectional diagonal state space layer: one linear filter per channel.

    Per channel :math:`x' = A x + u`, :math:`y = 2 \mathrm{Re}(C x) + D u` with a diagonal
    complex ``A`` and zero-order hold over a step ``dt``. The impulse response is computed for
    the length of the signal and convolved by FFT; a second ``C`` filters backwards in time.
    `state_size` real variables per channel and direction are half as many conjugate pairs.

    Complex numbers are stored as pairs of real tensors, which optimisers, autocast and file
    formats support. ``A`` and ``dt`` are stored as differences from their initial values, so
    that weight decay keeps them near those.
    """

    log_dt_start: Tensor

    def __init__(self, width: int, state_size: int):
        super().__init__()
        n_modes = state_size // 2
        log_dt = torch.empty(width, 1).uniform_(math.log(_MIN_DT), math.log(_MAX_DT))
        self.register_buffer("log_dt_start", log_dt)
        self.log_dt = nn.Parameter(torch.zeros(width, 1))
        self.log_decay = nn.Parameter(torch.zeros(width, n_modes))
        self.frequency = nn.Parameter(torch.zeros(width, n_modes))
        self.c_real = nn.Parameter(torch.randn(2, width, n_modes) * math.sqrt(0.5))
        self.c_imag = nn.Parameter(torch.randn(2, width, n_modes) * math.sqrt(0.5))
        self.d = nn.Parameter(torch.randn(width))

    def continuous(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return ``dt`` and the real and imaginary part of ``A``, one row per channel.

        The initial values are those of S4D-Lin: decay 1/2, frequencies 0, pi, 2 pi, ...
        """
        harmonics = torch.arange(self.frequency.shape[1], device=self.frequency.device)
        dt = torch.exp(self.log_dt_start + self.log_dt)
        return dt, -0.5 * torch.exp(self.log_decay), math.pi * harmonics + self.frequency

    def kernel(self, length: int) -> Tensor:
        """Return the impulse responses, of shape (2, width, length): past and future.

        A power of ``exp(dt A)`` is a coarse times a fine one: a thousand need 64 exponentials.
        """
        dt, a_real, a_imag = self.continuous()
        decay, angle = dt * a_real, dt * a_imag
        # Input weight (exp(dt A) - 1) / A in a form that is precise for small steps.
        up_real = torch.expm1(decay) * torch.cos(angle) - 2 * torch.sin(angle / 2).square()
        up_imag = torch.exp(decay) * torch.sin(angle)
        size = 2 / (a_real.square() + a_imag.square())
        b_real = (up_real * a_real + up_imag * a_imag) * size
        b_imag = (up_imag * a_real - up_real * a_imag) * size
        c_real = self.c_real * b_real - self.c_imag * b_imag
        c_imag = self.c_real * b_imag + self.c_imag * b_real

        fine = torch.arange(_FINE_POWERS, device=dt.device)
        coarse = torch.arange(0, length, _FINE_POWERS, device=dt.device)
        fine_real, fine_imag = _powers(decay, angle, fine)
        coarse_real, coarse_imag = _powers(decay, angle, coarse)
        c_real, c_imag = c_real[..., None], c_imag[..., None]
        # (2, width, coarse, modes) times (width, modes, fine)
        real = (c_real * coarse_real - c_imag * coarse_imag).transpose(2, 3) @ fine_real
        imag = (c_real * coarse_imag + c_imag * coarse_real).transpose(2, 3) @ fine_imag
        return (real - imag).flatten(2)[..., :length]

    def forward(self, u: Tensor) -> Tensor:
        """Filter signals of shape (n, times, width)."""
        # No device has a bfloat16 FFT, and the powers need float32 precision.
        with torch.autocast(u.device.type, enabled=False):
            u = u.float()
            length = u.shape[1]
            past, future = self.kernel(length)
            room = past.new_zeros(len(past), _fast_length(2 * length) - 2 * length)
            # Circular convolution: the end of the response applies to future samples.
            response = torch.cat([past, room, future.flip(-1)], dim=-1)
            return _convolve(u, response.T) + self.d * u


def _convolve(u: Tensor, response: Tensor) -> Tensor:
    """Convolve signals (n, times, width) with longer responses, circularly."""
    if torch.compiler.is_exporting():
        return _convolve_directly(u, response)
    if not torch.compiler.is_compiling():
        return _Convolution.apply(u, response)
    # torch.compile traces the built-in gradient without a warning.
    n = len(response)
    spectrum = torch.fft.rfft(u, n, dim=1) * torch.fft.rfft(response, dim=0)
    return torch.fft.irfft(spectrum, n, dim=1)[:, : u.shape[1]]


def _convolve_directly(u: Tensor, response: Tensor) -> Tensor:
    """Convolve without FFT: ONNX Runtime's is slower, and its error is 1e-4 of the signal."""
    length = u.shape[1]
    taps = torch.cat([response[len(response) - length + 1 :], response[:length]]).flip(0).T[:, None]
    padded = nn.functional.pad(u.transpose(1, 2), (length - 1, length - 1))
    return nn.functional.conv1d(padded, taps, groups=len(taps)).transpose(1, 2)


class _Convolution(torch.autograd.Function):
    """FFT convolution with a gradient by real FFTs: half the work of torch's complex ones."""

    @staticmethod
    def forward(ctx, u: Tensor, response: Tensor) -> Tensor:
        n = len(response)
        u_spectrum = torch.fft.rfft(u, n, dim=1)
        spectrum = torch.fft.rfft(response, dim=0)
        ctx.save_for_backward(u_spectrum, spectrum)
        ctx.n = n
        return torch.fft.irfft(u_spectrum * spectrum, n, dim=1)[:, : u.shape[1]].contiguous()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        u_spectrum, spectrum = ctx.saved_tensors
        n, length = ctx.n, gradient.shape[1]
        turned = torch.fft.rfft(gradient, n, dim=1)
        of_u = torch.fft.irfft(turned * spectrum.conj(), n, dim=1)[:, :length].contiguous()
        of_response = torch.fft.irfft((turned * u_spectrum.conj()).sum(0), n, dim=0)
        return of_u, of_response


def _powers(log_radius: Tensor, angle: Tensor, exponents: Tensor) -> tuple[Tensor, Tensor]:
    radius = torch.exp(log_radius[..., None] * exponents)
    turned = angle[..., None] * exponents
    return radius * torch.cos(turned), radius * torch.sin(turned)


def _fast_length(n: int) -> int:
    """Return the next length without a prime factor above 7, for which FFTs are fast."""
    while True:
        rest = n
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


class _Block(nn.Module):
    """Residual block: state space layer, gated linear unit, layer normalisation."""

    def __init__(self, width: int, state_size: int, dropout: float):
        super().__init__()
        self.state_space = StateSpace(width, state_size)
        self.mix = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout1d(dropout)

    def forward(self, x: Tensor) -> Tensor:
        z = self._drop(nn.functional.gelu(self.state_space(x)))
        return self.norm(x + self._drop(nn.functional.glu(self.mix(z))))

    def _drop(self, x: Tensor) -> Tensor:
        # Drop whole channels: the layer could interpolate single dropped samples.
        return self.dropout(x.transpose(1, 2)).transpose(1, 2)


class S4Module(EncoderModule):
    """The torch module that :class:`S4` builds."""

    def __init__(
        self, n_leads: int, depth: int, width: int, state_size: int, stride: int, dropout: float
    ):
        super().__init__()
        self.stem = conv(n_leads, width, 2 * stride - 1, stride)
        self.blocks = nn.Sequential(*(_Block(width, state_size, dropout) for _ in range(depth)))
        self.n_features = 2 * width

    def forward_features(self, x: Tensor) -> Tensor:
        """Return feature maps of shape (n_samples, n_channels, n_positions)."""
        x = self.stem(as_image(x)).squeeze(2).transpose(1, 2)
        return self.blocks(x).transpose(1, 2)


class S4(Encoder):
    """Structured state space model (S4): linear filters as long as the record.

    The variant is S4D-Lin [2]_: S4 [1]_ with a diagonal state matrix. Filters are
    bidirectional, so that each position depends on all others. The layers are those
    of [3]_ and [4]_ for PTB-XL and MIMIC-IV-ECG; ``width=512, stride=1`` gives their
    size. It takes about ten times as long per record as :class:`ResNet1d`.

    .. versionadded:: 0.1

    Parameters
    ----------
    depth : int, default=4
        Number of blocks: filters over time, then a gated linear unit over channels.
    width : int, default=128
        Channels; the embedding has twice as many features.
    state_size : int, default=8
        Real state variables per channel and direction; even.
    stride : int, default=2
        Stride of the stem, a convolution over ``2 * stride - 1`` samples. Computing
        time is inversely proportional to it.
    dropout : float, default=0.2
        Share of channels set to zero in training.

    References
    ----------
    .. [1] Gu et al., "Efficiently modeling long sequences with structured
       state spaces", ICLR 2022.
    .. [2] Gu et al., "On the parameterization and initialization of diagonal
       state space models", NeurIPS 2022.
    .. [3] Mehari & Strodthoff, "Towards quantitative precision for ECG
       analysis: leveraging state space models, self-supervision and patient
       metadata", IEEE J-BHI 2023.
    .. [4] Strodthoff et al., "Prospects for artificial intelligence-enhanced
       electrocardiogram as a unified screening tool for cardiac and
       non-cardiac conditions", European Heart Journal - Digital Health 2024.

    Examples
    --------
    >>> import torch
    >>> from ecgsk.encoders import S4
    >>> S4(width=64)
    S4(width=64)
    >>> module = S4().build(n_leads=12, n_times=1000)
    >>> module(torch.zeros(2, 12, 1000)).shape
    torch.Size([2, 256])
    """

    paper = "Gu et al. 2022"

    def __init__(
        self,
        depth: int = 4,
        *,
        width: int = 128,
        state_size: int = 8,
        stride: int = 2,
        dropout: float = 0.2,
    ):
        self.depth = depth
        self.width = width
        self.state_size = state_size
        self.stride = stride
        self.dropout = dropout

    def build(self, n_leads: int, n_times: int) -> S4Module:
        """Make a module with fresh weights; see `Encoder.build`."""
        if min(self.depth, self.width, self.stride) < 1 or not 0 <= self.dropout < 1:
            raise ValueError(
                "S4: depth, width and stride must be positive and dropout in [0, 1), "
                f"got depth={self.depth!r}, width={self.width!r}, stride={self.stride!r}, "
                f"dropout={self.dropout!r}."
            )
        if self.state_size < 2 or self.state_size % 2:
            raise ValueError(
                f"S4: state_size must be even and positive, got {self.state_size!r}: "
                "modes come in conjugate pairs."
            )
        return channels_last(
            S4Module(n_leads, self.depth, self.width, self.state_size, self.stride, self.dropout)
        )
