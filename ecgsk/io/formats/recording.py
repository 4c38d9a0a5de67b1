"""Channels of one recording as its file states them, before leads and units are chosen."""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ecgsk.exceptions import RecordReadError
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.units import check_sampling_rate, to_millivolt

ReadSamples: TypeAlias = Callable[[tuple[int, ...], int, int], np.ndarray]


@dataclass(frozen=True)
class Declared:
    """Statements of the user about files that do not state them: rate (Hz), unit, lead names.

    `leads` are the names of all channels in their order.
    """

    sampling_rate: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] | None = None


def check_declared(
    leads: Any, sampling_rate: float | None, unit: str | None, *, name: str
) -> Declared:
    """Return checked statements about files; `leads` that are a mapping name no channels."""
    if sampling_rate is not None:
        sampling_rate = check_sampling_rate(sampling_rate, name=name)
    if unit is not None:
        to_millivolt(unit)
    is_list = leads is not None and not isinstance(leads, Mapping)
    return Declared(sampling_rate, unit, canonical_leads(leads) if is_list else None)


@dataclass(frozen=True)
class Channel:
    """One channel of a recording.

    `unit` is that of the samples and `sampling_rate` is in Hz; both are None where the file
    states none.
    """

    name: str
    unit: str | None
    sampling_rate: float | None
    n_samples: int


@dataclass(frozen=True)
class Recording:
    """Channels of a file, and a function that reads samples of some of them.

    Attributes
    ----------
    format : str
        Name of the format, for messages.
    channels : tuple of Channel
    read : callable
        ``read(places, begin, end)`` returns float64 of shape (n_channels, end - begin) in
        the units of the channels, NaN where missing. The channels are of one length and rate.
    columns : dict
        What the file states of patient and time: ``age`` (years), ``sex``, ``ecg_time``,
        ``subject_id``.
    note : str
        Doubts about the file, or empty.
    """

    format: str
    channels: tuple[Channel, ...]
    read: ReadSamples
    columns: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def load_library(module: str, extra: str, purpose: str) -> Any:
    """Import an optional library, or raise a RecordReadError that names the extra."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise RecordReadError(
            f"{purpose} needs {module.partition('.')[0]}, which is not installed. Use "
            f"pip install 'ecgsk[{extra}]'."
        ) from error


def check_size(path: str, limit: int, format: str) -> None:
    """Raise for a file that is larger than any recording that is read whole."""
    size = os.path.getsize(path)
    if size > limit:
        raise RecordReadError(
            f"record {path}: expected a {format} file of at most {limit:,} bytes, got {size:,}. "
            "Cut it into parts, or write it as EDF or WFDB."
        )


def from_arrays(samples: list[np.ndarray]) -> ReadSamples:
    """Return the `read` of a Recording whose samples are in memory."""

    def read(places: tuple[int, ...], begin: int, end: int) -> np.ndarray:
        return np.array([samples[place][begin:end] for place in places], np.float64)

    return read
