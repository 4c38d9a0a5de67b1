"""A comparison's results as tables for people: rounded, with their intervals as text."""

import numpy as np
import pandas as pd

from ecgsk.evaluation import ArmsComparison


def arms_table(comparison: ArmsComparison) -> pd.DataFrame:
    """Return each arm's scores."""
    frame = comparison.to_frame()
    columns = {
        "arm": frame["arm"],
        "macro AUROC [95 %]": _intervals(frame, "macro_auroc", "auroc", ".3f"),
        "macro AUPRC [95 %]": _intervals(frame, "macro_auprc", "auprc", ".3f"),
        "laboratory AUROC": _numbers(frame["laboratory_auroc"]),
        "fit, s": [f"{x:.0f}" for x in frame["seconds"]],
    }
    return pd.DataFrame(columns)


def differences_table(comparison: ArmsComparison) -> pd.DataFrame:
    """Return how the joint embedding differs from each other arm."""
    frame = comparison.differences()
    columns = {
        "arm": frame["arm"],
        "macro AUROC [95 %]": _intervals(frame, "auroc_difference", "auroc", "+.3f"),
        "macro AUPRC [95 %]": _intervals(frame, "auprc_difference", "auprc", "+.3f"),
        "joint embedding is": frame["verdict"],
    }
    return pd.DataFrame(columns)


def gap_closed_table(comparison: ArmsComparison) -> pd.DataFrame:
    """Return the share of the gap closed, from each baseline."""
    frame = comparison.gap_closed()
    share = _intervals(frame, "gap_closed", "", ".0%")
    return pd.DataFrame({"baseline": frame["baseline"], "gap closed [95 %]": share})


def laboratories_table(comparison: ArmsComparison) -> pd.DataFrame:
    """Return the AUROC of each abnormality that has one, with a column for each arm."""
    frame = comparison.laboratories()
    arms = [name for name in frame.columns if name not in ("target", "label_fraction", "archive")]
    frame = frame.dropna(subset=arms, how="all")
    return pd.DataFrame({"target": frame["target"]} | {arm: _numbers(frame[arm]) for arm in arms})


def _intervals(frame: pd.DataFrame, estimate: str, prefix: str, form: str) -> list[str]:
    low, high = (f"{prefix}_{bound}".lstrip("_") for bound in ("low", "high"))
    rows = zip(frame[estimate], frame[low], frame[high], strict=True)
    return [_interval(*bounds, form) for bounds in rows]


def _interval(x: float, low: float, high: float, form: str) -> str:
    if np.isnan(x):
        return ""
    if np.isfinite([low, high]).all():
        return f"{x:{form}} [{low:{form}}, {high:{form}}]"
    return f"{x:{form}}, no bounds"  # a share of a gap that may be none


def _numbers(values: pd.Series) -> list[str]:
    return ["" if np.isnan(x) else f"{x:.3f}" for x in values]
