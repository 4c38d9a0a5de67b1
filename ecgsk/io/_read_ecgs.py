"""Read records from any source into one table."""

from pathlib import Path
from warnings import warn

import pandas as pd

from ecgsk.exceptions import (
    DurationError,
    LeadMismatchError,
    RecordReadError,
    SamplingRateError,
    SignalQualityWarning,
)
from ecgsk.io._wfdb_header import Leads
from ecgsk.io.formats.recording import check_declared
from ecgsk.io.sources import Wanted, find_sources
from ecgsk.io.wfdb_folder import check_wanted
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.leads import how_to_get_leads
from ecgsk.signals.units import format_hertz


def read_ecgs(
    *paths: str | Path,
    leads: Leads | None = None,
    sampling_rate: float | None = None,
    duration: float | None = None,
    unit: str | None = None,
) -> pd.DataFrame:
    r"""Read records, folders of records, stores and cohorts as one table.

    .. versionadded:: 0.1

    Parameters
    ----------
    *paths : path-like
        Each the path of a WFDB record, with or without suffix, of a file of any format
        that `read_ecg` reads, of a folder of both, or of a folder that `ingest`,
        `write_ecg_folder` or :func:`ecgsk.datasets.write_cohort` wrote. CSV, NumPy and
        MATLAB files of a folder are read where it holds no others.
    leads, sampling_rate, duration
        As in `read_wfdb_folder`, for records of every kind; by default the standard
        twelve leads. For files that do not state them, `leads` are the names of all
        leads in their order, and `sampling_rate` is the rate.
    unit : str, optional
        Unit of the samples in files that state none, as in `read_ecg`.

    Returns
    -------
    DataFrame
        One row per record, with its name as index: ``ecg`` (mV), read on demand,
        ``path``, ``note`` (a doubt about the header, or empty), and what else the
        sources state. ``attrs["broken"]`` is a list of ``{"record": ..., "path": ...,
        "reason": ...}``, one for every record left out.

    Raises
    ------
    RecordReadError
        When nothing is found at a path, or no record can be read.
    SamplingRateError, DurationError
        When records differ and `sampling_rate` or `duration` is not given.
    LeadMismatchError
        When a store lacks one of the leads.

    Warns
    -----
    SignalQualityWarning
        When records were left out.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from ecgsk.datasets import make_clinical_ecg, write_cohort
    >>> from ecgsk.io import read_ecgs
    >>> with TemporaryDirectory() as folder:
    ...     _ = write_cohort(make_clinical_ecg(3, random_state=0), folder, progress=False)
    ...     frame = read_ecgs(folder, leads=["II", "V1"], duration=5)
    >>> frame["ecg"].dtype
    ecg[2x500, 100 Hz: II V1]
    """
    declared = check_declared(leads, sampling_rate, unit, name="read_ecgs")
    leads = STANDARD_12_LEADS if leads is None else leads
    wanted_names, sampling_rate = check_wanted(leads, sampling_rate, duration, "read_ecgs")
    wanted = Wanted((leads,), duration, sampling_rate, declared)
    frames: list[pd.DataFrame] = []
    broken: list[dict[str, str]] = []
    for source in find_sources(paths, name="read_ecgs"):
        opened = source.open(wanted)
        frames += opened.frames
        broken += [
            {"record": source.name(place), "path": source.path(place), "reason": reason}
            for place, reason in opened.broken.items()
        ]
    if not frames:
        raise RecordReadError(
            f"read_ecgs: none of {len(broken)} records can be read; the first: "
            f"{broken[0]['reason']}"
        )
    _check_same(frames, wanted_names)
    if broken:
        warn(
            f"read_ecgs: left out {len(broken)} records that cannot be read, such as "
            f"{broken[0]['record']}: {broken[0]['reason']} attrs['broken'] lists all.",
            SignalQualityWarning,
            stacklevel=2,
        )
    frame = pd.concat(frames) if len(frames) > 1 else frames[0]
    frame.attrs["broken"] = broken
    return frame


def _check_same(frames: list[pd.DataFrame], leads: tuple[str, ...]) -> None:
    """Raise unless all records have the leads, one rate and one length."""
    kinds = [frame["ecg"].ecg for frame in frames]
    for kind in kinds:
        if kind.leads != leads:
            raise LeadMismatchError(
                f"read_ecgs: expected leads {', '.join(leads)}, got a store of "
                f"{', '.join(kind.leads)}. {how_to_get_leads(leads, kind.leads)}"
            )
    rates = sorted({kind.sampling_rate for kind in kinds})
    if len(rates) > 1:
        raise SamplingRateError(
            f"read_ecgs: expected one sampling rate, got {', '.join(map(format_hertz, rates))}. "
            f"Pass sampling_rate={rates[-1]:g} to resample the others as they are read."
        )
    lengths = sorted({kind.duration for kind in kinds})
    if len(lengths) > 1:
        raise DurationError(
            "read_ecgs: expected records of one length, got "
            f"{', '.join(f'{seconds:g} s' for seconds in lengths[:6])}. Pass "
            f"duration={lengths[0]:g} to crop longer ones and pad shorter ones with NaN."
        )
