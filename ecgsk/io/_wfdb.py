"""Lazy import of wfdb, which imports plotting libraries."""

import importlib
import warnings
from functools import cache
from typing import Any


@cache
def load_wfdb() -> Any:
    """Import wfdb."""
    with warnings.catch_warnings():
        # On import, wfdb 4.3 uses functions that pandas 3.1 deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("wfdb")
