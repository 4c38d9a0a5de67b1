"""Write and read ``manifest.json`` under a checksum."""

from pathlib import Path
from typing import Any

from ecgsk import _stored_files
from ecgsk._stored_files import MAX_JSON_BYTES, OtherKindError
from ecgsk.exceptions import DamagedFileError, ECGError

FORMAT, VERSION = "ecgsk model", 2
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"

# A parsed manifest takes up to 70 bytes of memory per value, and its text twice its size.
MAX_VALUES = 10**7


def seal(content: dict[str, Any]) -> bytes:
    """Return a manifest as JSON with its own checksum."""
    written = _stored_files.seal(content, indent=1).encode("ascii")
    if not _is_small(written):
        raise ECGError(
            f"ecgsk.save: the model needs more than {MAX_VALUES:,} values in {MANIFEST}. "
            "Fit without keep_patients, or with fewer text columns."
        )
    return written


def unseal(written: bytes, path: Path) -> dict[str, Any]:
    """Return the content of a manifest, without its checksum.

    Raises DamagedFileError if it is not what was written, and ECGError for another format.
    """
    try:
        if not _is_small(written):
            raise ValueError(
                f"it holds more than {MAX_VALUES:,} values and is no manifest of ecgsk.save"
            )
        return _stored_files.unseal(written, kind=(FORMAT, VERSION))
    except OtherKindError as error:
        raise ECGError(
            f"ecgsk.load: {path}: {error}. Use the ecgsk version that wrote it, or fit again."
        ) from error
    except ValueError as error:
        raise DamagedFileError(
            f"ecgsk.load: {path} is damaged: {error}. Copy the folder again."
        ) from error


def _is_small(written: bytes) -> bool:
    n_values = sum(map(written.count, (b",", b"[", b"{")))
    return len(written) <= MAX_JSON_BYTES and n_values <= MAX_VALUES
