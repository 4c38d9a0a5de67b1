"""Plain JSON values of results for people and programs."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any


def json_value(value: Any, key: Callable[[Any], str] = str) -> Any:
    """Return a value for JSON, which has no NaN and no infinity: they become null.

    Scalars and arrays of NumPy become numbers and lists, other objects, such as dates, text.
    `key` makes the key of each name.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (tuple, list)):
        return [json_value(part, key) for part in value]
    if isinstance(value, Mapping):
        return {key(name): json_value(part, key) for name, part in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def snake_case(title: Any) -> str:
    """Return the key of a title for people: "Sampling rate (Hz)" is sampling_rate_hz."""
    return re.sub(r"[^a-z0-9]+", "_", str(title).lower()).strip("_")
