"""Tables of a comparison as CSV, LaTeX and HTML."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ecgsk._safe_text import without_controls, write_csv, write_text
from ecgsk.evaluation import rounded_tables
from ecgsk.evaluation._comparison import ArmsComparison
from ecgsk.explain import Section, write_report

# Longer tables are LaTeX longtables, which break over pages.
_MAX_ROWS_ON_PAGE = 40
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "\n": " ",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    }
)
_MINUS = re.compile(r"(^|[ \[])-(?=\d)")


@dataclass(frozen=True)
class Table:
    """One table of a comparison, in full precision and rounded."""

    name: str
    heading: str
    text: str
    full: pd.DataFrame
    rounded: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write the full table as CSV and the rounded table as LaTeX."""
        text = to_latex(self.rounded, caption=self.text, label=f"tab:{self.name}")
        write_csv(self.full, folder / f"{self.name}.csv")
        write_text(folder / f"{self.name}.tex", text)

    def section(self) -> Section:
        """Return the rounded table as a section of an HTML page."""
        return Section(self.heading, self.text, self.rounded)


# Name, heading, text, and the functions that compute and round a table.
_Function = Callable[[Any], pd.DataFrame]
_TABLES: tuple[tuple[str, str, str, _Function, _Function], ...] = (
    (
        "arms",
        "Arms",
        "All arms share one encoder, one recipe and the same test patients. Macro scores are "
        "means over labels with both classes; 95 % intervals are percentiles of a patient "
        "bootstrap. Lower is better for Brier score and calibration error. Seconds exclude a "
        "pre-training that another arm did.",
        ArmsComparison.to_frame,
        rounded_tables.arms_table,
    ),
    (
        "differences",
        "Joint embedding minus each other arm",
        "Paired on the same resampled patients. A verdict needs at least 20 test patients "
        "with labels and an AUROC interval that excludes zero. The multimodal arms have the "
        "table at inference too.",
        ArmsComparison.differences,
        rounded_tables.differences_table,
    ),
    (
        "gap_closed",
        "Share of the gap closed",
        "(joint embedding - baseline) / (multimodal reference - baseline), macro AUROC. The "
        "reference is the multimodal arm of the highest AUROC on the test patients, which makes "
        "the share smaller, not larger. There are no bounds if the gap may be zero.",
        ArmsComparison.gap_closed,
        rounded_tables.gap_closed_table,
    ),
    (
        "label_differences",
        "Label by label: joint embedding minus signal only",
        "AUROC over the test records with the label measured. p-values are two-sided "
        "permutation tests that swap the two models' scores of whole patients. They are "
        "corrected for the number of tested labels (Benjamini and Hochberg): of the labels with "
        "p up to 0.05, at most 5 % are expected to differ by chance. Labels with fewer than 10 "
        "positive or negative patients are not tested; labels with one class are left out. "
        "Intervals are not corrected.",
        ArmsComparison.label_differences,
        rounded_tables.label_differences_table,
    ),
    (
        "per_label",
        "Label by label: AUROC of each arm",
        "Labels with one class among the test records are left out. Intervals are in the CSV.",
        ArmsComparison.per_label,
        rounded_tables.per_label_table,
    ),
    (
        "laboratories",
        "Laboratory abnormalities from the ECG alone: AUROC",
        "Linear heads on each arm's embedding of the ECG, scored on the test records with the "
        "laboratory value measured.",
        ArmsComparison.laboratories,
        rounded_tables.laboratories_table,
    ),
    (
        "subgroups",
        "Subgroups: joint embedding",
        "Macro AUROC over the labels with both classes in the subgroup. The difference from all "
        "other records is over the labels with both classes in both. Intervals are not "
        "corrected for the number of subgroups.",
        ArmsComparison.subgroups,
        rounded_tables.subgroups_table,
    ),
)


def write_tables(
    comparison: ArmsComparison, folder: str | Path, *, title: str = "Comparison of arms"
) -> Path:
    """Write the tables of a comparison as CSV, LaTeX and one HTML page.

    .. versionadded:: 0.1

    Parameters
    ----------
    comparison : ArmsComparison
        Output of :func:`ecgsk.compare_arms`.
    folder : path-like
        Folder to write to. It is created if needed; existing tables are replaced.
    title : str, default="Comparison of arms"
        Heading of the page.

    Returns
    -------
    Path
        ``tables.html``, a self-contained page. Beside it are the tables as ``.csv`` in full
        precision and as ``.tex`` rounded (packages booktabs and, for long tables,
        longtable): ``arms``, ``differences``, ``gap_closed``, ``label_differences``,
        ``per_label``, ``laboratories`` and ``subgroups``. Empty tables are left out.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier, compare_arms
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.evaluation import write_tables
    >>> cohort = make_clinical_ecg(n_subjects=60, random_state=0)
    >>> comparison = compare_arms(
    ...     cohort.X, cohort.Y, arms=["table only"], random_state=0, verbose=False
    ... )
    >>> page = write_tables(comparison, getfixture("tmp_path") / "paper")
    >>> sorted(path.name for path in page.parent.iterdir())
    ['arms.csv', 'arms.tex', 'per_label.csv', 'per_label.tex', 'tables.html']
    """
    folder = Path(folder)
    tables = compute_tables(comparison)
    for table in tables:
        table.write(folder)
    path = folder / "tables.html"
    sections = [table.section() for table in tables]
    write_report(path, title=title, lead=comparison.summary(), sections=sections)
    return path


def compute_tables(comparison: ArmsComparison) -> list[Table]:
    """Return the tables of a comparison that are not empty."""
    tables = []
    for name, heading, text, compute, rounded in _TABLES:
        full = compute(comparison)
        if not full.empty:
            tables.append(Table(name, heading, text, full, rounded(full)))
    return tables


def to_latex(frame: pd.DataFrame, *, caption: str, label: str) -> str:
    """Return a table of strings as LaTeX with booktabs rules and escaped text."""
    escaped = frame.map(_escape).rename(columns=_escape)
    long = len(frame) > _MAX_ROWS_ON_PAGE
    return escaped.style.hide(axis="index").to_latex(
        hrules=True,
        caption=_escape(caption),
        label=label,
        column_format="l" + "r" * (len(frame.columns) - 1),
        environment="longtable" if long else None,
        position_float=None if long else "centering",
    )


def _escape(text: object) -> str:
    """Escape text for a cell of a LaTeX table."""
    escaped = _MINUS.sub(r"\1$-$", without_controls(str(text)).translate(_LATEX))
    # At the start of a row, LaTeX takes a bracket or a star for an option of the line break.
    return "{}" + escaped if escaped.startswith(("[", "*")) else escaped
