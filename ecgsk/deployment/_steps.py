"""Steps of a fitted pipeline as torch modules of fixed rate and length."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsk.deployment._screening import GapBridging
from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads
from ecgsk.signals.derived_leads import find_derivations
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.resampling import resample, resampled_length, resampling_ratio
from ecgsk.signals.spectral import bandpass, nearest_samples

# Largest length of a filter's matrix: 4,096 samples squared are 64 MB of float32.
_MAX_MATRIX = 4096
# Taps of a resampling filter below this share of the largest are left out at its ends.
_NEGLIGIBLE = 1e-8


@dataclass(frozen=True)
class SignalInput:
    """Records that the exported model takes."""

    leads: tuple[str, ...]
    sampling_rate: float
    n_samples: int


class LeadSelection(nn.Module):
    """Leads that are selected, and derived from others, in order."""

    def __init__(self, leads: Sequence[str], wanted: Sequence[str]):
        super().__init__()
        place = {lead: position for position, lead in enumerate(leads)}
        self.factors = [
            [(place[lead], factor) for lead, factor in found.items()]
            for found in find_derivations(leads, wanted, name="SelectLeads")
        ]

    def forward(self, x: Tensor) -> Tensor:
        """Return the selected leads of signals (n, leads, times)."""
        # Not a product with a matrix: 0 times a missing sample is missing.
        return torch.stack([sum(x[:, i] * f for i, f in terms) for terms in self.factors], dim=1)


class LinearFilter(nn.Module):
    """Filter that bridges missing samples, and sets them to NaN again."""

    def __init__(self, linear: nn.Module, nearest: tuple[np.ndarray, np.ndarray] | None = None):
        super().__init__()
        self.bridge, self.linear = GapBridging(), linear
        self.resamples = nearest is not None
        if nearest is not None:
            nearest_in, nearest_out = nearest
            self.register_buffer("nearest_in", torch.from_numpy(nearest_in))
            # Input samples whose nearest output sample is m: from start to end.
            start = np.searchsorted(nearest_out, np.arange(len(nearest_in)), side="left")
            end = np.searchsorted(nearest_out, np.arange(len(nearest_in)), side="right")
            self.register_buffer("start", torch.from_numpy(start))
            self.register_buffer("end", torch.from_numpy(end))

    def forward(self, x: Tensor) -> Tensor:
        """Return filtered signals (n, leads, times)."""
        x, missing = self.bridge(x)
        return torch.where(self._gaps(missing), float("nan"), self.linear(x))

    def _gaps(self, missing: Tensor) -> Tensor:
        if not self.resamples:
            return missing
        n_before = F.pad(missing.float().cumsum(2), (1, 0))
        some = n_before[..., self.end] > n_before[..., self.start]
        return missing[..., self.nearest_in] | some


class FilterMatrix(nn.Module):
    """Linear filter of a fixed length as one matrix."""

    def __init__(self, matrix: np.ndarray):
        super().__init__()
        self.register_buffer("matrix", torch.from_numpy(matrix.astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """Return x @ matrix."""
        return x @ self.matrix


class ResamplingConvolution(nn.Module):
    """Resampling of mirrored records: one convolution, with a channel per output phase."""

    def __init__(self, n_samples: int, from_rate: float, to_rate: float):
        super().__init__()
        ratio = resampling_ratio(from_rate, to_rate)
        up, self.down = ratio.numerator, ratio.denominator
        self.n_out = resampled_length(n_samples, from_rate, to_rate)
        taps, first = _phase_taps(n_samples, from_rate, to_rate, up, self.down)
        n_steps = -(-self.n_out // up)
        times = first + np.arange((n_steps - 1) * self.down + taps.shape[1])
        self.register_buffer("times", torch.from_numpy(_mirrored(times, n_samples, self.down)))
        self.register_buffer("taps", torch.from_numpy(taps.astype(np.float32))[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Return signals (n, leads, times) at the new rate."""
        n_leads = x.shape[1]
        phases = F.conv1d(x[..., self.times].flatten(0, 1)[:, None], self.taps, stride=self.down)
        return phases.transpose(1, 2).flatten(1).unflatten(0, (-1, n_leads))[..., : self.n_out]


def _phase_taps(
    n_samples: int, from_rate: float, to_rate: float, up: int, down: int
) -> tuple[np.ndarray, int]:
    """Return the filter's taps for each of `up` output samples, and the time of the first tap.

    The response to impulses at `down` consecutive samples in the middle has every tap: `down`
    input samples later it is the same, `up` output samples later.
    """
    middle = n_samples // 2 // down * down
    impulses = np.zeros((down, n_samples))
    impulses[np.arange(down), middle + np.arange(down)] = 1
    response = resample(impulses, from_rate, to_rate)
    impulse, out = np.nonzero(np.abs(response) > _NEGLIGIBLE * np.abs(response).max())
    step, phase = np.divmod(out, up)
    time = middle + impulse - step * down  # of the input sample, from that of the step
    taps = np.zeros((up, time.max() - time.min() + 1))
    taps[phase, time - time.min()] = response[impulse, out]
    return taps, int(time.min())


def _mirrored(times: np.ndarray, n_samples: int, down: int) -> np.ndarray:
    """Return samples of the mirrored, periodic record, as of `filter_spectrum`."""
    period = -(-2 * n_samples // down) * down
    times = times % period
    within = np.where(times < n_samples, times, 2 * n_samples - 1 - times)
    return np.where(times < 2 * n_samples, within, 0)


def translate_steps(
    steps: Sequence[tuple[str, Any]], model: Any
) -> tuple[list[nn.Module], SignalInput]:
    """Return the modules of preprocessing steps, and the records that the first one takes.

    Raises ECGError for a step that is none of ecgsk's, by name.
    """
    steps = [(name, step) for name, step in steps if step not in (None, "passthrough")]
    for name, step in steps:
        if type(step) not in (SelectLeads, Resample, BandpassFilter):
            raise ECGError(
                f"export cannot express the step {name!r}, a {type(step).__name__}: it expresses "
                "SelectLeads, Resample and BandpassFilter. Apply it before the exported model, "
                "and export a pipeline without it."
            )
    leads, rate = _first_leads(steps, model), _first_rate(steps, model)
    lengths = [model.shape_[1]]
    for _, step in reversed(steps):
        lengths.append(_length_before(step, lengths[-1]))
    taken = SignalInput(leads, rate, lengths.pop())
    modules = []
    for (name, step), n_samples in zip(steps, [taken.n_samples, *reversed(lengths)], strict=False):
        if isinstance(step, SelectLeads):
            wanted = canonical_leads(step.leads)
            modules.append(LeadSelection(leads, wanted))
            leads = wanted
        elif isinstance(step, Resample) and step.sampling_rate != rate:
            convolution = ResamplingConvolution(n_samples, rate, step.sampling_rate)
            ratio = float(resampling_ratio(rate, step.sampling_rate))
            nearest = nearest_samples(n_samples, convolution.n_out, ratio)
            modules.append(LinearFilter(convolution, nearest))
            rate = float(step.sampling_rate)
        elif isinstance(step, BandpassFilter):
            modules.append(LinearFilter(_bandpass_matrix(name, step, n_samples, rate)))
    if leads != model.leads_:
        modules.append(LeadSelection(leads, model.leads_))
    return modules, taken


def _bandpass_matrix(name: str, step: BandpassFilter, n_samples: int, rate: float) -> FilterMatrix:
    if n_samples > _MAX_MATRIX:
        raise ECGError(
            f"export cannot express the step {name!r}, a BandpassFilter of records of "
            f"{n_samples:,} samples: its matrix has {n_samples:,} squared numbers, and the limit "
            f"is {_MAX_MATRIX:,} squared. Put Resample before the filter."
        )
    identity = np.eye(n_samples)
    return FilterMatrix(bandpass(identity, rate, step.low, step.high, order=step.order))


def _first_leads(steps: Sequence[tuple[str, Any]], model: Any) -> tuple[str, ...]:
    if not steps:
        return model.leads_
    first = steps[0][1]
    if not isinstance(first, SelectLeads):
        return first.leads_in_
    wanted = canonical_leads(first.leads)
    if not first.derive:
        return wanted
    used = {
        lead
        for found in find_derivations(first.leads_in_, wanted, name="SelectLeads")
        for lead in found
    }
    return tuple(lead for lead in first.leads_in_ if lead in used)


def _first_rate(steps: Sequence[tuple[str, Any]], model: Any) -> float:
    return float(steps[0][1].sampling_rate_in_ if steps else model.sampling_rate_)


def _length_before(step: Any, n_samples: int) -> int:
    """Return the longest record that gives this length."""
    if not isinstance(step, Resample):
        return n_samples
    ratio: Fraction = resampling_ratio(step.sampling_rate_in_, step.sampling_rate)
    return floor(n_samples / ratio)
