"""Write and read ``manifest.json`` under a checksum."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ecgsk.exceptions import DamagedFileError, ECGError

FORMAT, VERSION = "ecgsk model", 2
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"

# A parsed manifest takes up to 70 bytes of memory per value, and its text twice its size.
MAX_BYTES, MAX_VALUES = 2**28, 10**7


def checksum(content: dict[str, Any]) -> str:
    """Return the SHA-256 of canonical JSON: sorted keys, no blanks, ASCII."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def seal(content: dict[str, Any]) -> bytes:
    """Return a manifest as JSON with its own checksum."""
    written = _render({**content, "sha256": checksum(content)})
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
    if not _is_small(written):
        raise DamagedFileError(
            f"ecgsk.load: {path} holds more than {MAX_VALUES:,} values; it is no manifest of "
            "ecgsk.save. Copy the folder again."
        )
    try:
        content = json.loads(written.decode("utf-8"))
        # 1e-05 and 1E-05 are one number; a change of letters is refused all the same.
        intact = _without_blanks(written) == _without_blanks(_render(content))
        stated = content.pop("sha256", None) if isinstance(content, dict) else None
        intact = intact and stated == checksum(content)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"ecgsk.load: {path} is not JSON ({error}). Copy the folder again."
        ) from error
    found = (content.get("format"), content.get("version")) if isinstance(content, dict) else ()
    if found != (FORMAT, VERSION) and (intact or stated is None):
        raise ECGError(
            f"ecgsk.load: {path} has format and version {found}; expected "
            f"{(FORMAT, VERSION)}. Use the ecgsk version that wrote it, or fit again."
        )
    if not intact:
        raise DamagedFileError(
            f"ecgsk.load: {path} does not match its own checksum; it was changed or damaged "
            "after it was written. Copy the folder again."
        )
    return content


def _render(content: Any) -> bytes:
    return json.dumps(content, indent=1, allow_nan=False).encode("ascii")


def _without_blanks(written: bytes) -> bytes:
    # Line ends may change on the way to another system.
    return written.translate(None, b" \n\r\t")


def _is_small(written: bytes) -> bool:
    n_values = sum(map(written.count, (b",", b"[", b"{")))
    return len(written) <= MAX_BYTES and n_values <= MAX_VALUES
