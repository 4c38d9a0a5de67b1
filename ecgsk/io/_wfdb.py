"""The wfdb package, loaded when first needed: it brings plotting libraries along."""

import importlib
import warnings
from functools import cache
from typing import Any


@cache
def load_wfdb() -> Any:
    """Give the wfdb module."""
    with warnings.catch_warnings():
        # wfdb 4.3 uses what pandas 3.1 deprecates, in code that runs on import.
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("wfdb")
