"""Files of an ECG folder: written aside, published in one step, checked when they are read.

A new store is written into ``.writing`` within the folder. When it is whole, ``.writing`` is
renamed to ``.whole``: from then on it is the store that is read. Its files are then moved to
their places, the manifest last. A kill at any moment leaves the old store, or the new one.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ecgsk._files import sync
from ecgsk._stored_files import check_regular, read_sealed, seal, sha256_of
from ecgsk.exceptions import DamagedFileError, ECGError, RecordReadError
from ecgsk.signals.leads import canonical_leads
from ecgsk.signals.storage import check_gain
from ecgsk.signals.units import check_sampling_rate

FORMAT = "ecgsk cohort folder"
VERSION = 2

SAMPLES, TABLE, MANIFEST = "ecg.npy", "records.parquet", "ecg.json"
#: Records left out of an ingest, and the state of the files that it read.
BROKEN, SOURCES = "broken.csv", "sources.parquet"
#: Journal of an unfinished ingest.
INGEST = ".ingest"
_WRITING, _WHOLE = ".writing", ".whole"
_MEND = "Copy the folder again, or write it again."


def new_store(folder: Path) -> Path:
    """Return the folder in which the files of a new store are written."""
    return folder / _WRITING


def locate(folder: Path, name: str) -> Path:
    """Return the path of a file of the store, which a killed writer may have left in `.whole`."""
    path = folder / _WHOLE / name
    return path if os.path.exists(path) else folder / name  # also where it may not be entered


def publish(folder: Path, manifest: dict[str, Any], others: Sequence[str] = ()) -> None:
    """Write the manifest of the new store, and make it the store of the folder."""
    new = new_store(folder)
    names = [SAMPLES, TABLE, *others]
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        **manifest,
        "files": {
            name: {"bytes": (new / name).stat().st_size, "sha256": sha256_of(new / name)}
            for name in names
        },
    }
    (new / MANIFEST).write_text(seal(manifest, indent=2) + "\n", encoding="utf-8")
    for name in (*names, MANIFEST):
        sync(new / name)
    os.rename(new, folder / _WHOLE)
    settle(folder)


def settle(folder: Path) -> None:
    """Move the files of a published store to their places, where a kill left them."""
    whole = folder / _WHOLE
    if not whole.exists():
        return
    shutil.rmtree(folder / INGEST, ignore_errors=True)
    if (whole / MANIFEST).exists():
        names = read_manifest(folder, name="ecgsk")["files"]
        for name in {BROKEN, SOURCES} - names.keys():
            (folder / name).unlink(missing_ok=True)  # of the old store
        for name in (*names, MANIFEST):
            if (whole / name).exists():
                os.replace(whole / name, folder / name)
    whole.rmdir()


def has_store(folder: Path) -> bool:
    """Return whether the folder holds a store, damaged or not."""
    return os.path.exists(locate(folder, MANIFEST))


def read_manifest(folder: Path, *, name: str) -> dict[str, Any]:
    """Read ``ecg.json``; refuse another format, a wrong checksum and impossible values."""
    path = locate(folder, MANIFEST)
    if _is_absent(path):
        raise RecordReadError(
            f"{name}: there is no {path}. Give a folder that write_ecg_folder, write_cohort or "
            "ingest (`ecgsk cohort`, `ecgsk ingest`) finished; write an interrupted one again."
        )
    manifest = read_sealed(path, name=name, kind=(FORMAT, VERSION), mend=_MEND)
    try:
        _check_values(manifest)
    # A manifest whose checksum is right and whose values are not was not written by ecgsk.
    except Exception as error:
        raise DamagedFileError(f"{name}: {path} states impossible values: {error}.") from error
    return manifest


def _check_values(manifest: dict[str, Any]) -> None:
    """Raise unless all values are possible."""
    n_records, n_samples = manifest["n_records"], manifest["n_samples"]
    missing = np.asarray(manifest["missing_rows"], dtype=np.int64)
    possible = {
        "n_records": type(n_records) is int and n_records >= 0,
        "n_samples": type(n_samples) is int and n_samples >= 1,
        "sampling_rate": check_sampling_rate(manifest["sampling_rate"]) > 0,
        "gain": check_gain(np.dtype(np.int16), manifest["gain"], name="ecg.json") > 0,
        "leads": list(canonical_leads(manifest["leads"])) == manifest["leads"],
        "missing_rows": missing.ndim == 1 and bool(((missing >= 0) & (missing < n_records)).all()),
        "ecg_column": manifest["ecg_column"]["position"] >= 0,
        "categories": all({"categories", "ordered"} == v.keys() for v in _tables(manifest)),
        "extra": isinstance(manifest["extra"], dict),
        "files": {SAMPLES, TABLE} <= manifest["files"].keys() <= {SAMPLES, TABLE, BROKEN, SOURCES},
    }
    if wrong := [key for key, fits in possible.items() if not fits]:
        raise ValueError(f"{wrong[0]} is {manifest[wrong[0]]!r:.100}")


def _tables(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return list(manifest["categories"].values())


def check_file(folder: Path, name: str, stated: dict[str, Any], *, verify: bool, by: str) -> Path:
    """Return the path of a file of the store; raise unless its size, or checksum, is right."""
    path = locate(folder, name)
    if _is_absent(path):
        raise RecordReadError(f"{by}: {path} is absent. Copy the whole folder.")
    size = check_regular(path, name=by).st_size
    if size != stated["bytes"]:
        raise DamagedFileError(
            f"{by}: expected {path} of {stated['bytes']} bytes, got {size}: it was changed or "
            f"truncated. {_MEND}"
        )
    if verify and sha256_of(path) != stated["sha256"]:
        raise DamagedFileError(
            f"{by}: the SHA-256 checksum of {path} is not that in {MANIFEST}: it was changed or "
            f"damaged. {_MEND}"
        )
    return path


@contextmanager
def explained(folder: Path, *, name: str, mend: str) -> Iterator[None]:
    """Raise the system's errors about files of the folder as ours."""
    try:
        yield
    except OSError as error:
        about = error.filename
        if isinstance(error, ECGError) or (about and not Path(about).is_relative_to(folder)):
            raise
        raise ECGError(
            f"{name}: cannot write {about or folder}: {error.strerror or error}. {mend}"
        ) from error


def _is_absent(path: Path) -> bool:
    """Return whether there is no such file; one that may not be seen is not absent."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
