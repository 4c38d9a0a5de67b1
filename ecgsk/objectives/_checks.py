"""Parameters of objectives, with errors that say what to do."""

import math
from typing import Any


def check_positive(spec: Any, *names: str) -> None:
    """Raise ValueError where one of these parameters is not a finite positive number."""
    for name in names:
        value = getattr(spec, name)
        if not 0 < value < math.inf:
            raise ValueError(f"{type(spec).__name__}: {name} must be positive, got {value!r}.")
