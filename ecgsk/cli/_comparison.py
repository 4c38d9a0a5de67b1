"""A comparison of arms as the JSON document of a command."""

from pathlib import Path
from typing import Any

from ecgsk.evaluation import ArmsComparison


def comparison_document(comparison: ArmsComparison, out: Path, seconds: float) -> dict[str, Any]:
    """Return the result and where it was written."""
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
    } | {name: table.to_dict("records") for name, table in tables.items()}
