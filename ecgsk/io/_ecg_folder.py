"""A table with an ECG column as plain files: ``ecg.npy``, ``records.parquet``, ``ecg.json``."""

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
from ecgsk.signals import INT16_NAN, ECGArray, ECGStorage, NpyStorage, find_ecg_column

FORMAT = "ecgsk cohort folder"
VERSION = 1
#: ADC units per mV: 1 uV resolution up to 32.767 mV, finer than any ECG recorder.
DEFAULT_GAIN = 1000.0

SAMPLES, _TABLE, MANIFEST = "ecg.npy", "records.parquet", "ecg.json"
_LARGEST = np.iinfo(np.int16).max
_BATCH = 128  # records in memory at once


def write_ecg_folder(
    frame: pd.DataFrame,
    folder: str | Path,
    *,
    gain: float = DEFAULT_GAIN,
    overwrite: bool = False,
    extra: dict[str, Any] | None = None,
    progress: bool = True,
) -> Path:
    """Write a table with one ECG column as files that NumPy and pandas read without us.

    Parameters
    ----------
    frame : DataFrame
        One ECG column; the other columns must suit parquet. The index is kept.
    folder : path-like
        Made if absent.
    gain : float, default=1000
        int16 units per millivolt: samples are rounded to 1 / `gain` mV.
    overwrite : bool, default=False
        Replace a cohort that lies in the folder.
    extra : dict, optional
        Put under ``"extra"`` in ``ecg.json``; must suit JSON.
    progress : bool, default=True
        Show a progress bar on a terminal.

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
    Samples are written in batches, to temporary names; ``ecg.json`` comes last,
    so a folder that has it is whole. NaN is stored as -32768.

    See Also
    --------
    read_ecg_folder : Read it back.
    ecgsk.datasets.write_cohort : The same with labels and laboratory values.
    """
    folder = Path(folder).resolve()
    column = find_ecg_column(frame, name="write_ecg_folder")
    _check_writable(frame, column, folder, gain, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    ecg = frame[column].array
    assert isinstance(ecg, ECGArray)
    table = frame.drop(columns=column)
    # attrs are notes of whoever made the frame, and parquet takes only some.
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
            f"write_ecg_folder: {n_clipped} samples beyond {_LARGEST / gain:g} mV were clipped; "
            "a smaller gain= holds larger amplitudes. Are the samples millivolts?",
            SignalQualityWarning,
            stacklevel=2,
        )
    return folder


def read_ecg_folder(
    folder: str | Path, *, verify: bool = False
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read what `write_ecg_folder` wrote; the samples stay on disk, memory-mapped.

    Parameters
    ----------
    folder : path-like
        Where ``ecg.json`` lies.
    verify : bool, default=False
        Compare the SHA-256 sums of the files with those written down. Without
        it, their sizes alone are compared.

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
            f"{len(table)} and {SAMPLES} {len(storage)}. Write the cohort anew."
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
    # Views over the old file would silently show the new samples.
    if folder / SAMPLES in _npy_paths(frame[column].array.storage):
        raise ECGError(
            f"write_ecg_folder: the samples of this table are read from {folder}; writing there "
            "would change them under it. Choose another folder."
        )


def _npy_paths(storage: ECGStorage) -> Iterator[Path]:
    if isinstance(storage, NpyStorage):
        yield storage.path
    for part in (*getattr(storage, "parts", ()), getattr(storage, "storage", None)):
        if part is not None:
            yield from _npy_paths(part)


def _write_samples(ecg: ECGArray, path: Path, gain: float, progress: bool) -> int:
    """Write int16 samples batch by batch; the number of samples that had to be clipped."""
    shape = (len(ecg), len(ecg.leads), ecg.n_samples)
    n_clipped = 0
    bar = progress_bar(total=len(ecg), desc="records", unit=" records", show=progress)
    with path.open("wb") as file, bar:
        write_samples_header(file, shape)
        for start in range(0, len(ecg), _BATCH):
            samples, n_beyond = to_int16(ecg[start : start + _BATCH].read(), gain)
            n_clipped += n_beyond
            file.write(samples.tobytes())
            bar.update(len(samples))
    return n_clipped


def write_samples_header(file: IO[bytes], shape: tuple[int, ...]) -> None:
    """Write the beginning of ``ecg.npy``, as long for any number of records."""
    header = {"descr": "<i2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def to_int16(signals: np.ndarray, gain: float) -> tuple[np.ndarray, int]:
    """Round millivolts to int16 units, NaN to -32768; return the number of clipped samples too.

    The signals are changed.
    """
    scaled = np.multiply(signals, np.float32(gain), out=signals)
    np.rint(scaled, out=scaled)
    if not scaled.size or (scaled.min() >= -_LARGEST and scaled.max() <= _LARGEST):
        return scaled.astype("<i2"), 0
    missing = np.isnan(scaled)
    n_clipped = int((np.abs(scaled) > _LARGEST).sum())
    np.clip(scaled, -_LARGEST, _LARGEST, out=scaled)
    scaled[missing] = INT16_NAN
    return scaled.astype("<i2"), n_clipped


def _categories(table: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Categories, which parquet keeps only for some types and when in use."""
    for name, column in table.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            stated = column.cat.categories.tolist()
            yield str(name), {"categories": stated, "ordered": bool(column.cat.ordered)}


def _describe(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def publish_folder(
    folder: Path, table: pd.DataFrame, manifest: dict[str, Any], others: Sequence[str] = ()
) -> None:
    """Write table and manifest, and give the files their names.

    The manifest comes last: a folder that has one is whole.

    Parameters
    ----------
    folder : Path
        Holds the samples, and the other files, under their names behind a dot.
    table : DataFrame
        All columns but the ECGs.
    manifest : dict
        Beside what is the same for every folder.
    others : sequence of str
        Names of further files.
    """
    # Without any column, only a stored index keeps the number of rows.
    table.to_parquet(folder / f".{_TABLE}", index=True if table.columns.empty else None)
    names = [SAMPLES, _TABLE, *others]
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        **manifest,
        "unit": "mV",
        "missing_value": int(INT16_NAN),
        "categories": dict(_categories(table)),
        "files": {name: _describe(folder / f".{name}") for name in names},
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
            f"read_ecg_folder: there is no {path}. Give a folder that write_cohort finished; "
            "one that was interrupted must be written again."
        ) from error
    except ValueError as error:
        raise RecordReadError(
            f"read_ecg_folder: {path} is not JSON: {error}. Write the cohort anew."
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
            f"read_ecg_folder: {path} should have {stated['bytes']} bytes and has {size}: it was "
            "changed or cut short. Copy it again, or write the cohort anew."
        )
    if verify and _sha256(path) != stated["sha256"]:
        raise RecordReadError(
            f"read_ecg_folder: the SHA-256 sum of {path} is not the one written down: its content "
            "was changed or damaged. Copy it again, or write the cohort anew."
        )
