"""Steps of a fitted pipeline as torch modules of fixed rate and length."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

import torch
from torch import Tensor, nn

from ecgsk.deployment._filters import bandpass_filter, resampling_filter
from ecgsk.exceptions import ECGError
from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads
from ecgsk.signals.derived_leads import find_derivations
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.resampling import resampling_ratio


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
        leads = []
        for terms in self.factors:
            first, *others = [x[:, place] * factor for place, factor in terms]
            leads.append(sum(others, first))
        return torch.stack(leads, dim=1)


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
    modules: list[nn.Module] = []
    for (_, step), n_samples in zip(steps, [taken.n_samples, *reversed(lengths)], strict=False):
        if isinstance(step, SelectLeads):
            wanted = canonical_leads(step.leads)
            modules.append(LeadSelection(leads, wanted))
            leads = wanted
        elif isinstance(step, Resample) and step.sampling_rate != rate:
            modules.append(resampling_filter(n_samples, rate, step.sampling_rate))
            rate = float(step.sampling_rate)
        elif isinstance(step, BandpassFilter):
            modules.append(bandpass_filter(n_samples, rate, step))
    if leads != model.leads_:
        modules.append(LeadSelection(leads, model.leads_))
    return modules, taken


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
