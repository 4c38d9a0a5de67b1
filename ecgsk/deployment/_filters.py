"""Band-pass filters and resampling as torch modules of a fixed length that ONNX can hold."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsk.deployment._screening import GapBridging
from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import BandpassFilter
from ecgsk.signals.resampling import resample, resampled_length, resampling_ratio
from ecgsk.signals.spectral import bandpass, nearest_samples

Apply = Callable[[np.ndarray], np.ndarray]

# Numbers in the matrix of whole records: 16 MB; resampling has equal blocks beyond. A band-pass
# filter's response is nearly as long as the record, so blocks would be no smaller.
_MAX_MATRIX, _MAX_BANDPASS_MATRIX = 2**22, 2**25
# Taps below this share of the largest are left out at both ends of a filter.
_NEGLIGIBLE = 1e-6
# Longest record to measure a filter's response on.
_MAX_RESPONSE = 2**20


class LinearFilter(nn.Module):
    """Filter that bridges missing samples, and sets them to NaN again."""

    nearest: Tensor
    start: Tensor
    end: Tensor

    def __init__(self, linear: nn.Module, gain: float, nearest: tuple | None = None):
        super().__init__()
        self.bridge, self.linear, self.gain = GapBridging(), linear, gain
        self.resamples = nearest is not None
        if nearest is not None:
            nearest_in, nearest_out = nearest
            outputs = np.arange(len(nearest_in))
            # Input samples whose nearest output sample is m: from start to end.
            start = np.searchsorted(nearest_out, outputs, side="left")
            end = np.searchsorted(nearest_out, outputs, side="right")
            for name, indices in (("nearest", nearest_in), ("start", start), ("end", end)):
                self.register_buffer(name, torch.from_numpy(indices))

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered signals (n, leads, times)."""
        x, missing = self.bridge(x)
        # Without its mean a signal is small, and so are errors of rounding.
        mean = x.mean(2, keepdim=True)
        return torch.where(
            self._gaps(missing), float("nan"), self.linear(x - mean) + mean * self.gain
        )

    def _gaps(self, missing: Tensor) -> Tensor:
        if not self.resamples:
            return missing
        n_before = F.pad(missing.float().cumsum(2), (1, 0))
        some = n_before[..., self.end] > n_before[..., self.start]
        return missing[..., self.nearest] | some


class WholeMatrix(nn.Module):
    """Linear map of whole records as one matrix."""

    matrix: Tensor

    def __init__(self, matrix: np.ndarray):
        super().__init__()
        self.register_buffer("matrix", torch.from_numpy(matrix.astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """Return x @ matrix."""
        return x @ self.matrix


class BlockMatrix(nn.Module):
    """Time-invariant map of mirrored records: one matrix for every block of output samples.

    ``taps`` has a row for each of the `up` output samples per `down` input samples, and
    `first` is the time of its first column, relative to the input sample of the first row. A
    convolution with thousands of taps is ten times as slow in ONNX Runtime.
    """

    times: Tensor
    matrix: Tensor

    def __init__(self, taps: np.ndarray, first: int, down: int, n_samples: int, n_out: int):
        super().__init__()
        self.n_out = n_out
        up, n_taps = taps.shape
        n_steps = min(max(n_taps // (4 * down), 1), -(-n_out // up))  # of `up` outputs, per block
        n_blocks = -(-n_out // (up * n_steps))
        window = (n_steps - 1) * down + n_taps
        matrix = np.zeros((window, n_steps, up), np.float32)
        for step in range(n_steps):
            matrix[step * down : step * down + n_taps, step] = taps.T
        times = first + np.arange(n_blocks)[:, None] * n_steps * down + np.arange(window)
        self.register_buffer("times", torch.from_numpy(_mirrored(times, n_samples, down)))
        self.register_buffer("matrix", torch.from_numpy(matrix.reshape(window, -1)))

    def forward(self, x: Tensor) -> Tensor:
        """Return signals (n, leads, times) of the output's rate and length."""
        return (x[..., self.times] @ self.matrix).flatten(2)[..., : self.n_out]


def resampling_filter(n_samples: int, from_rate: float, to_rate: float) -> LinearFilter:
    """Return the module that resamples as `ecgsk.preprocessing.Resample`."""
    ratio = resampling_ratio(from_rate, to_rate)
    apply = partial(resample, from_rate=from_rate, to_rate=to_rate)
    n_out = resampled_length(n_samples, from_rate, to_rate)
    if n_samples * n_out <= _MAX_MATRIX:
        linear: nn.Module = WholeMatrix(apply(np.eye(n_samples)))
    else:
        taps, first = _measure_taps(apply, n_samples, ratio.numerator, ratio.denominator)
        linear = BlockMatrix(taps, first, ratio.denominator, n_samples, n_out)
    return LinearFilter(linear, 1.0, nearest_samples(n_samples, n_out, float(ratio)))


def bandpass_filter(n_samples: int, rate: float, step: BandpassFilter) -> LinearFilter:
    """Return the module that filters as a `ecgsk.preprocessing.BandpassFilter`."""
    if n_samples**2 > _MAX_BANDPASS_MATRIX:
        raise ECGError(
            f"export cannot express BandpassFilter for records of {n_samples:,} samples: its "
            f"matrix has {n_samples:,} squared numbers, more than {_MAX_BANDPASS_MATRIX:,}. Put "
            "Resample before the filter."
        )
    matrix = bandpass(np.eye(n_samples), rate, step.low, step.high, order=step.order)
    return LinearFilter(WholeMatrix(matrix), 1.0 if step.low is None else 0.0)


def _measure_taps(apply: Apply, n_samples: int, up: int, down: int) -> tuple[np.ndarray, int]:
    """Return the filter's taps for `up` output samples, and the time of the first tap.

    The response to impulses at `down` consecutive samples in the middle has every tap: `down`
    input samples later it is the same, `up` output samples later.
    """
    while n_samples <= _MAX_RESPONSE:
        middle = n_samples // 2 // down * down
        impulses = np.zeros((down, n_samples))
        impulses[np.arange(down), middle + np.arange(down)] = 1
        response = apply(impulses)
        impulse, out = np.nonzero(np.abs(response) > _NEGLIGIBLE * np.abs(response).max())
        step, phase = np.divmod(out, up)
        time = middle + impulse - step * down  # of the input sample, from that of the step
        if max(-time.min(), time.max()) < 0.9 * middle:
            taps = np.zeros((up, time.max() - time.min() + 1))
            taps[phase, time - time.min()] = response[impulse, out]
            return taps, int(time.min())
        n_samples *= 2  # the response is longer than the record
    raise ECGError(
        f"export cannot express a Resample whose filter is longer than {_MAX_RESPONSE:,} samples. "
        "Resample before the exported model."
    )


def _mirrored(times: np.ndarray, n_samples: int, down: int) -> np.ndarray:
    """Return samples of the mirrored, periodic record, as of `filter_spectrum`."""
    period = -(-2 * n_samples // down) * down
    times = times % period
    within = np.where(times < n_samples, times, 2 * n_samples - 1 - times)
    return np.where(times < 2 * n_samples, within, 0)
