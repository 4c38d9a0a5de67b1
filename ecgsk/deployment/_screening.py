"""Screening, gaps and linear filters of records as torch modules that ONNX can hold.

They give the answers of :mod:`ecgsk.signals.screening` and :mod:`ecgsk.signals.spectral`.
Reductions in ONNX Runtime ignore NaN or not, by their implementation: no module here reduces
over NaN. Work that only incomplete records need is in a branch of :func:`torch.cond`.
"""

import torch
from torch import Tensor, nn

from ecgsk.signals.screening import (
    FLAT_MV,
    IMPLAUSIBLE_MV,
    MAX_OFFSET_MV,
    MAX_SHARE,
    MIN_RAIL_SAMPLES,
    RAIL_RANGE_MV,
    SMALLEST_MV,
)

_NAN = float("nan")


class Screening(nn.Module):
    """Set implausible samples and leads without a signal to NaN, and find refused records."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return signals (n, leads, times), and which records `predict_proba` refuses."""
        return torch.cond(_all_clean(x), _keep, _screen, (x,))


class GapBridging(nn.Module):
    """Screen records for a filter, and bridge missing samples by a line."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return signals (n, leads, times) without NaN, and where they were missing."""
        return torch.cond(_all_clean(x), _without_gaps, _screen_and_bridge, (x,))


def _all_clean(x: Tensor) -> Tensor:
    """Return whether no record needs to be screened."""
    present = ~x.isnan()
    high, low = _extremes(x, present)
    spread = high - low
    clean = (high <= IMPLAUSIBLE_MV) & (low >= -IMPLAUSIBLE_MV) & (spread >= FLAT_MV)
    is_large = (spread.amax(1) >= SMALLEST_MV).all()
    return clean.all() & is_large & (present & ~_at_rails(x, present)).all()


def _keep(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.clone(), torch.zeros_like(x[:, 0, 0], dtype=torch.bool)


def _without_gaps(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.clone(), torch.zeros_like(x, dtype=torch.bool)


def _screen(x: Tensor) -> tuple[Tensor, Tensor]:
    screened, refused, _ = _screened(x)
    return screened, refused


def _screen_and_bridge(x: Tensor) -> tuple[Tensor, Tensor]:
    screened, _, too_large = _screened(x)
    # A filter may remove the drift of a record that is too large.
    x = torch.where(too_large[:, None, None], x, screened)
    missing = x.isnan()
    return _bridged(x, ~missing), missing


def _screened(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return signals with NaN, which records are refused, and which of them are too large."""
    size = torch.where(x.isnan(), 0.0, x.abs())
    present = ~x.isnan()
    beyond = _beyond_offset(x, size, present)
    n_present = present.sum(2).double()
    large = beyond.sum(2).double() > MAX_SHARE * n_present
    large = large & (_spread(x, beyond) > IMPLAUSIBLE_MV)
    kept = present & ~(beyond | large[:, :, None])
    kept = kept & ~_at_rails(x, kept)
    spread = _spread(x, kept)  # below 0 without a sample
    has_signal = spread >= FLAT_MV
    kept = kept & has_signal[:, :, None]
    moving = large | has_signal
    too_large = large.any(1) & (2 * large.sum(1) >= moving.sum(1))
    too_small = spread.amax(1) < SMALLEST_MV
    refused = too_large | too_small | ~has_signal.any(1)
    return torch.where(kept, x, _NAN), refused, too_large


def _beyond_offset(x: Tensor, size: Tensor, present: Tensor) -> Tensor:
    """Return which samples are too far from the lead's baseline, or from 0."""
    near = (present & (size <= IMPLAUSIBLE_MV)).sum(2).double()
    has_offset = near <= MAX_SHARE * present.sum(2).double()
    possible = present & (size <= MAX_OFFSET_MV)
    ordered = torch.where(possible, x, float("inf")).sort(2).values
    n_possible = possible.sum(2, keepdim=True)
    last = (n_possible - 1).clamp(min=0)
    middle = ordered.gather(2, last // 2) + ordered.gather(2, torch.minimum(n_possible // 2, last))
    from_median = present & ((x - middle / 2).abs() > IMPLAUSIBLE_MV)
    from_zero = size > IMPLAUSIBLE_MV
    has_offset = (has_offset & (n_possible[:, :, 0] > 0))[:, :, None]
    # ONNX Runtime has no Where of truth values.
    beyond = (has_offset & from_median) | (~has_offset & from_zero)
    return beyond | (size > MAX_OFFSET_MV)


def _at_rails(x: Tensor, kept: Tensor) -> Tensor:
    high, low = _extremes(x, kept)
    wide = high - low > RAIL_RANGE_MV
    least = max(MAX_SHARE * x.shape[2], MIN_RAIL_SAMPLES)
    found = torch.zeros_like(kept)
    for extreme in (high, low):
        held = kept & (x == extreme[:, :, None])
        often = wide & (held.sum(2).double() >= least)
        found = found | (held & often[:, :, None])
    return found


def _extremes(x: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Return maximum and minimum of the samples that are kept; without one -inf and inf."""
    infinite = float("inf")
    high = torch.where(kept, x, -infinite).amax(2)
    return high, torch.where(kept, x, infinite).amin(2)


def _spread(x: Tensor, kept: Tensor) -> Tensor:
    high, low = _extremes(x, kept)
    return high - low


def _bridged(x: Tensor, present: Tensor) -> Tensor:
    """Replace missing samples by a line, ends by the nearest sample, and empty leads by 0."""
    n = x.shape[2]
    # Times of the present samples, ascending; the nearest before and after each sample.
    times = torch.arange(n)
    ordered = torch.where(present, times, n - 1).sort(2).values
    n_before = present.long().cumsum(2)
    n_present = n_before[:, :, -1:]
    first = ordered.gather(2, torch.minimum(n_before - 1, n_present - 1).clamp(min=0))
    last = ordered.gather(2, torch.minimum(n_before, n_present - 1).clamp(min=0))
    values = torch.where(present, x, 0.0).double()
    y0, y1 = values.gather(2, first), values.gather(2, last)
    slope = (y1 - y0) / (last - first).clamp(min=1).double()
    line = slope * (times - first).double() + y0
    return torch.where(present, x, line.to(x.dtype))
