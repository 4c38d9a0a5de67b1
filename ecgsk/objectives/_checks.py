"""Checks of objectives' parameters."""

import math
from typing import Any


def check_positive(spec: Any, *names: str) -> None:
    """Raise a ValueError unless these parameters are positive and finite."""
    for name in names:
        value = getattr(spec, name)
        if not 0 < value < math.inf:
            raise ValueError(f"{type(spec).__name__}: {name} must be positive, got {value!r}.")
