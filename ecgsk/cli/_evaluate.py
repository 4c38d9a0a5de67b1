"""Run ``ecgsk evaluate``: all arms on a cohort folder, tables, figures and a model card."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline, make_pipeline

from ecgsk._safe_text import write_text
from ecgsk.cli._comparison import comparison_document
from ecgsk.cli._ending import CHECKPOINTS, fit_settings
from ecgsk.cli._output import finish, say
from ecgsk.cli._preprocessing import preprocessing_steps
from ecgsk.datasets import Cohort, read_cohort
from ecgsk.estimators import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.evaluation import (
    ARMS,
    JOINT_EMBEDDING,
    ArmsComparison,
    ArmScore,
    LabelScoresDisplay,
    MultilabelCalibrationDisplay,
    NetBenefitDisplay,
    SubgroupDisplay,
    compare_arms,
)
from ecgsk.evaluation.cards import as_markdown, card_sections
from ecgsk.evaluation.tables import Table, compute_tables
from ecgsk.exceptions import ECGError
from ecgsk.explain import Section, write_report
from ecgsk.persistence import save
from ecgsk.plotting.figures import write_figure

_TEST_SIZE = 0.25
_FIGURE_TITLES = {
    "arms": "Arms",
    "labels": "AUROC per label",
    "calibration": "Calibration",
    "calibration_labels": "Calibration of the most frequent labels",
    "net_benefit": "Net benefit of the most frequent labels",
    "subgroups": "Subgroups",
}


@dataclass(frozen=True)
class Settings:
    """Options of the command; see its help."""

    arms: Sequence[str] | None  # or "ablation"
    label_fractions: Sequence[float]
    test_size: float | None
    encoder: str
    max_epochs: int | None
    n_resamples: int
    n_jobs: int
    seed: int


def run(folder: Path, out: Path, settings: Settings) -> None:
    """Compare the arms and write report, tables, figures and model."""
    start = time.perf_counter()
    cohort = read_cohort(folder)
    if not cohort.Y.notna().any(axis=None):
        raise ECGError(
            f"ecgsk evaluate: expected records with diagnoses in {folder}; none has one. "
            "Build the cohort with other --diagnoses, or with a smaller --min-count."
        )
    say(f"{cohort}\n")
    out.mkdir(parents=True, exist_ok=True)
    steps = make_pipeline(*preprocessing_steps())
    comparison = _compare(steps.fit_transform(cohort.X), cohort, settings, out / CHECKPOINTS)
    say(f"\n{comparison.summary()}\n")
    _write(f"Evaluation on {folder.resolve().name}", cohort, steps, comparison, out)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    seconds = time.perf_counter() - start
    finish(
        f"{seconds:.0f} s. Written to {out.resolve()}:\n"
        "report.html, tables as CSV and LaTeX, figures, model_card.md and the model.",
        comparison_document(comparison, out.resolve(), seconds),
    )


def _compare(
    X: pd.DataFrame, cohort: Cohort, settings: Settings, checkpoints: Path
) -> ArmsComparison:
    fixed: dict[str, Any] = fit_settings(checkpoints)
    if settings.max_epochs is not None:
        fixed["max_epochs"] = settings.max_epochs
    targets, ranges = cohort.get("lab_abnormalities"), None
    if targets is None and len(cohort.labs.columns):
        targets, ranges = cohort.labs, cohort.reference_ranges
    return compare_arms(
        X,
        cohort.Y,
        targets,
        cohort.groups,
        reference_ranges=ranges,
        pretrainer=JointEmbeddingPretrainer(settings.encoder, **fixed),
        classifier=ECGDiagnosisClassifier(settings.encoder, **fixed),
        arms=settings.arms,
        label_fractions=settings.label_fractions,
        split=_split_of_cohort(cohort) if settings.test_size is None else None,
        test_size=_TEST_SIZE if settings.test_size is None else settings.test_size,
        n_resamples=settings.n_resamples,
        n_jobs=settings.n_jobs,
        random_state=settings.seed,
    )


def _split_of_cohort(cohort: Cohort) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the cohort's own training and test rows; None if it has too few test patients."""
    parts = cohort.get("split")
    if parts is None:
        return None
    train, test = (np.flatnonzero(parts.isin(names)) for names in (["train"], ["test"]))
    known = cohort.Y.iloc[test].notna().any(axis=1).to_numpy()
    n_patients = cohort.groups.iloc[test[known]].nunique()
    if n_patients < 2:
        say(
            f"Labelled patients in the cohort's test split: {n_patients}, too few to test on. "
            f"Using a random split by patient with {_TEST_SIZE:.0%} of the records instead."
        )
        return None
    say("Using the cohort's own training and test split.")
    return train, test


def _write(
    title: str, cohort: Cohort, steps: Pipeline, comparison: ArmsComparison, out: Path
) -> None:
    tables = compute_tables(comparison)
    for table in tables:
        table.write(out)
    score = _reported_score(comparison)
    figures = _draw(comparison, score)
    for name, figure in figures.items():
        write_figure(figure, out / f"{name}.png")
    model = Pipeline([*steps.steps, ("ecgdiagnosisclassifier", score.model)])
    card = card_sections(model, cohort, comparison, None)
    text = as_markdown(f"Model card: {score.arm}", card)
    write_text(out / "model_card.md", text)
    save(model, out / "model", overwrite=True)
    write_report(
        out / "report.html",
        title=title,
        lead="All arms on one split by patient of this cohort. Figures and model card show the "
        f"arm {score.arm!r}.",
        sections=[
            Section(
                "Summary",
                lines=comparison.summary()
                or "The joint-embedding arm was not fitted, so there is no comparison with it.",
            ),
            *_tables_and_figures(tables, figures),
            *card,
        ],
    )


def _reported_score(comparison: ArmsComparison) -> ArmScore:
    """Return the score of the joint-embedding arm, or of the first arm without it.

    The model of a table's view is the last choice, since it does not predict from X.
    """
    arms = [score.arm for score in comparison.scores]
    arms.sort(key=lambda name: (name != JOINT_EMBEDDING, ARMS[name].view is not None))
    return comparison.score_of(arms[0])


def _draw(comparison: ArmsComparison, score: ArmScore) -> dict[str, Any]:
    held_out = comparison.held_out
    assert held_out is not None  # compare_arms made it
    scored = (held_out.Y, comparison.probabilities_of(score))
    same: dict[str, Any] = {
        "groups": held_out.patients,
        "n_resamples": held_out.n_resamples,
        "random_state": held_out.seed,
    }
    frequent = held_out.counts()["n_positive"].nlargest(6).index.tolist()
    displays = {
        "labels": LabelScoresDisplay(
            comparison.result_of(score).to_frame(), name="AUROC, 95 % interval", reference=0.5
        ).plot(),
        "calibration": MultilabelCalibrationDisplay.from_predictions(*scored, **same),
        "calibration_labels": MultilabelCalibrationDisplay.from_predictions(
            *scored, labels=frequent, **same
        ),
        "net_benefit": NetBenefitDisplay.from_predictions(*scored, labels=frequent, **same),
    }
    if len(held_out.demographics.columns):
        displays["subgroups"] = SubgroupDisplay.from_predictions(
            *scored, by=held_out.demographics, **same
        )
    figures = {name: display.figure_ for name, display in displays.items()}
    return {"arms": comparison.plot()} | figures


def _tables_and_figures(tables: list[Table], figures: dict[str, Any]) -> list[Section]:
    """Put each figure after its table."""
    figure_of_table = {"arms": "arms", "per_label": "labels", "subgroups": "subgroups"}
    sections = []
    left = dict(figures)
    for table in tables:
        sections.append(table.section())
        name = figure_of_table.get(table.name)
        if name in left:
            sections.append(Section(_FIGURE_TITLES[name], figure=left.pop(name)))
    return sections + [
        Section(_FIGURE_TITLES[name], figure=figure) for name, figure in left.items()
    ]
