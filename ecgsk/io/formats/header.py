"""Leads of a recording that are read: places, units, rates, and limb leads to derive."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ecgsk.exceptions import LeadMismatchError, RecordReadError, SamplingRateError, UnitError
from ecgsk.io._wfdb_header import Leads, declared_names, places_by_lead, wanted_leads
from ecgsk.io.formats.detection import open_recording
from ecgsk.io.formats.recording import Channel, Declared, Recording
from ecgsk.signals.derived_leads import derive_leads
from ecgsk.signals.leads import (
    STANDARD_12_LEADS,
    derivation,
    how_to_get_leads,
    lead_order,
)
from ecgsk.signals.resampling import resample
from ecgsk.signals.screening import screen_where_needed
from ecgsk.signals.units import (
    MAX_SAMPLING_RATE,
    MIN_SAMPLING_RATE,
    format_hertz,
    to_millivolt,
)


@dataclass(frozen=True)
class FileHeader:
    """Header of a recording file: leads, rates and scales; `read_samples` reads the samples."""

    path: str
    format: str
    leads: tuple[str, ...]  # as read, derived ones included
    stored: tuple[str, ...]  # those that the file holds
    channels: tuple[int, ...]  # their places in the file
    millivolts: tuple[float, ...]  # per unit of each
    rates: tuple[float, ...]  # Hz, of each
    counts: tuple[int, ...]  # samples of each
    sampling_rate: float  # Hz, of all as read
    declared: Declared
    columns: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def seconds(self) -> float:
        """Duration of the longest lead."""
        return max(n / rate for n, rate in zip(self.counts, self.rates, strict=True))

    @property
    def n_samples(self) -> int:
        """Samples per lead at `sampling_rate`."""
        return max(1, round(self.seconds * self.sampling_rate))


def read_file_header(
    path: str, leads: Leads | None, declared: Declared, *, sampling_rate: float | None = None
) -> FileHeader:
    """Open a file and choose its leads; without `leads`, those that `present_leads` returns.

    With `sampling_rate`, leads of different rates are resampled to it; without, they are an
    error.
    """
    return choose_leads(path, open_recording(path, declared), leads, declared, sampling_rate)


def choose_leads(
    path: str,
    recording: Recording,
    leads: Leads | None,
    declared: Declared,
    sampling_rate: float | None,
) -> FileHeader:
    """Return the header of an open recording for the wanted leads."""
    names = tuple(channel.name for channel in recording.channels)
    wanted, stored = choose_names(names, leads, path)
    places = places_by_lead(names, declared_names(leads or ()))
    channels = [recording.channels[places[lead][0]] for lead in stored]
    rates = tuple(_rate(channel, declared, path) for channel in channels)
    if len(set(rates)) > 1 and sampling_rate is None:
        stated = (f"{lead} {format_hertz(r)}" for lead, r in zip(stored, rates, strict=True))
        raise SamplingRateError(
            f"record {path}: expected leads of one sampling rate, got {', '.join(stated)}. Pass "
            f"sampling_rate={max(rates):g} to resample the others, or leads= with those of one "
            "rate."
        )
    if not all(channel.n_samples for channel in channels):
        raise RecordReadError(f"record {path}: it holds no sample. Leave it out.")
    return FileHeader(
        path=path,
        format=recording.format,
        leads=wanted,
        stored=stored,
        channels=tuple(places[lead][0] for lead in stored),
        millivolts=tuple(_millivolts(channel, declared, path) for channel in channels),
        rates=rates,
        counts=tuple(channel.n_samples for channel in channels),
        sampling_rate=max(rates),
        declared=declared,
        columns=recording.columns,
        note=recording.note,
    )


def choose_names(
    names: Sequence[str], leads: Leads | None, path: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the wanted leads, and those of the file that they are or follow from.

    Without `leads`, all that the file stores are wanted; see `present_leads`.
    """
    places = places_by_lead(tuple(names), declared_names(leads or ()))
    wanted = present_leads(places) if leads is None else wanted_leads(leads)
    if not wanted:
        raise LeadMismatchError(
            f"record {path}: it holds no lead that is known by name; it stores "
            f"{', '.join(names) or 'no signal'}. Name the lead of a signal: "
            f"leads={{{(names or ['ECG'])[0]!r}: 'II'}}."
        )
    return wanted, _stored_leads(wanted, places, names, path)


def present_leads(places: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """Return the leads that a file stores, in the standard order.

    Where these lack only limb leads of the standard twelve, and these follow from two others,
    they are included: many devices store eight leads.
    """
    missing = [lead for lead in STANDARD_12_LEADS if lead not in places]
    if all(derivation(lead, places) for lead in missing):
        return tuple(sorted({*places, *STANDARD_12_LEADS}, key=lead_order))
    return tuple(sorted(places, key=lead_order))


def _stored_leads(
    wanted: Sequence[str], places: Mapping[str, Sequence[int]], names: Sequence[str], path: str
) -> tuple[str, ...]:
    """Return the leads to read for those that are wanted."""
    stored: dict[str, None] = {}
    for lead in wanted:
        factors = {lead: 1.0} if lead in places else derivation(lead, places)
        if not factors:
            unknown = [name for name in names if name and not places_by_lead((name,), ())]
            advice = (
                f"Name the lead of a signal: leads={{{unknown[0]!r}: {lead!r}}}."
                if unknown
                else how_to_get_leads(wanted, tuple(places))
            )
            raise LeadMismatchError(
                f"record {path}: expected leads {', '.join(wanted)}, but it lacks {lead}; it "
                f"stores {', '.join(names)}. {advice}"
            )
        stored |= dict.fromkeys(factors)
    if repeated := [lead for lead in stored if len(places[lead]) > 1]:
        raise LeadMismatchError(
            f"record {path}: lead {', '.join(repeated)} occurs more than once; it stores "
            f"{', '.join(names)}. Correct the file, or leave it out."
        )
    return tuple(stored)


def _rate(channel: Channel, declared: Declared, path: str) -> float:
    rate = channel.sampling_rate or declared.sampling_rate
    if rate is None:
        raise SamplingRateError(
            f"record {path}: it does not state the sampling rate of {channel.name}. Pass it, "
            "such as sampling_rate=500."
        )
    if not MIN_SAMPLING_RATE <= rate <= MAX_SAMPLING_RATE:
        raise SamplingRateError(
            f"record {path}: expected a sampling rate of {MIN_SAMPLING_RATE:g} to "
            f"{MAX_SAMPLING_RATE:g} Hz, got {format_hertz(rate)} of {channel.name}. Correct the "
            "file, or leave it out."
        )
    return float(rate)


def _millivolts(channel: Channel, declared: Declared, path: str) -> float:
    unit = channel.unit or declared.unit
    if unit is None:
        raise UnitError(
            f"record {path}: it does not state the unit of lead {channel.name}. Pass it, such as "
            "unit='uV'."
        )
    try:
        return to_millivolt(unit)
    except UnitError as error:
        raise UnitError(f"record {path}: lead {channel.name}: {error}") from error


def read_samples(
    header: FileHeader,
    begin: int = 0,
    end: int | None = None,
    *,
    recording: Recording | None = None,
) -> np.ndarray:
    """Read samples of a file's leads, float64 in mV at the rate of its header.

    `begin` and `end` are samples at that rate; by default all are read. `recording` is the
    file where it is open. Returns an array (n_leads, n_samples), NaN where a shorter lead has
    ended.
    """
    end = header.n_samples if end is None else min(end, header.n_samples)
    recording = recording or open_recording(header.path, header.declared)
    # Leads of different rates are resampled from their beginning on.
    start = begin if len(set(header.rates)) == 1 else 0
    out = np.full((len(header.stored), max(end - start, 0)), np.nan)
    kinds = list(zip(header.rates, header.counts, strict=True))
    for rate, count in dict.fromkeys(kinds):
        rows = [row for row, kind in enumerate(kinds) if kind == (rate, count)]
        stop = min(count, max(1, round(end / header.sampling_rate * rate)))
        part = recording.read(tuple(header.channels[row] for row in rows), min(start, stop), stop)
        part = part * np.array([header.millivolts[row] for row in rows])[:, None]
        if rate != header.sampling_rate:
            part = resample(screen_where_needed(part[None])[0], rate, header.sampling_rate)
        n_kept = min(out.shape[1], part.shape[1])
        out[rows, :n_kept] = part[:, :n_kept]
    out = out[:, begin - start :]
    if header.stored == header.leads:
        return out
    name = os.path.basename(header.path)
    return derive_leads(out[None], header.stored, header.leads, name=name)[0]
