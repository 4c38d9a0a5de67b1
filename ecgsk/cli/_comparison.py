"""A comparison of arms as the JSON document of a command."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecgsk.evaluation import ArmsComparison


def comparison_document(comparison: ArmsComparison, out: Path, seconds: float) -> dict[str, Any]:
    """Return the result and where it was written as JSON values."""
    tables = {
        "arms": comparison.to_frame(),
        "differences": comparison.differences(),
        "gap_closed": comparison.gap_closed(),
    }
    return {
        "out": str(out),
        "report": str(out / "report.html"),
        "seconds": round(seconds, 1),
        "n_test_patients": comparison.n_test_patients,
    } | {name: _rows(table) for name, table in tables.items()}


def _rows(table: pd.DataFrame) -> list[dict[Any, Any]]:
    """Return the rows of a table; JSON has no NaN and no infinity."""
    finite = table.astype(object).where(~table.isin([np.inf, -np.inf]) & table.notna(), None)
    return finite.to_dict("records")
