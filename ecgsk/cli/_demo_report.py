"""Report of ``ecgsk demo``: the explained ECG, the comparison in one sentence, then details."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ecgsk._safe_text import write_csv, write_text
from ecgsk.datasets import Cohort
from ecgsk.evaluation import JOINT_EMBEDDING, ArmsComparison
from ecgsk.evaluation.rounded_tables import (
    arms_table,
    differences_table,
    gap_closed_table,
    laboratories_table,
)
from ecgsk.explain import Explanation, Section, write_report
from ecgsk.plotting.figures import format_probability, write_figure

_VERDICTS = {
    "better": "the joint embedding is better",
    "worse": "the joint embedding is worse",
    "not shown": "no difference is shown",
    "too few patients": "too few test patients for a verdict",
}
_RECORDED = {True: "present", False: "absent", None: "not known"}
PAGE = "explanation.html"
TABLES = ("arms", "differences", "gap_closed", "laboratories")


def write_page(explanation: Explanation, out: Path) -> None:
    """Write page and JSON of one explanation."""
    write_text(out / PAGE, explanation.to_html())
    write_text(out / "explanation.json", json.dumps(explanation.to_dict(), indent=1))


def write_picture(explanation: Explanation, out: Path) -> None:
    """Write the picture of one explanation."""
    write_figure(explanation.plot(), out / "explanation.png")


def conclusion(comparison: ArmsComparison) -> str:
    """Return what the intervals of the differences say, one sentence for each other arm."""
    lines = [
        f"Difference in macro AUROC over the diagnoses, {comparison.n_test_patients:,} test "
        "patients with labels, with the 95 % interval of a patient bootstrap:"
    ]
    differences, gap = comparison.differences(), comparison.gap_closed()
    rounded = differences_table(differences)["macro AUROC [95 %]"]
    for arm, interval, verdict in zip(
        differences["arm"], rounded, differences["verdict"], strict=True
    ):
        lines.append(f"joint embedding minus {arm}: {interval}: {_VERDICTS[verdict]}.")
    for baseline, _, share in gap_closed_table(gap).itertuples(index=False):
        lines.append(f"Share of the gap from {baseline} to multimodal that is closed: {share}.")
    return "\n".join(lines)


def limits(cohort: Cohort, comparison: ArmsComparison) -> str:
    """Return what a study of few patients can and cannot show, with its own numbers."""
    groups = cohort.groups.to_numpy()
    train, test = (len(np.unique(groups[rows])) for rows in (comparison.train, comparison.test))
    known = cohort.Y.iloc[comparison.test]
    positive = (known == 1).groupby(groups[comparison.test]).any().sum()
    differences = comparison.differences().set_index("arm")
    width = (differences["auroc_high"] - differences["auroc_low"]) / 2
    widest = width.replace(np.inf, np.nan).max()
    lines = [
        f"{train} patients train, and {test} test, {comparison.n_test_patients} of them with "
        f"labels. Half of the {known.shape[1]} diagnoses have {int(positive.median())} or fewer "
        "test patients.",
        "They can show: real files are read, joined in time and split by patient; all stages and "
        "arms run; what a report and an explanation of real records look like.",
        "They cannot show: which arm is better, whether probabilities are calibrated, or which "
        "laboratory findings an ECG supports.",
    ]
    if np.isfinite(widest):
        lines.append(
            f"The 95 % intervals of the differences reach up to {widest:.2f} to either side: a "
            "smaller true difference in macro AUROC cannot be seen."
        )
    lines.append("For that, use MIMIC-IV-ECG itself: ecgsk demo --mimic-ecg ... --full.")
    return "\n".join(lines)


def write_results(
    title: str,
    caution: str,
    cohort: Cohort,
    comparison: ArmsComparison,
    explanation: Explanation,
    out: Path,
    limits_text: str = "",
) -> None:
    """Write the tables, the figure of the arms and the report.

    `limits_text` says what so few patients can and cannot show, where they are few.
    """
    frame, arms = comparison.to_frame(), comparison.plot()
    differences, gap = comparison.differences(), comparison.gap_closed()
    laboratories = comparison.laboratories()
    for name, table in zip(TABLES, (frame, differences, gap, laboratories), strict=True):
        write_csv(table, out / f"{name}.csv")
    write_figure(arms, out / "arms.png")
    sections = [
        Section(
            "One ECG of a test patient, explained",
            "The model saw the signal alone. Of the test patients that it was not calibrated on, "
            "this record has the most recorded diagnoses and abnormal laboratory values. "
            f"{PAGE} beside this page has the full explanation.",
            _prediction_and_truth(explanation),
            explanation.plot(),
        ),
        Section(
            "Does the joint embedding help?",
            figure=arms,
            lines=conclusion(comparison),
        ),
        *(
            [Section("What so few patients can and cannot show", lines=limits_text)]
            if limits_text
            else []
        ),
        Section(
            "Joint embedding minus each other arm",
            f"Paired over {comparison.n_test_patients:,} test patients with labels. A verdict "
            "needs at least 20 patients and an AUROC interval that excludes zero. The "
            "multimodal arm has the table at inference too.",
            differences_table(differences),
        ),
        Section(
            "Share of the gap closed",
            "(joint embedding - baseline) / (multimodal reference - baseline), macro AUROC.",
            gap_closed_table(gap),
        ),
        Section(
            "Arms",
            "All arms share one encoder, one recipe and the same test patients. Confidence "
            "intervals are patient bootstraps. Arms are fitted side by side; seconds exclude "
            "the pre-training that another arm did.",
            arms_table(frame),
        ),
        Section(
            "Laboratory abnormalities from the ECG alone: AUROC",
            table=laboratories_table(laboratories),
        ),
        Section("The explanation as text", lines=explanation.to_text()),
        Section("Cohort", table=_counts(cohort, comparison), details=cohort.DESCR.strip()),
    ]
    write_report(out / "report.html", title=title, lead=caution, sections=sections)


def _prediction_and_truth(explanation: Explanation) -> pd.DataFrame:
    """Return the top predictions beside what is recorded for the patient."""
    findings = [
        ("diagnosis", d.title, d.probability, "above" if d.predicted else "below", d.recorded)
        for d in explanation.top_diagnoses()
    ] + [
        (
            "laboratory",
            f.title,
            f.probability,
            f"base rate {format_probability(f.base_rate)}",
            f.recorded,
        )
        for f in explanation.top_laboratories()
    ]
    return pd.DataFrame(
        {
            "": kind,
            "finding": title,
            "predicted probability": format_probability(probability),
            "threshold or base rate": beside,
            "recorded": _RECORDED[recorded],
        }
        for kind, title, probability, beside, recorded in findings
    )


def _counts(cohort: Cohort, comparison: ArmsComparison) -> pd.DataFrame:
    """Return the numbers of records and patients on both sides of the split."""
    groups = cohort.groups.to_numpy()
    known = cohort.Y.iloc[comparison.test].notna().any(axis=1)
    sides = (
        ("training", comparison.train, comparison.score_of(JOINT_EMBEDDING).n_labelled),
        ("test", comparison.test, int(known.sum())),
    )
    return pd.DataFrame(
        {
            "side": side,
            "records": f"{len(rows):,}",
            "patients": f"{len(np.unique(groups[rows])):,}",
            "with labels": f"{n:,}",
        }
        for side, rows, n in sides
    )
