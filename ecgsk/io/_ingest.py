"""Parallel, resumable ingest of a folder of WFDB records into one ECG folder."""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ecgsk._progress import progress_bar
from ecgsk.exceptions import ECGError, RecordReadError, SignalQualityWarning
from ecgsk.io._ingest_chunk import Conversion, convert, read_batch
from ecgsk.io._ingest_journal import Journal
from ecgsk.io._ingest_transform import describe_transform, try_transform
from ecgsk.io._wfdb_header import RecordHeader, read_header
from ecgsk.io.ecg_folder import (
    DEFAULT_GAIN,
    MANIFEST,
    SAMPLES,
    publish_folder,
)
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.leads import canonical_leads

_VERSION = 2
_N_PLANNING_RECORDS = 64  # decide the usual sampling rate and duration
_N_TRIAL_RECORDS = 2  # transformed once before the ingest begins
_WORK, _PLAN, _BROKEN = ".ingest", "plan.json", "broken.csv"


def ingest_wfdb(
    folder: str | Path,
    out: str | Path,
    transform: Any = None,
    *,
    leads: Sequence[str] = STANDARD_12_LEADS,
    duration: float | None = None,
    gain: float = DEFAULT_GAIN,
    n_jobs: int | None = None,
    chunk_size: int = 512,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    r"""Convert a folder of WFDB records to ``ecg.npy``, ``records.parquet`` and ``ecg.json``.

    An ingest that was interrupted at any moment, even by SIGKILL, resumes after
    its last finished chunk and ends with the same bytes. Records that cannot be
    read are listed in ``broken.csv`` and left out.

    Parameters
    ----------
    folder : path-like
        WFDB records, also in subfolders.
    out : path-like
        Created if absent. Read it with `read_ecg_folder`.
    transform : transformer or Pipeline, optional
        Applied to every record, such as ``make_pipeline(Resample(100),
        BandpassFilter(0.5, 40))``. It may hold any transformer of an ECG column that
        learns nothing from the data, as it is fitted on every batch. By default
        signals are stored as recorded.
    leads : sequence of str, default=STANDARD_12_LEADS
        Found by name in every record, and read in this order.
    duration : float or None, default=None
        Seconds. Longer records are cropped at their end, shorter ones padded
        there with NaN. None takes the duration of most, and lists records of
        another one as broken.
    gain : float, default=1000
        int16 units per millivolt: samples are rounded to 1 / `gain` mV.
    n_jobs : int or None, default=None
        Processes, as in joblib; any joblib backend works, such as dask.
    chunk_size : int, default=512
        Records per task; a few tasks' records are in memory at once.
    overwrite : bool, default=False
        Replace a folder, or an ingest, of other settings in `out`.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    RecordReadError
        When there is no record, or none can be read.
    ECGError
        When `out` holds a folder or an ingest of other settings, such as another
        transform, and `overwrite` is False, or the transform learns from the data.

    Warns
    -----
    SignalQualityWarning
        When records were left out, or samples beyond 32767 / `gain` mV were clipped.

    Notes
    -----
    ``records.parquet`` has one row per record: ``record`` (path within `folder`),
    the comments of its header (``age``, ``sex``, ``ecg_time``, ...) and the result of
    :func:`ecgsk.signals.quality` before the transform.

    Every record is transformed at its own sampling rate. One that then has
    another rate than most is resampled to theirs.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ecgsk.io import ingest_wfdb, read_ecg_folder
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = Path(place, "p1.hea").write_text("p1 1 100 1000\np1.dat 16 200 16 0 0 0 0 II\n")
    ...     np.tile(np.arange(100, dtype="<i2"), 10).tofile(Path(place, "p1.dat"))
    ...     out = ingest_wfdb(place, Path(place, "out"), leads=["II"], progress=False)
    ...     frame, _ = read_ecg_folder(out, verify=True)
    >>> frame["ecg"].dtype, frame["record"].tolist()
    (ecg[1x1000, 100 Hz: II], ['p1'])
    """
    folder, out = Path(folder).resolve(), Path(out).resolve()
    names = find_records(folder, aside=out)
    settings = _settings(folder, names, transform, leads, duration, gain, chunk_size)
    if _is_done(out, settings, overwrite):
        return out
    work = out / _WORK
    if (work / _PLAN).exists() and (out / SAMPLES).exists() and not (out / MANIFEST).exists():
        os.replace(out / SAMPLES, out / f".{SAMPLES}")  # killed while files were renamed
    conversion = _resume_or_begin(out, folder, names, settings, transform, overwrite)
    chunks = [names[i : i + chunk_size] for i in range(0, len(names), chunk_size)]
    journal = Journal(out / f".{SAMPLES}", work, conversion)
    tasks = (delayed(convert)(folder, chunk, conversion) for chunk in chunks[journal.n_chunks :])
    bar = progress_bar(
        total=len(names),
        initial=sum(map(len, chunks[: journal.n_chunks])),
        desc="records",
        unit=" records",
        show=progress,
    )
    with bar:
        for chunk in Parallel(n_jobs=n_jobs, return_as="generator")(tasks):
            bar.update(len(chunks[journal.n_chunks]))
            journal.add(chunk)
    _finish(out, journal, settings)
    shutil.rmtree(work)
    return out


def find_records(folder: Path, *, aside: Path | None = None) -> list[str]:
    """Return the sorted paths, without suffix, of all WFDB headers in a folder but in `aside`."""
    names = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) != aside]
        inside = Path(place).relative_to(folder)
        names += [(inside / name[:-4]).as_posix() for name in files if name.endswith(".hea")]
    if not names:
        raise RecordReadError(
            f"ingest_wfdb: no .hea file in {folder}"
            f"{'' if folder.is_dir() else ', which is not a folder'}. "
            "Give the folder that holds the WFDB records."
        )
    return sorted(names)


def _settings(
    folder: Path,
    names: list[str],
    transform: Any,
    leads: Sequence[str],
    duration: float | None,
    gain: float,
    chunk_size: int,
) -> dict[str, Any]:
    """Check the parameters and return those that decide the result, as JSON stores them."""
    for name, value in (("duration", duration), ("gain", gain), ("chunk_size", chunk_size)):
        if value is not None and not value > 0:
            raise ECGError(f"ingest_wfdb: expected {name} above 0, got {value!r}.")
    return {
        "version": _VERSION,
        "source": str(folder),
        "n_found": len(names),
        "found_sha256": hashlib.sha256("\n".join(names).encode()).hexdigest(),
        "transform": describe_transform(transform),
        "leads": list(canonical_leads(leads)),
        "duration": duration,
        "gain": float(gain),
        "chunk_size": int(chunk_size),
    }


def _is_done(out: Path, settings: dict[str, Any], overwrite: bool) -> bool:
    """Return whether `out` holds this ingest, finished; raise if it holds another folder."""
    if not (out / MANIFEST).exists():
        return False
    try:
        made = json.loads((out / MANIFEST).read_text("utf-8"))["extra"]["ingest"]
    except (ValueError, LookupError, TypeError):
        made = None
    if made == settings:
        shutil.rmtree(out / _WORK, ignore_errors=True)
        return True
    if not overwrite:
        raise ECGError(
            f"ingest_wfdb: {out} already holds an ECG folder, made "
            f"{_describe_difference(made, settings)}. Choose another folder, or pass "
            "overwrite=True."
        )
    return False


def _resume_or_begin(
    out: Path,
    folder: Path,
    names: list[str],
    settings: dict[str, Any],
    transform: Any,
    overwrite: bool,
) -> Conversion:
    """Return the conversion of the unfinished ingest in `out`, or begin one."""
    plan = out / _WORK / _PLAN
    if plan.exists():
        stated = json.loads(plan.read_text("utf-8"))
        if stated["settings"] == settings:
            return _conversion(settings, transform, stated["found"])
        if not overwrite:
            raise ECGError(
                f"ingest_wfdb: {out} holds an unfinished ingest, begun "
                f"{_describe_difference(stated['settings'], settings)}. Start it with the "
                "same settings, or pass overwrite=True to begin again."
            )
    shutil.rmtree(out / _WORK, ignore_errors=True)
    (out / f".{SAMPLES}").unlink(missing_ok=True)
    found = _plan(folder, names, settings, transform)
    plan.parent.mkdir(parents=True)
    # Renamed when complete.
    text = json.dumps({"settings": settings, "found": found})
    plan.with_suffix(".part").write_text(text, "utf-8")
    os.replace(plan.with_suffix(".part"), plan)
    return _conversion(settings, transform, found)


def _describe_difference(made: dict[str, Any] | None, settings: dict[str, Any]) -> str:
    if not isinstance(made, dict):
        return "by something other than an ingest"
    other = [key for key in settings if made.get(key) != settings[key]]
    words = [f"{key}={made.get(key)!r} and not {settings[key]!r}" for key in other[:3]]
    return "with " + "; ".join(words)


def _plan(
    folder: Path, names: list[str], settings: dict[str, Any], transform: Any
) -> dict[str, Any]:
    """Find the duration to read, and the leads, rate and length written, from some records."""
    leads = tuple(settings["leads"])
    headers = list(_readable(folder, names, leads))
    rate = _most_common(header.layout.sampling_rate for header in headers)
    duration = settings["duration"] or _most_common(header.layout.seconds for header in headers)
    n_samples = round(duration * rate)
    if transform is not None:
        usual = [header for header in headers if header.layout.sampling_rate == rate]
        signals = _trial_signals(usual, leads, duration)
        transformed, leads, rate = try_transform(transform, signals, leads, rate)
        n_samples = transformed.shape[2]
    return {
        "duration": duration,
        "leads_out": leads,
        "sampling_rate_out": rate,
        "n_samples_out": n_samples,
    }


def _conversion(settings: dict[str, Any], transform: Any, found: dict[str, Any]) -> Conversion:
    return Conversion(
        leads=tuple(settings["leads"]),
        crop=settings["duration"] is not None,
        transform=transform,
        gain=settings["gain"],
        **found | {"leads_out": tuple(found["leads_out"])},  # JSON has no tuples
    )


def _trial_signals(
    headers: list[RecordHeader], leads: tuple[str, ...], duration: float
) -> np.ndarray:
    """Read the first records that can be read."""
    reasons: dict[int, str] = {}
    parts: list[np.ndarray] = []
    for header in headers:
        if len(parts) < _N_TRIAL_RECORDS:
            kept, signals = read_batch([(0, header)], leads, duration, reasons)
            parts += [signals] * len(kept)
    if not parts:
        raise RecordReadError(
            f"ingest_wfdb: none of the first {len(headers)} records can be read; {reasons[0]}"
        )
    return np.concatenate(parts)


def _readable(folder: Path, names: list[str], leads: tuple[str, ...]) -> Iterator[RecordHeader]:
    n_found, reason = 0, ""
    for name in names:
        if n_found == _N_PLANNING_RECORDS:
            return
        try:
            yield read_header(folder / name, leads)
            n_found += 1
        except ECGError as error:
            reason = reason or str(error)
    if not n_found:
        raise RecordReadError(
            f"ingest_wfdb: none of {len(names)} records can be read; the first: {reason}"
        )


def _most_common(values: Iterable[float]) -> float:
    return Counter(values).most_common(1)[0][0]


def _finish(out: Path, journal: Journal, settings: dict[str, Any]) -> None:
    """Join the chunks, rename the files to their final names and warn of what was left out."""
    conversion, n_broken = journal.conversion, len(journal.broken)
    if not journal.n_records:
        raise RecordReadError(
            f"ingest_wfdb: none of {n_broken} records can be read; the first: "
            f"{journal.broken[0]['reason']}"
        )
    journal.close()
    broken = pd.DataFrame(journal.broken, columns=["record", "reason"])
    broken.to_csv(out / f".{_BROKEN}", index=False)
    manifest = {
        "n_records": journal.n_records,
        "n_samples": conversion.n_samples_out,
        "sampling_rate": conversion.sampling_rate_out,
        "leads": list(conversion.leads_out),
        "gain": conversion.gain,
        "ecg_column": {"name": "ecg", "position": 0},
        "missing_rows": [],
        "extra": {"ingest": settings},
    }
    publish_folder(out, journal.table(), manifest, others=[_BROKEN])
    if n_broken:
        warn(
            f"ingest_wfdb: left out {n_broken} of {journal.n_records + n_broken} records, such as "
            f"{journal.broken[0]['record']}: {journal.broken[0]['reason']} "
            f"{out / _BROKEN} lists all.",
            SignalQualityWarning,
            stacklevel=3,
        )
    if journal.n_clipped:
        warn(
            f"ingest_wfdb: {journal.n_clipped} samples beyond {32767 / conversion.gain:g} mV were "
            "clipped. Use a smaller gain= for larger amplitudes.",
            SignalQualityWarning,
            stacklevel=3,
        )
