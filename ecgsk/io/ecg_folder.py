"""ECG folders: a table with an ECG column as ``ecg.npy``, ``records.parquet``, ``ecg.json``."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from warnings import warn

import numpy as np
import pandas as pd

from ecgsk._files import sole_writer
from ecgsk._progress import progress_bar
from ecgsk._stored_files import seal, size_and_time
from ecgsk.exceptions import DamagedFileError, ECGError, RecordReadError, SignalQualityWarning
from ecgsk.io._store_files import (
    INGEST,
    MANIFEST,
    SAMPLES,
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
from ecgsk.signals import ECGArray, ECGStorage
from ecgsk.signals.columns import find_ecg_column
from ecgsk.signals.storage import INT16_NAN, NpyStorage

#: int16 units per mV: 1 uV resolution up to 32.767 mV, finer than any ECG recorder.
DEFAULT_GAIN = 1000.0

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

    .. versionadded:: 0.1

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
        When the folder holds a cohort and `overwrite` is False, another process
        writes into it, the frame reads its samples from there, ``records.parquet``
        cannot hold a column, or the disk is full or read-only.

    Warns
    -----
    SignalQualityWarning
        When samples beyond 32767 / `gain` mV were clipped.

    See Also
    --------
    read_ecg_folder : Read it back.
    ecgsk.datasets.write_cohort : The same with labels and laboratory values.

    Notes
    -----
    Samples are written in batches, so a column larger than memory will do. All
    files are written beside the old ones, which stay until the new ones are whole: a
    kill at any moment leaves one of both to `read_ecg_folder`. Other files in the
    folder are left alone. NaN is stored as -32768.

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
    manifest = _describe(frame, column, gain, extra or {})
    with (
        explained(folder, name="write_ecg_folder", mend="Choose another folder."),
        sole_writer(folder, seconds=0),
    ):
        n_clipped = _write(frame, column, folder, manifest, overwrite, progress)
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

    .. versionadded:: 0.1

    Parameters
    ----------
    folder : path-like
        Holds ``ecg.json``.
    verify : bool, default=False
        Compare the SHA-256 checksums of all files with those in ``ecg.json``. By
        default those of ``ecg.json`` itself and of the table are compared, and the
        size of the samples.

    Returns
    -------
    frame : DataFrame
        As written; its ECG column reads from ``ecg.npy``.
    extra : dict
        As written.

    Raises
    ------
    RecordReadError
        When a file is absent or of another version.
    DamagedFileError
        When a file is truncated or changed.

    Examples
    --------
    >>> from ecgsk.io import read_ecg_folder
    >>> frame, extra = read_ecg_folder("store")  # doctest: +SKIP
    """
    folder = Path(folder).resolve()
    for final in (False, True):  # a writer may replace the store meanwhile
        before = size_and_time(locate(folder, MANIFEST))
        try:
            result = _read(folder, verify)
        except ECGError as error:
            same = before == size_and_time(locate(folder, MANIFEST))
            if final or (same and isinstance(error, DamagedFileError)):
                raise
            continue
        if before == size_and_time(locate(folder, MANIFEST)):
            return result
    raise RecordReadError(f"read_ecg_folder: {folder} is being written. Read it again.")


def _read(folder: Path, verify: bool) -> tuple[pd.DataFrame, dict[str, Any]]:
    manifest = read_manifest(folder, name="read_ecg_folder")
    paths = {
        # The table is small, and its labels decide more than a sample does.
        name: check_file(folder, name, stated, verify=verify or name == TABLE, by="read_ecg_folder")
        for name, stated in manifest["files"].items()
    }
    table = _read_table(paths[TABLE], manifest["categories"])
    storage = NpyStorage(
        paths[SAMPLES],
        manifest["leads"],
        manifest["sampling_rate"],
        gain=manifest["gain"],
        checksum=manifest["files"][SAMPLES]["sha256"],
    )
    n_records, n_samples = manifest["n_records"], manifest["n_samples"]
    if not (len(table) == n_records and storage.shape[::2] == (n_records, n_samples)):
        raise DamagedFileError(
            f"read_ecg_folder: {folder / MANIFEST} states {n_records} records of {n_samples} "
            f"samples, {TABLE} has {len(table)} records and {SAMPLES} the shape {storage.shape}. "
            "Write the cohort again."
        )
    rows = np.arange(n_records)
    rows[manifest["missing_rows"]] = -1
    ecg = pd.Series(ECGArray(storage, rows), index=table.index)
    column = manifest["ecg_column"]
    table.insert(min(column["position"], table.shape[1]), column["name"], ecg)
    return table, manifest["extra"]


def _read_table(path: Path, categories: dict[str, Any]) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
        for column, stated in categories.items():
            table[column] = pd.Categorical(
                table[column], categories=stated["categories"], ordered=stated["ordered"]
            )
    # pyarrow and pandas raise errors of many classes for damaged files.
    except Exception as error:
        raise DamagedFileError(
            f"read_ecg_folder: {path} cannot be read ({type(error).__name__}: {error}). "
            "Copy it again, or write the cohort again."
        ) from error
    return table


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
    _check_free(folder, overwrite)
    # Other processes open the path, and would find the new samples there.
    if any(folder in path.parents for path in _paths_read(frame[column].array.storage)):
        raise ECGError(
            f"write_ecg_folder: the samples of this table are read from {folder}, and writing "
            "there would change them. Choose another folder."
        )


def _check_free(folder: Path, overwrite: bool) -> None:
    held = "a cohort" if has_store(folder) else "an unfinished ingest"
    if not overwrite and (has_store(folder) or os.path.exists(folder / INGEST)):
        raise ECGError(
            f"write_ecg_folder: {folder} holds {held} already. "
            "Choose another folder, or pass overwrite=True."
        )


def _paths_read(storage: ECGStorage) -> Iterator[Path]:
    yield from map(Path, storage.files())
    for part in (*getattr(storage, "parts", ()), getattr(storage, "storage", None)):
        if part is not None:
            yield from _paths_read(part)


def _describe(
    frame: pd.DataFrame, column: str, gain: float, extra: dict[str, Any]
) -> dict[str, Any]:
    """Return the manifest but for the files; raise where JSON cannot hold it."""
    ecg = frame[column].array
    assert isinstance(ecg, ECGArray)
    manifest = {
        "n_records": len(frame),
        "n_samples": ecg.n_samples,
        "sampling_rate": ecg.sampling_rate,
        "leads": list(ecg.leads),
        "gain": float(gain),
        "ecg_column": {"name": column, "position": frame.columns.get_loc(column)},
        "missing_rows": np.flatnonzero(ecg.isna()).tolist(),
        "extra": extra,
        **describe_format(frame.drop(columns=column)),
    }
    for key, value in (("extra", extra), *manifest["categories"].items()):
        try:
            seal({"value": value})
        except (TypeError, ValueError) as error:
            what = "extra=" if value is extra else f"the categories of column {key!r}"
            raise ECGError(
                f"write_ecg_folder: ecg.json cannot hold {what}: {error}. Use text or numbers, "
                "such as frame[column].astype(str)."
            ) from error
    return manifest


def describe_format(table: pd.DataFrame) -> dict[str, Any]:
    """Return what a manifest states of the samples' unit and of the table."""
    return {
        "unit": "mV",
        "missing_value": int(INT16_NAN),
        "categories": dict(_category_facts(table)),
    }


def _write(
    frame: pd.DataFrame,
    column: str,
    folder: Path,
    manifest: dict[str, Any],
    overwrite: bool,
    progress: bool,
) -> int:
    """Write and publish all files; return the number of clipped samples."""
    new = new_store(folder)
    settle(folder)
    _check_free(folder, overwrite)  # again, now that nobody else writes
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        # The table first, as Parquet may refuse a column.
        write_table(frame.drop(columns=column), new / TABLE, name="write_ecg_folder")
        n_clipped = _write_samples(frame[column].array, new / SAMPLES, manifest["gain"], progress)
        publish(folder, manifest)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return n_clipped


def write_table(table: pd.DataFrame, path: Path, *, name: str) -> None:
    """Write a table as Parquet; raise where Parquet cannot hold a column."""
    table = table.copy(deep=False)
    table.attrs = {}  # Parquet stores only some
    try:
        # Without columns, only a stored index keeps the number of rows.
        table.to_parquet(path, index=True if table.columns.empty else None)
    except OSError:
        raise
    # pyarrow raises errors of many classes for columns of mixed types.
    except Exception as error:
        raise ECGError(
            f"{name}: {path.name} cannot hold the table: {' '.join(map(str, error.args))}. "
            "Give the column one type, such as frame[column].astype(str)."
        ) from error


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
