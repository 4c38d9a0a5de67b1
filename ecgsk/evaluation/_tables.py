"""The tables of a paper: as CSV to compute with, LaTeX to print and HTML to read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ecgsk.evaluation import _rounded
from ecgsk.evaluation._comparison import ArmsComparison
from ecgsk.explain import Section, write_report

# A longer table is set over several pages.
_ROWS_OF_A_PAGE = 40
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


class _Kind(NamedTuple):
    """What one table of a comparison is, and how it is made."""

    name: str
    heading: str
    text: str
    compute: Callable[[ArmsComparison], pd.DataFrame]
    round: Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Table:
    """One table of a comparison: all its numbers, and what a page shows of them."""

    name: str
    heading: str
    text: str
    full: pd.DataFrame
    rounded: pd.DataFrame

    def write(self, folder: Path) -> None:
        """Write all numbers as CSV and the rounded ones as LaTeX."""
        self.full.to_csv(folder / f"{self.name}.csv", index=False)
        text = to_latex(self.rounded, caption=self.text, label=f"tab:{self.name}")
        (folder / f"{self.name}.tex").write_text(text, encoding="utf-8")

    def section(self) -> Section:
        """Return the table as a part of a page."""
        return Section(self.heading, self.text, self.rounded)


_KINDS = (
    _Kind(
        "arms",
        "Arms",
        "All arms share one encoder, one recipe and the same test patients. Macro means over "
        "labels with both classes; 95 % intervals are percentiles of a patient bootstrap. "
        "Brier score and calibration error: lower is better. Seconds leave out a pre-training "
        "that another arm did.",
        ArmsComparison.to_frame,
        _rounded.arms_table,
    ),
    _Kind(
        "differences",
        "Joint embedding minus each other arm",
        "Paired on the same resampled patients. A verdict is given where 20 or more test "
        "patients have labels and the interval of the AUROC is on one side of zero. The "
        "multimodal arm is the upper bound.",
        ArmsComparison.differences,
        _rounded.differences_table,
    ),
    _Kind(
        "gap_closed",
        "Share of the gap closed",
        "(joint embedding - baseline) / (multimodal - baseline), macro AUROC. There are no "
        "bounds where the data do not tell that there is a gap.",
        ArmsComparison.gap_closed,
        _rounded.gap_closed_table,
    ),
    _Kind(
        "label_differences",
        "Label by label: joint embedding minus compute-matched signal arm",
        "AUROC over the test records in which the label was measured. p-values are two-sided, by "
        "swapping the two models' scores of whole patients, corrected for the number of tested "
        "labels by the method of Benjamini and Hochberg: of the labels with p up to 0.05, 5 % at "
        "most are expected to differ by chance. Labels with fewer than 10 positive or negative "
        "patients are not tested, those with one class left out. Intervals are not corrected.",
        ArmsComparison.label_differences,
        _rounded.label_differences_table,
    ),
    _Kind(
        "per_label",
        "Label by label: AUROC of each arm",
        "Labels with one class among the test records are left out. Intervals are in the CSV.",
        ArmsComparison.per_label,
        _rounded.per_label_table,
    ),
    _Kind(
        "laboratories",
        "Laboratory abnormalities from the ECG alone: AUROC",
        "A linear head on each arm's embedding of the ECG, on the test records in which the "
        "laboratory was measured.",
        ArmsComparison.laboratories,
        _rounded.laboratories_table,
    ),
    _Kind(
        "subgroups",
        "Subgroups: joint embedding",
        "Macro AUROC of the subgroup's labels. Subgroups may have other labels with both "
        "classes; the difference to all other records is over those that both sides have. "
        "Intervals are not corrected for the number of subgroups.",
        ArmsComparison.subgroups,
        _rounded.subgroups_table,
    ),
)


def write_tables(
    comparison: ArmsComparison, folder: str | Path, *, title: str = "Comparison of arms"
) -> Path:
    """Write what a comparison found as CSV, LaTeX and one HTML page.

    Parameters
    ----------
    comparison : ArmsComparison
        As :func:`ecgsk.compare_arms` returns it.
    folder : path-like
        Made if absent; tables that lie there are replaced.
    title : str, default="Comparison of arms"
        Heading of the page.

    Returns
    -------
    Path
        ``tables.html``, which needs nothing but itself. Beside it lie, as ``.csv`` in full
        precision and as ``.tex`` rounded (packages booktabs and, for long tables,
        longtable): ``arms``, ``differences``, ``gap_closed``, ``label_differences``,
        ``per_label``, ``laboratories`` and ``subgroups``; what the comparison has
        nothing for is left out.

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
    folder.mkdir(parents=True, exist_ok=True)
    tables = compute_tables(comparison)
    for table in tables:
        table.write(folder)
    path = folder / "tables.html"
    sections = [table.section() for table in tables]
    write_report(path, title=title, lead=comparison.summary(), sections=sections)
    return path


def compute_tables(comparison: ArmsComparison) -> list[Table]:
    """Return the tables that the comparison has something for."""
    tables = []
    for name, heading, text, compute, rounded in _KINDS:
        full = compute(comparison)
        if not full.empty:
            tables.append(Table(name, heading, text, full, rounded(full)))
    return tables


def to_latex(frame: pd.DataFrame, *, caption: str, label: str) -> str:
    """Return a table of strings as LaTeX with booktabs' rules, all text escaped."""
    escaped = frame.map(_escape).rename(columns=_escape)
    long = len(frame) > _ROWS_OF_A_PAGE
    return escaped.style.hide(axis="index").to_latex(
        hrules=True,
        caption=_escape(caption),
        label=label,
        column_format="l" + "r" * (len(frame.columns) - 1),
        environment="longtable" if long else None,
        position_float=None if long else "centering",
    )


def _escape(text: object) -> str:
    """Return text that LaTeX prints as it is, at the start of a row too."""
    escaped = _MINUS.sub(r"\1$-$", str(text).translate(_LATEX))
    # After a line break, LaTeX takes a bracket or a star for an option of the break.
    return "{}" + escaped if escaped.startswith(("[", "*")) else escaped
