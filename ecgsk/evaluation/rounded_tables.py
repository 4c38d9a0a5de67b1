"""Rounded tables of a comparison, with intervals as text.

Each function takes the output of the ArmsComparison method of its name; `arms_table` takes
that of `to_frame`.
"""

import numpy as np
import pandas as pd

from ecgsk.evaluation.arms import JOINT_EMBEDDING, SIGNAL


def arms_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of each arm."""
    columns = {
        "arm": frame["arm"],
        "macro AUROC [95 %]": _intervals(frame, "macro_auroc", "auroc", ".3f"),
        "macro AUPRC [95 %]": _intervals(frame, "macro_auprc", "auprc", ".3f"),
        "F-max": _numbers(frame["macro_f_max"]),
        "Brier": _numbers(frame["macro_brier"]),
        "calibration error": _numbers(frame["macro_calibration_error"]),
        "laboratory AUROC": _numbers(frame["laboratory_auroc"]),
        "fit, s": [f"{x:.0f}" for x in frame["seconds"]],
    }
    return _with_settings(frame, columns)


def differences_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the difference of the joint embedding from each other arm."""
    columns = {
        "arm": frame["arm"],
        "macro AUROC [95 %]": _intervals(frame, "auroc_difference", "auroc", "+.3f"),
        "macro AUPRC [95 %]": _intervals(frame, "auprc_difference", "auprc", "+.3f"),
        "joint embedding is": frame["verdict"],
    }
    return _with_settings(frame, columns)


def gap_closed_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the share of the gap closed for each baseline."""
    share = _intervals(frame, "gap_closed", "", "z.0%")
    columns = {name: frame[name] for name in ("baseline", "reference")}
    return _with_settings(frame, columns | {"gap closed [95 %]": share})


def per_label_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the AUROC of each label with both classes, one column for each arm."""
    counts = ["n_positive", "n_positive_patients", "n_patients"]
    keys = ["label_fraction", "archive", "label", *counts]
    wide = frame.pivot(index=keys, columns="arm", values="estimate")
    wide = wide[list(dict.fromkeys(frame["arm"]))].dropna(how="all").reset_index()
    wide = wide.sort_values(
        ["label_fraction", "archive", "n_positive"], ascending=[False, True, False], kind="stable"
    )
    columns = {"label": wide["label"], "positive records (patients)": _positives(wide)}
    arms = list(dict.fromkeys(frame["arm"]))
    return _with_settings(wide, columns | {arm: _numbers(wide[arm]) for arm in arms})


def label_differences_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the difference of the joint embedding from the signal-only arm per label."""
    frame = frame.dropna(subset="difference")
    columns = {
        "label": frame["label"],
        "positive records (patients)": _positives(frame),
        SIGNAL: _numbers(frame["baseline"]),
        JOINT_EMBEDDING: _numbers(frame["joint"]),
        "difference [95 %]": _intervals(frame, "difference", "", "+.3f"),
        "p, corrected": [format_p(p) for p in frame["p_adjusted"]],
    }
    return _with_settings(frame, columns)


def laboratories_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the AUROC of each abnormality with both classes, one column for each arm."""
    arms = [name for name in frame.columns if name not in ("target", "label_fraction", "archive")]
    frame = frame.dropna(subset=arms, how="all")
    columns = {"target": frame["target"]} | {arm: _numbers(frame[arm]) for arm in arms}
    return _with_settings(frame, columns)


def subgroups_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the macro AUROC of each subgroup and its difference from the rest."""
    columns = {
        "subgroup": frame["column"] + " " + frame["level"].astype(str),
        "records": [f"{n:,}" for n in frame["n_records"]],
        "patients": [f"{n:,}" for n in frame["n_patients"]],
        "labels": [str(n) for n in frame["n_labels"]],
        "macro AUROC [95 %]": _intervals(frame, "score", "", ".3f"),
        "minus the rest [95 %]": _intervals(frame, "difference", "difference", "+.3f"),
    }
    return _with_settings(frame, columns)


def format_p(p: float) -> str:
    """Format a p-value with three digits, never as 0."""
    return "" if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


def format_interval(x: float, low: float, high: float, form: str) -> str:
    """Format an estimate with its bounds, if they are finite."""
    if np.isnan(x):
        return ""
    if np.isfinite([low, high]).all():
        return f"{x:{form}} [{low:{form}}, {high:{form}}]"
    return f"{x:{form}}, no bounds"  # a share of a gap that may be zero


def _with_settings(frame: pd.DataFrame, columns: dict) -> pd.DataFrame:
    """Prepend columns of label fraction and archive if there are several."""
    settings = {}
    if frame["label_fraction"].nunique() > 1:
        settings["labels"] = [f"{x:.3g} %" for x in 100 * frame["label_fraction"]]
    if frame.groupby("label_fraction")["archive"].nunique().max() > 1:
        settings["archive"] = [f"{n:,}" for n in frame["archive"]]
    return pd.DataFrame({name: list(column) for name, column in (settings | columns).items()})


def _intervals(frame: pd.DataFrame, estimate: str, prefix: str, form: str) -> list[str]:
    """Format a column of estimates with the bounds ``prefix_low`` and ``prefix_high``."""
    low, high = (f"{prefix}_{bound}".lstrip("_") for bound in ("low", "high"))
    rows = zip(frame[estimate], frame[low], frame[high], strict=True)
    return [format_interval(*bounds, form) for bounds in rows]


def _numbers(values: pd.Series) -> list[str]:
    return ["" if np.isnan(x) else f"{x:.3f}" for x in values]


def _positives(frame: pd.DataFrame) -> list[str]:
    pairs = zip(frame["n_positive"], frame["n_positive_patients"], strict=True)
    return [f"{records:,} ({patients:,})" for records, patients in pairs]
