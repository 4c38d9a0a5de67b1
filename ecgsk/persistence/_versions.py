"""Versions of the libraries that a model was made with."""

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
import torch

import ecgsk
from ecgsk.exceptions import VersionWarning

# Two years of scikit-learn, one of torch: predictions have not changed over these.
_MINOR_VERSIONS_BEHIND = 4


def made_with() -> dict[str, str]:
    """Return the version of ecgsk and of each library that a prediction depends on."""
    return {
        "ecgsk": ecgsk.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "torch": str(torch.__version__),
    }


def warn_of_versions(stated: Any, folder: Path) -> None:
    """Warn if a model was made with newer or much older versions than the installed ones."""
    stated = stated if isinstance(stated, dict) else {}
    differences = [
        f"{name} {stated.get(name, 'of an unknown version')} (installed: {installed})"
        for name, installed in made_with().items()
        if _may_differ(stated.get(name), installed)
    ]
    if differences:
        warnings.warn(
            f"ecgsk.load: {folder} was made with {', '.join(differences)}. Predictions may "
            "differ: compare some with earlier ones, install these versions, or fit again.",
            VersionWarning,
            stacklevel=3,
        )


def _may_differ(stated: Any, installed: str) -> bool:
    """Return whether a version is newer, of an older major version or too many minor ones old."""
    before, now = _major_and_minor(stated), _major_and_minor(installed)
    if before is None or now is None or before > now:
        return True
    # Before 1.0 a minor version is a major one.
    allowed = _MINOR_VERSIONS_BEHIND if now[0] else 0
    return before[0] < now[0] or now[1] - before[1] > allowed


def _major_and_minor(stated: Any) -> tuple[int, int] | None:
    found = re.match(r"(\d{1,9})\.(\d{1,9})", stated) if isinstance(stated, str) else None
    return (int(found[1]), int(found[2])) if found else None
