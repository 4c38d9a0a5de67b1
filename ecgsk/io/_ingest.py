"""Parallel, resumable ingest of a folder of recordings into one ECG folder."""

import hashlib
import json
import logging
import math
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ecgsk._files import sole_writer
from ecgsk._progress import progress_bar
from ecgsk._safe_text import write_csv, write_text
from ecgsk._stored_files import seal, size_and_time, unseal
from ecgsk.exceptions import (
    DamagedFileError,
    ECGError,
    RecordReadError,
    SignalQualityWarning,
)
from ecgsk.io._ingest_chunk import Conversion, convert, read_batch
from ecgsk.io._ingest_journal import Journal
from ecgsk.io._ingest_transform import describe_transform, try_transform
from ecgsk.io._open_record import Header, open_header, open_storage
from ecgsk.io._record_state import source_stamp
from ecgsk.io._search import find_records
from ecgsk.io._store_files import (
    BROKEN,
    INGEST,
    MANIFEST,
    SAMPLES,
    SOURCES,
    TABLE,
    check_file,
    explained,
    has_store,
    locate,
    new_store,
    publish,
    read_manifest,
    settle,
)
from ecgsk.io._wfdb_header import Leads, shown, wanted_leads
from ecgsk.io.ecg_folder import DEFAULT_GAIN, describe_format, write_table
from ecgsk.io.formats.recording import Declared, check_declared
from ecgsk.signals import STANDARD_12_LEADS

_VERSION = 4
_N_PLANNING_RECORDS = 64  # decide the usual sampling rate and duration
_N_TRIAL_RECORDS = 2  # transformed once before the ingest begins
_PLAN = "plan.json"
_logger = logging.getLogger("ecgsk")


def ingest(
    folder: str | Path,
    out: str | Path,
    transform: Any = None,
    *,
    leads: Leads | None = None,
    duration: float | None = None,
    sampling_rate: float | None = None,
    unit: str | None = None,
    gain: float = DEFAULT_GAIN,
    n_jobs: int | None = None,
    chunk_size: int = 512,
    overwrite: bool = False,
    progress: bool = True,
) -> Path:
    r"""Convert a folder of recordings to ``ecg.npy``, ``records.parquet`` and ``ecg.json``.

    An ingest that was interrupted at any moment, even by SIGKILL, resumes after
    its last finished chunk and ends with the same bytes. Records that cannot be
    read are listed in ``broken.csv`` and left out. Called again, it compares the
    records with those that it read: it returns at once where nothing has changed,
    and otherwise logs what has and makes the store anew.

    .. versionadded:: 0.1

    Parameters
    ----------
    folder : path-like
        WFDB records and files of all formats that `read_ecg` reads, also in subfolders.
        CSV, NumPy and MATLAB files are read where there are no others.
    out : path-like
        Created if absent. Read it with `read_ecg_folder`.
    transform : transformer or Pipeline, optional
        Applied to every record, such as ``make_pipeline(Resample(100),
        BandpassFilter(0.5, 40))``. It may hold any transformer of an ECG column that
        learns nothing from the data, as it is fitted on every batch. By default
        signals are stored as recorded.
    leads : sequence of str or dict, optional
        Found by name in every record, and read in this order; a dict gives the
        lead of further names in the files, as in `read_wfdb_folder`. By default the
        standard twelve. In files that name no leads, they are the names of all.
    duration : float or None, default=None
        Seconds. Longer records are cropped at their end, shorter ones padded
        there with NaN. None takes the duration of most, and lists records of
        another one as broken.
    sampling_rate, unit : float and str, optional
        Of files that do not state them, as in `read_ecg`; others keep their own.
        `transform` resamples.
    gain : float, default=1000
        int16 units per millivolt: samples are rounded to 1 / `gain` mV.
    n_jobs : int or None, default=None
        Processes, as in joblib; any joblib backend works, such as dask.
    chunk_size : int, default=512
        Records per task; a few tasks' records are in memory at once.
    overwrite : bool, default=False
        Read all records again, and replace what `out` holds: also a store, or an
        unfinished ingest, of other settings. The old store stays until the new one
        is whole.
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
        transform, or of records that are gone, and `overwrite` is False; when another
        process writes into `out`, the disk is full or read-only, or the transform
        learns from the data.
    DamagedFileError
        When `out` holds a damaged store and `overwrite` is False.

    Warns
    -----
    SignalQualityWarning
        When records were left out or differ from the checksums of their headers, or
        samples beyond 32767 / `gain` mV were clipped.

    Notes
    -----
    ``records.parquet`` has one row per record: ``record`` (path within `folder`, of WFDB
    records without suffix), what the file states (``age``, ``sex``, ``ecg_time``, ...),
    doubts about it in ``note``, the result of :func:`ecgsk.signals.quality` before the
    transform, and ``checksum_differs``: the leads whose samples differ from the checksums
    of a WFDB header.

    ``sources.parquet`` has the state of every record's files: a digest of the header,
    and of name, size and time of change of the signal files. Comparing them takes about
    60 us a record on a local disk.

    Every record is transformed at its own sampling rate. One that then has
    another rate than most is resampled to theirs.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from ecgsk.io import ingest, read_ecg_folder
    >>> with tempfile.TemporaryDirectory() as place:
    ...     _ = Path(place, "p1.hea").write_text("p1 1 100 1000\np1.dat 16 200 16 0 0 0 0 II\n")
    ...     np.tile(np.arange(100, dtype="<i2"), 10).tofile(Path(place, "p1.dat"))
    ...     out = ingest(place, Path(place, "out"), leads=["II"], progress=False)
    ...     frame, _ = read_ecg_folder(out, verify=True)
    >>> frame["ecg"].dtype, frame["record"].tolist()
    (ecg[1x1000, 100 Hz: II], ['p1'])
    """
    folder, out = Path(folder).resolve(), Path(out).resolve()
    _check_jobs(n_jobs)
    names = find_records(folder, aside=out, name="ingest")
    declared = check_declared(leads, sampling_rate, unit, name="ingest")
    settings = _settings(folder, transform, leads, declared, duration, gain, chunk_size)
    seen = size_and_time(locate(out, MANIFEST))
    if not overwrite and _is_current(out, folder, names, settings):
        return out
    found = _plan(folder, names, settings, transform)
    mend = "Free some space or choose another folder, and start again: finished chunks are kept."
    with explained(out, name="ingest", mend=mend), sole_writer(out, seconds=0):
        settle(out)
        # Another process may have finished it meanwhile.
        changed = seen != size_and_time(locate(out, MANIFEST))
        if not overwrite and changed and _is_current(out, folder, names, settings):
            return out
        conversion = _resume_or_begin(out, settings, found, transform, overwrite)
        chunks = [names[i : i + chunk_size] for i in range(0, len(names), chunk_size)]
        journal = Journal(new_store(out) / SAMPLES, out / INGEST, conversion, folder, chunks)
        _convert_chunks(folder, journal, n_jobs, progress)
        _finish(out, journal, settings)
    _warn_of_losses(out, journal)
    return out


def _convert_chunks(folder: Path, journal: Journal, n_jobs: int | None, progress: bool) -> None:
    chunks, n_done = journal.chunks, journal.n_chunks
    tasks = (delayed(convert)(folder, chunk, journal.conversion) for chunk in chunks[n_done:])
    bar = progress_bar(
        total=sum(map(len, chunks)),
        initial=sum(map(len, chunks[:n_done])),
        desc="records",
        unit=" records",
        show=progress,
    )
    try:
        with bar:
            for chunk in Parallel(n_jobs=n_jobs, return_as="generator")(tasks):
                bar.update(len(chunks[journal.n_chunks]))
                journal.add(chunk)
    except BrokenProcessPool as error:
        raise ECGError(
            "ingest: a worker process was killed, probably because memory ran out. Start "
            "again with a smaller n_jobs or chunk_size: finished chunks are kept if chunk_size "
            "is the same."
        ) from error


def _check_jobs(n_jobs: int | None) -> None:
    if n_jobs is not None and (n_jobs == 0 or n_jobs != int(n_jobs)):
        raise ECGError(
            f"ingest: expected n_jobs to be a number of processes, got {n_jobs!r}. "
            "Pass 1 for this process alone, or -1 for one on every core."
        )


def _settings(
    folder: Path,
    transform: Any,
    leads: Leads | None,
    declared: Declared,
    duration: float | None,
    gain: float,
    chunk_size: int,
) -> dict[str, Any]:
    """Check the parameters and return those that decide the result, as JSON stores them."""
    for name, value in (("duration", duration), ("gain", gain), ("chunk_size", chunk_size)):
        if value is not None and not 0 < value < math.inf:
            raise ECGError(f"ingest: expected {name} above 0, got {value!r}.")
    if chunk_size != int(chunk_size):
        raise ECGError(f"ingest: expected a whole number as chunk_size, got {chunk_size!r}.")
    return {
        "version": _VERSION,
        # A digest: the path may contain the user's name, and the last part is not unique.
        "source": hashlib.sha256(os.fsencode(folder)).hexdigest()[:16],
        "transform": describe_transform(transform),
        "leads": dict(leads)
        if isinstance(leads, Mapping)
        else list(wanted_leads(STANDARD_12_LEADS if leads is None else leads)),
        # JSON has no tuples: with one, no finished ingest would ever equal these settings.
        "declared": asdict(declared) | {"leads": declared.leads and list(declared.leads)},
        "duration": None if duration is None else float(duration),
        "gain": float(gain),
        "chunk_size": int(chunk_size),
    }


def _is_current(out: Path, folder: Path, names: list[str], settings: dict[str, Any]) -> bool:
    """Return whether `out` holds this ingest of these records; raise if it holds another."""
    if not has_store(out):
        return False
    try:
        manifest = read_manifest(out, name="ingest")
        made = manifest["extra"].get("ingest")
        if not isinstance(made, dict) or {**made, "n_found": None} != {**settings, "n_found": None}:
            raise ECGError(
                f"ingest: {out} already holds an ECG folder, made "
                f"{_describe_difference(made, settings)}. Choose another folder, or pass "
                "overwrite=True."
            )
        for name, stated in manifest["files"].items():
            check_file(out, name, stated, verify=name == SOURCES, by="ingest")
    except DamagedFileError as error:
        raise DamagedFileError(f"{error} Pass overwrite=True to ingest again.") from error
    return _are_unchanged(out, folder, names)


def _are_unchanged(out: Path, folder: Path, names: list[str]) -> bool:
    """Compare the records with those of the store, and log what has changed."""
    stated = pd.read_parquet(locate(out, SOURCES))
    known = dict(zip(stated["record"], stated["state"], strict=True))
    paths = {shown(name): f"{folder}/{name}" for name in names}
    removed = sorted(known.keys() - paths.keys())
    if removed:
        raise ECGError(
            f"ingest: {len(removed)} of the {len(known)} records that {out} was made of are "
            f"not in {folder}, such as {removed[0]}. Bring them back, choose another folder, or "
            "pass overwrite=True to make the store without them."
        )
    added = [name for name in paths if name not in known]
    changed = [
        name for name, path in paths.items() if known.get(name, "") not in ("", source_stamp(path))
    ]
    if added or changed:
        _logger.warning(
            "ingest: of %d records in %s, %d were added and %d have changed since %s was "
            "made, such as %s; all are read again.",
            *(len(names), folder, len(added), len(changed), out, (added + changed)[0]),
        )
    return not (added or changed)


def _resume_or_begin(
    out: Path,
    settings: dict[str, Any],
    found: dict[str, Any],
    transform: Any,
    overwrite: bool,
) -> Conversion:
    """Return the conversion of the unfinished ingest in `out`, or begin one."""
    plan, new = out / INGEST / _PLAN, new_store(out)
    stated = _read_plan(plan)
    if stated and stated["settings"] != settings and not overwrite:
        raise ECGError(
            f"ingest: {out} holds an unfinished ingest, begun "
            f"{_describe_difference(stated['settings'], settings)}. Start it with the "
            "same settings, or pass overwrite=True to begin again."
        )
    wanted = json.loads(json.dumps({"settings": settings, "found": found}))
    if stated != wanted:
        shutil.rmtree(out / INGEST, ignore_errors=True)
        shutil.rmtree(new, ignore_errors=True)
        write_text(plan, seal(wanted))
    new.mkdir(exist_ok=True)
    return _conversion(settings, transform, found)


def _read_plan(plan: Path) -> dict[str, Any] | None:
    """Return a plan; None where it is absent or damaged, and the ingest begins again."""
    try:
        return unseal(plan.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _describe_difference(made: dict[str, Any] | None, settings: dict[str, Any]) -> str:
    if not isinstance(made, dict):
        return "by something other than an ingest"
    if made.get("source") != settings["source"]:
        return "of the records of another folder"
    other = [key for key in settings if made.get(key) != settings[key]]
    words = [f"{key}={made.get(key)!r} and not {settings[key]!r}" for key in other[:3]]
    return "with " + "; ".join(words)


def _plan(
    folder: Path, names: list[str], settings: dict[str, Any], transform: Any
) -> dict[str, Any]:
    """Find the duration to read, and the leads, rate and length written, from some records."""
    leads = wanted_leads(settings["leads"])
    headers = list(_readable(folder, names, settings))
    rate = _most_common(header.sampling_rate for header in headers)
    duration = settings["duration"] or _most_common(header.seconds for header in headers)
    # Raises where the duration asks for more than a record can hold.
    n_samples = open_storage(headers[:1], leads, rate, round(duration * rate)).n_samples
    if transform is not None:
        usual = [header for header in headers if header.sampling_rate == rate]
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
        leads=wanted_leads(settings["leads"]),
        requested=settings["leads"],
        declared=_declared(settings),
        crop=settings["duration"] is not None,
        transform=transform,
        gain=settings["gain"],
        **found,
    )


def _declared(settings: dict[str, Any]) -> Declared:
    stated = settings["declared"]
    leads = None if stated["leads"] is None else tuple(stated["leads"])
    return Declared(stated["sampling_rate"], stated["unit"], leads)


def _trial_signals(headers: list[Header], leads: tuple[str, ...], duration: float) -> np.ndarray:
    """Read the first records that can be read."""
    reasons: dict[int, str] = {}
    parts: list[np.ndarray] = []
    for header in headers:
        if len(parts) < _N_TRIAL_RECORDS:
            kept, signals = read_batch([(0, header)], leads, duration, reasons)
            parts += [signals] * len(kept)
    if not parts:
        raise RecordReadError(
            f"ingest: none of the first {len(headers)} records can be read; {reasons[0]}"
        )
    return np.concatenate(parts)


def _readable(folder: Path, names: list[str], settings: dict[str, Any]) -> Iterator[Header]:
    n_found, reason = 0, ""
    declared = _declared(settings)
    for name in names:
        if n_found == _N_PLANNING_RECORDS:
            return
        try:
            header = open_header(f"{folder}/{name}", settings["leads"], declared)
        except Exception as error:  # damaged headers lead to errors of many classes
            reason = reason or str(error)
        else:
            yield header
            n_found += 1
    if not n_found:
        raise RecordReadError(
            f"ingest: none of {len(names)} records can be read; the first: {reason}"
        )


def _most_common(values: Iterable[float]) -> float:
    return Counter(values).most_common(1)[0][0]


def _finish(out: Path, journal: Journal, settings: dict[str, Any]) -> None:
    """Join the chunks and publish the store."""
    conversion, n_broken = journal.conversion, len(journal.broken)
    if not journal.n_records:
        raise RecordReadError(
            f"ingest: none of {n_broken} records can be read; the first: "
            f"{journal.broken[0]['reason']}"
        )
    journal.close()
    new = new_store(out)
    broken = pd.DataFrame(journal.broken, columns=["record", "reason"])
    write_csv(broken, new / BROKEN)
    journal.sources().to_parquet(new / SOURCES)
    table = journal.table()
    write_table(table, new / TABLE, name="ingest")
    manifest = {
        "n_records": journal.n_records,
        "n_samples": conversion.n_samples_out,
        "sampling_rate": conversion.sampling_rate_out,
        "leads": list(conversion.leads_out),
        "gain": conversion.gain,
        "ecg_column": {"name": "ecg", "position": 0},
        "missing_rows": [],
        "extra": {"ingest": settings | {"n_found": len(journal.stamps)}},
        **describe_format(table),
    }
    publish(out, manifest, others=[BROKEN, SOURCES])


def _warn_of_losses(out: Path, journal: Journal) -> None:
    if n_broken := len(journal.broken):
        warn(
            f"ingest: left out {n_broken} of {journal.n_records + n_broken} records, such as "
            f"{journal.broken[0]['record']}: {journal.broken[0]['reason']} "
            f"{out / BROKEN} lists all.",
            SignalQualityWarning,
            stacklevel=3,
        )
    if n_differing := journal.n_differing:
        warn(
            f"ingest: {n_differing} of {journal.n_records} records differ from the checksums "
            "of their headers; the column checksum_differs names their leads. Download these "
            "records again and pass overwrite=True, or drop them.",
            SignalQualityWarning,
            stacklevel=3,
        )
    if journal.n_clipped:
        warn(
            f"ingest: {journal.n_clipped} samples beyond {32767 / journal.conversion.gain:g} "
            "mV were clipped. Use a smaller gain= for larger amplitudes.",
            SignalQualityWarning,
            stacklevel=3,
        )
