"""ECG folders: a table with an ECG column as ``ecg.npy``, ``records.parquet``, ``ecg.json``."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from warnings import warn

import numpy as np
import pandas as pd

from ecgsk._progress import progress_bar
from ecgsk.exceptions import ECGError, RecordReadError, SignalQualityWarning
from ecgsk.signals import ECGArray, ECGStorage
from ecgsk.signals.columns import find_ecg_column
from ecgsk.signals.storage import INT16_NAN, NpyStorage

FORMAT = "ecgsk cohort folder"
VERSION = 1
#: int16 units per mV: 1 uV resolution up to 32.767 mV, finer than any ECG recorder.
DEFAULT_GAIN = 1000.0

SAMPLES, _TABLE, MANIFEST = "ecg.npy", "records.parquet", "ecg.json"
_MAX_INT16 = np.iinfo(np.int16).max
_RECORDS_PER_BATCH = 128


def write_ecg_folder(
    frame: pd.DataFrame,
    folder: str | Path,
    *,
    gain: float = DEFAULT_GAIN,
    overwrite: bool = False,
    extra: dict[str, Any] | None = None,
    progress: bool = True,
) -> Path:
    """Write a table with one ECG column as files that NumPy and pandas read without ecgsk.

    Parameters
    ----------
    frame : DataFrame
        One ECG column; Parquet must be able to store the others. The index is kept.
    folder : path-like
        Created if absent.
    gain : float, default=1000
        int16 units per millivolt: samples are rounded to 1 / `gain` mV.
    overwrite : bool, default=False
        Replace the cohort in the folder.
    extra : dict, optional
        Stored under ``"extra"`` in ``ecg.json``; must be JSON-serialisable.
    progress : bool, default=True
        Show a progress bar, or lines in a log.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ECGError
        When the folder holds a cohort and `overwrite` is False, the frame reads
        its samples from there, or a column's name is not a string.

    Warns
    -----
    SignalQualityWarning
        When samples beyond 32767 / `gain` mV were clipped.

    Notes
    -----
    Samples are written in batches, so a column larger than memory will do, and
    to temporary names. ``ecg.json`` comes last: a folder that has it is complete.
    NaN is stored as -32768.

    See Also
    --------
    read_ecg_folder : Read it back.
    ecgsk.datasets.write_cohort : The same with labels and laboratory values.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.io import read_ecg_folder, write_ecg_folder
    >>> frame = make_clinical_ecg(n_subjects=3, random_state=0).X
    >>> with TemporaryDirectory() as folder:
    ...     written = write_ecg_folder(frame, folder, progress=False)
    ...     sorted(path.name for path in written.iterdir())
    ['ecg.json', 'ecg.npy', 'records.parquet']
    """
    folder = Path(folder).resolve()
    column = find_ecg_column(frame, name="write_ecg_folder")
    _check_writable(frame, column, folder, gain, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    ecg = frame[column].array
    assert isinstance(ecg, ECGArray)
    table = frame.drop(columns=column)
    # Parquet stores only some attrs.
    table.attrs = {}
    n_clipped = _write_samples(ecg, folder / f".{SAMPLES}", gain, progress)
    manifest = {
        "n_records": len(frame),
        "n_samples": ecg.n_samples,
        "sampling_rate": ecg.sampling_rate,
        "leads": list(ecg.leads),
        "gain": float(gain),
        "ecg_column": {"name": column, "position": frame.columns.get_loc(column)},
        "missing_rows": np.flatnonzero(ecg.isna()).tolist(),
        "extra": extra or {},
    }
    publish_folder(folder, table, manifest)
    if n_clipped:
        warn(
            f"write_ecg_folder: {n_clipped} samples beyond {_MAX_INT16 / gain:g} mV were clipped. "
            "Check that the samples are millivolts, or use a smaller gain=.",
            SignalQualityWarning,
            stacklevel=2,
        )
    return folder


def read_ecg_folder(
    folder: str | Path, *, verify: bool = False
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a folder that `write_ecg_folder` wrote; samples stay on disk, memory-mapped.

    Parameters
    ----------
    folder : path-like
        Holds ``ecg.json``.
    verify : bool, default=False
        Compare the SHA-256 checksums of the files with those in ``ecg.json``. By
        default only their sizes are compared.

    Returns
    -------
    frame : DataFrame
        As written; its ECG column reads from ``ecg.npy``.
    extra : dict
        As written.

    Raises
    ------
    RecordReadError
        When a file is absent, changed, or of another version.

    Examples
    --------
    >>> from ecgsk.io import read_ecg_folder
    >>> frame, extra = read_ecg_folder("store")  # doctest: +SKIP
    """
    folder = Path(folder).resolve()
    manifest = _read_manifest(folder)
    for name, stated in manifest["files"].items():
        _check_file(folder / name, stated, verify)
    table = pd.read_parquet(folder / _TABLE)
    n_records, name = manifest["n_records"], manifest["ecg_column"]["name"]
    storage = NpyStorage(
        folder / SAMPLES, manifest["leads"], manifest["sampling_rate"], gain=manifest["gain"]
    )
    if not len(table) == len(storage) == n_records:
        raise RecordReadError(
            f"read_ecg_folder: {folder / MANIFEST} states {n_records} records, {_TABLE} has "
            f"{len(table)} and {SAMPLES} {len(storage)}. Write the cohort again."
        )
    for column, stated in manifest["categories"].items():
        table[column] = pd.Categorical(
            table[column], categories=stated["categories"], ordered=stated["ordered"]
        )
    rows = np.arange(n_records)
    rows[manifest["missing_rows"]] = -1
    ecg = pd.Series(ECGArray(storage, rows), index=table.index)
    table.insert(manifest["ecg_column"]["position"], name, ecg)
    return table, manifest["extra"]


def _check_writable(
    frame: pd.DataFrame, column: Any, folder: Path, gain: float, overwrite: bool
) -> None:
    if column is None:
        raise ECGError(
            "write_ecg_folder: expected a DataFrame with an ECG column, got columns "
            f"{list(frame.columns)}. Make one with ECGArray.from_numpy(...)."
        )
    if odd := [name for name in frame.columns if not isinstance(name, str)]:
        raise ECGError(
            f"write_ecg_folder: column names must be strings, got {odd[0]!r}. "
            "Rename with frame.rename(columns=str)."
        )
    if not (np.isfinite(gain) and gain > 0):
        raise ECGError(f"write_ecg_folder: expected a positive gain, got {gain!r}.")
    if (folder / MANIFEST).exists() and not overwrite:
        raise ECGError(
            f"write_ecg_folder: {folder} holds a cohort already. "
            "Choose another folder, or pass overwrite=True."
        )
    # Views of the old file would show the new samples.
    if folder / SAMPLES in _paths_read(frame[column].array.storage):
        raise ECGError(
            f"write_ecg_folder: the samples of this table are read from {folder}, and writing "
            "there would change them. Choose another folder."
        )


def _paths_read(storage: ECGStorage) -> Iterator[Path]:
    if isinstance(storage, NpyStorage):
        yield storage.path
    for part in (*getattr(storage, "parts", ()), getattr(storage, "storage", None)):
        if part is not None:
            yield from _paths_read(part)


def _write_samples(ecg: ECGArray, path: Path, gain: float, progress: bool) -> int:
    """Write int16 samples in batches; return the number of clipped samples."""
    shape = (len(ecg), len(ecg.leads), ecg.n_samples)
    n_clipped = 0
    bar = progress_bar(total=len(ecg), desc="records", unit=" records", show=progress)
    with path.open("wb") as file, bar:
        write_samples_header(file, shape)
        for start in range(0, len(ecg), _RECORDS_PER_BATCH):
            samples, n_beyond = to_int16(ecg[start : start + _RECORDS_PER_BATCH].read(), gain)
            n_clipped += n_beyond
            file.write(samples.tobytes())
            bar.update(len(samples))
    return n_clipped


def write_samples_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the header of ``ecg.npy``, whose length is the same for any number of records."""
    header = {"descr": "<i2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def to_int16(signals: np.ndarray, gain: float) -> tuple[np.ndarray, int]:
    """Round millivolts to int16, NaN to -32768, and count clipped samples; overwrites `signals`."""
    scaled = np.multiply(signals, np.float32(gain), out=signals)
    np.rint(scaled, out=scaled)
    if not scaled.size or (scaled.min() >= -_MAX_INT16 and scaled.max() <= _MAX_INT16):
        return scaled.astype("<i2"), 0
    missing = np.isnan(scaled)
    n_clipped = int((np.abs(scaled) > _MAX_INT16).sum())
    np.clip(scaled, -_MAX_INT16, _MAX_INT16, out=scaled)
    scaled[missing] = INT16_NAN
    return scaled.astype("<i2"), n_clipped


def _category_facts(table: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the categories of each column: Parquet keeps only some types, and those in use."""
    for name, column in table.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            stated = column.cat.categories.tolist()
            yield str(name), {"categories": stated, "ordered": bool(column.cat.ordered)}


def _size_and_checksum(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def publish_folder(
    folder: Path, table: pd.DataFrame, manifest: dict[str, Any], others: Sequence[str] = ()
) -> None:
    """Write table and manifest, and rename the files to their final names.

    `folder` holds the samples and the `others`, each name preceded by a dot. The
    manifest comes last: a folder that has one is complete.
    """
    # Without columns, only a stored index keeps the number of rows.
    table.to_parquet(folder / f".{_TABLE}", index=True if table.columns.empty else None)
    names = [SAMPLES, _TABLE, *others]
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        **manifest,
        "unit": "mV",
        "missing_value": int(INT16_NAN),
        "categories": dict(_category_facts(table)),
        "files": {name: _size_and_checksum(folder / f".{name}") for name in names},
    }
    (folder / f".{MANIFEST}").write_text(
        json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        encoding="utf-8",
    )
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in (*names, MANIFEST):
        os.replace(folder / f".{name}", folder / name)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecordReadError(
            f"read_ecg_folder: there is no {path}. Give a folder that write_ecg_folder, "
            "write_cohort or ingest_wfdb finished; write an interrupted one again."
        ) from error
    except ValueError as error:
        raise RecordReadError(
            f"read_ecg_folder: {path} is not JSON: {error}. Write the cohort again."
        ) from error
    found = (manifest.get("format"), manifest.get("version"))
    if found != (FORMAT, VERSION):
        raise RecordReadError(
            f"read_ecg_folder: expected format {FORMAT!r} version {VERSION} in {path}, got "
            f"{found[0]!r} version {found[1]}. Read it with the ecgsk that wrote it."
        )
    return manifest


def _check_file(path: Path, stated: dict[str, Any], verify: bool) -> None:
    if not path.is_file():
        raise RecordReadError(f"read_ecg_folder: {path} is absent. Copy the whole folder.")
    if (size := path.stat().st_size) != stated["bytes"]:
        raise RecordReadError(
            f"read_ecg_folder: expected {path} of {stated['bytes']} bytes, got {size}: it was "
            "changed or truncated. Copy it again, or write the cohort again."
        )
    if verify and _sha256(path) != stated["sha256"]:
        raise RecordReadError(
            f"read_ecg_folder: the SHA-256 checksum of {path} is not that in {MANIFEST}: it was "
            "changed or damaged. Copy it again, or write the cohort again."
        )
