"""``ecgsk export``: export a saved model to ONNX."""

from pathlib import Path

from ecgsk.cli._output import finish
from ecgsk.deployment import export
from ecgsk.exceptions import ECGError
from ecgsk.persistence import load


def run(folder: Path, out: Path) -> None:
    """Write the ONNX file of a saved model."""
    try:
        path = export(load(folder), out).resolve()
    except ImportError as error:
        raise ECGError(str(error)) from error
    size = path.stat().st_size
    finish(f"Written to {path}: {size / 1e6:.1f} MB", {"out": str(path), "bytes": size})
