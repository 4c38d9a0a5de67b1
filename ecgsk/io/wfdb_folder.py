"""Read WFDB records as a table: an ECG column and the comments of the headers."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal
from warnings import warn

import numpy as np
import pandas as pd

from ecgsk._progress import progress_bar
from ecgsk.exceptions import (
    DurationError,
    ECGError,
    RecordReadError,
    SamplingRateError,
    SignalQualityWarning,
)
from ecgsk.io._wfdb_header import Leads, RecordHeader, read_header, record_path, shown, wanted_leads
from ecgsk.io._wfdb_segments import segments_of_others
from ecgsk.io.wfdb_storage import WFDBStorage
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.units import check_sampling_rate, format_hertz

_SHOWN = 6


def read_wfdb_folder(
    folder: str | Path,
    *,
    leads: Leads = STANDARD_12_LEADS,
    sampling_rate: float | None = None,
    duration: float | None = None,
    pattern: str = "**/*.hea",
    errors: Literal["list", "raise"] = "list",
    verify: bool = False,
    progress: bool = True,
) -> pd.DataFrame:
    r"""Read the WFDB records of a folder as a table; samples are read on demand.

    .. versionadded:: 0.1

    Parameters
    ----------
    folder : path-like
        Searched with its subfolders.
    leads : sequence of str or dict, default=STANDARD_12_LEADS
        Leads wanted, in the order wanted. They are found by name in every
        record, in any case; other signals of a record are ignored. A dict gives
        the lead of further names in the files: ``{"II": "II", "MLII": "II",
        "CM5": "x-cm5"}``, where ``x-`` begins the name of a lead that no
        standard names.
    sampling_rate : float, optional
        Hz. Records stored at another rate are resampled, lead by lead, each
        time they are read. By default all records must share one rate.
    duration : float, optional
        Seconds. Longer records are cropped at their end, shorter ones padded
        there with NaN. By default all records must be equally long.
    pattern : str, optional
        Which headers to read, as in `pathlib.Path.glob`; by default all, in
        subfolders too.
    errors : {"list", "raise"}, default="list"
        Leave out a record that cannot be read, warn once and list it, or raise.
    verify : bool, default=False
        Read all samples once, and leave out records whose samples cannot be read
        or differ from the checksums of their header.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    DataFrame
        One row per record, in the order of the paths: ``ecg`` (mV), ``record``
        (path within the folder, no suffix), then the header's comments: ``age``
        (years), ``sex`` (F, M), ``dx`` and all others they name; lines without
        a name are joined in ``comments``. Text that is no age or sex is in
        ``age_text`` and ``sex_text``. ``ecg_time`` when the header has a date
        and a time. ``attrs["broken"]`` is a list of ``{"record": ...,
        "reason": ...}``, one for every record left out.

    Raises
    ------
    RecordReadError
        When no record is found or none can be read; with ``errors="raise"``
        when any cannot.
    SamplingRateError, DurationError
        When records differ and `sampling_rate` or `duration` is not given.

    Warns
    -----
    SignalQualityWarning
        When records were left out, or state no gain. When samples are read later: when they differ
        from the checksums of their header.

    Notes
    -----
    Every signal is read at its own rate where a frame holds several of its samples;
    leads of different rates in one record are refused. A record of several segments is
    one row; where a lead has no segment it is NaN. Only files that the header
    names, in its own folder, are read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> header = "p1 1 100 200\np1.dat 16 1(0)/uV 16 0 0 0 0 ii\n# Age: 61\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "p1.hea").write_text(header)
    ...     np.full(200, 500, "<i2").tofile(Path(folder, "p1.dat"))
    ...     frame = read_wfdb_folder(folder, leads=["II"])
    ...     float(frame["ecg"].ecg.to_numpy().max())
    0.5
    >>> frame[["record", "age"]]
      record   age
    0     p1  61.0
    >>> frame["ecg"].dtype
    ecg[1x200, 100 Hz: II]
    """
    folder = Path(folder)
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise RecordReadError(
            f"read_wfdb_folder: no file matches {pattern!r} in {folder}"
            f"{'' if folder.is_dir() else ', which is not a folder'}. "
            "Give the folder that holds the .hea files."
        )
    paths = _without_segments(paths)
    names = [shown(path.relative_to(folder).with_suffix("").as_posix()) for path in paths]
    ecg, kept, headers, broken = read_wfdb_records(
        paths,
        names,
        leads=leads,
        sampling_rate=sampling_rate,
        duration=duration,
        errors=errors,
        verify=verify,
        progress=progress,
        name="read_wfdb_folder",
    )
    found = pd.DataFrame({"ecg": ecg, "record": [names[place] for place in kept]})
    frame = pd.concat([found, comments_frame(headers)], axis=1)
    frame.attrs["broken"] = broken
    return frame


def _without_segments(paths: Sequence[Path]) -> list[Path]:
    """Leave out headers of segments whose record is among the paths."""
    folders: dict[Path, list[str]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path.stem)
    parts = {
        (folder, name)
        for folder, names in folders.items()
        for name in segments_of_others(str(folder), names)
    }
    return [path for path in paths if (path.parent, path.stem) not in parts]


def read_wfdb_record(
    path: str | Path,
    *,
    leads: Leads = STANDARD_12_LEADS,
    sampling_rate: float | None = None,
    duration: float | None = None,
) -> ECGArray:
    """Read one WFDB record as an ECG column; samples are read on demand.

    .. versionadded:: 0.1

    Parameters
    ----------
    path : path-like
        The record, with or without ``.hea``.
    leads, sampling_rate, duration
        As in `read_wfdb_folder`.

    Returns
    -------
    ECGArray of length 1
        Millivolts.

    Raises
    ------
    RecordReadError
        When a file is absent, truncated or cannot be understood.
    LeadMismatchError
        When a lead is absent or occurs twice.
    UnitError
        When the unit of a lead is not a voltage.

    Examples
    --------
    >>> from ecgsk.io import read_wfdb_record
    >>> ecg = read_wfdb_record("mimic-iv-ecg/files/p1000/p10000032/s1/1")  # doctest: +SKIP
    """
    wanted, sampling_rate = check_wanted(leads, sampling_rate, duration, "read_wfdb_record")
    header = read_header(record_path(path), leads)
    rate = sampling_rate or header.layout.sampling_rate
    n_samples = round((duration or header.layout.seconds) * rate)
    return ECGArray(WFDBStorage([header], wanted, rate, n_samples))


def read_wfdb_records(
    paths: Sequence[str | Path],
    names: Sequence[str],
    *,
    leads: Leads,
    sampling_rate: float | None,
    duration: float | None,
    errors: str = "list",
    verify: bool = False,
    progress: bool = True,
    name: str,
) -> tuple[ECGArray, list[int], list[RecordHeader], list[dict[str, str]]]:
    """Read the headers of records by path, for `read_wfdb_folder` and the loaders of data sets.

    `names` are the records' names in the list of broken ones, and errors start with
    `name`. Returns the readable records in the order of `paths`, their places in `paths`,
    their headers, and ``record`` and ``reason`` for every other one.
    """
    if errors not in ("list", "raise"):
        raise ValueError(f"{name}: errors must be 'list' or 'raise', got {errors!r}.")
    wanted, sampling_rate = check_wanted(leads, sampling_rate, duration, name)
    kept, headers, broken = _read_headers(paths, names, leads, errors, verify, progress)
    if not len(paths):
        raise RecordReadError(f"{name}: its table names no record. Download it again.")
    if not headers:
        raise RecordReadError(
            f"{name}: none of {len(paths)} records can be read; the first: {broken[0]['reason']}"
        )
    if broken:
        warn(
            f"{name}: left out {len(broken)} of {len(paths)} records that cannot be read, such as "
            f"{broken[0]['record']}: {broken[0]['reason']} All are listed as broken.",
            SignalQualityWarning,
            stacklevel=3,
        )
    if uncalibrated := [header for header in headers if header.uncalibrated]:
        first = uncalibrated[0]
        warn(
            f"{name}: {len(uncalibrated)} of {len(headers)} records state no gain, such as "
            f"{shown(first.path)} in {', '.join(first.uncalibrated)}: 200 units per mV are "
            "assumed, as in WFDB. Correct their headers, or ignore their amplitudes.",
            SignalQualityWarning,
            stacklevel=3,
        )
    rate = sampling_rate or _common_rate(headers, name)
    seconds = duration or _common_duration(headers, name)
    storage = WFDBStorage(headers, wanted, rate, round(seconds * rate))
    return ECGArray(storage), kept, headers, broken


def check_wanted(
    leads: Leads, sampling_rate: float | None, duration: float | None, name: str
) -> tuple[tuple[str, ...], float | None]:
    """Return leads and sampling rate, checked, after a check of the duration."""
    if sampling_rate is not None:
        sampling_rate = check_sampling_rate(sampling_rate, name=name)
    if duration is not None and not 0 < duration < math.inf:
        raise DurationError(f"{name}: expected a duration in seconds above 0, got {duration!r}.")
    return wanted_leads(leads), sampling_rate


def _read_headers(
    paths: Sequence[str | Path],
    names: Sequence[str],
    leads: Leads,
    errors: str,
    verify: bool,
    progress: bool,
) -> tuple[list[int], list[RecordHeader], list[dict[str, str]]]:
    kept: list[int] = []
    headers: list[RecordHeader] = []
    broken: list[dict[str, str]] = []
    bar = progress_bar(paths, desc="headers", unit=" records", show=progress)
    for place, path in enumerate(bar):
        try:
            header = read_header(record_path(path), leads)
            if verify:
                _verify(header, leads)
            headers.append(header)
            kept.append(place)
        except ECGError as error:
            if errors == "raise":
                raise RecordReadError(str(error)) from error
            broken.append({"record": names[place], "reason": str(error)})
    return kept, headers, broken


def _verify(header: RecordHeader, leads: Leads) -> None:
    """Read all samples; raise where they cannot be read or differ from the checksums."""
    layout, wanted = header.layout, wanted_leads(leads)
    storage = WFDBStorage([header], wanted, layout.sampling_rate, layout.n_samples)
    samples = np.empty((len(wanted), layout.n_samples), np.float32)
    if differing := storage.read_record(0, samples):
        raise RecordReadError(
            f"record {shown(header.path)}: its samples differ from the checksums of its header in "
            f"{', '.join(differing)}. Download it again, or pass verify=False to read it."
        )


def _counts(values: Iterable[str]) -> str:
    common = Counter(values).most_common()
    more = [f"and {len(common) - _SHOWN} more"] if len(common) > _SHOWN else []
    shown = [f"{value} ({count} records)" for value, count in common[:_SHOWN]]
    return ", ".join(shown + more)


def _common_rate(headers: Sequence[RecordHeader], name: str) -> float:
    rates = [header.layout.sampling_rate for header in headers]
    if len(set(rates)) > 1:
        usual = Counter(rates).most_common(1)[0][0]
        raise SamplingRateError(
            f"{name}: expected one sampling rate, got {_counts(map(format_hertz, rates))}. "
            f"Pass sampling_rate={usual:g} to resample the others as they are read."
        )
    return rates[0]


def _common_duration(headers: Sequence[RecordHeader], name: str) -> float:
    seconds = [header.layout.seconds for header in headers]
    if len(set(seconds)) > 1:
        usual = Counter(seconds).most_common(1)[0][0]
        raise DurationError(
            f"{name}: expected records of one length, got "
            f"{_counts(f'{value:g} s' for value in seconds)}. Pass duration={usual:g} to crop "
            "longer ones and pad shorter ones with NaN."
        )
    return seconds[0]


def comments_frame(headers: Sequence[Any]) -> pd.DataFrame:
    """Return the comments of headers as a table with typed columns, one row per header."""
    frame = pd.DataFrame([header.columns for header in headers], index=range(len(headers)))
    for column in frame.columns:
        kind: Any = {"age": "float64", "sex": pd.CategoricalDtype(["F", "M"])}.get(column)
        if kind is not None:
            frame[column] = frame[column].astype(kind)
        elif column == "ecg_time":
            frame[column] = frame[column].astype("datetime64[s]")
    return frame
