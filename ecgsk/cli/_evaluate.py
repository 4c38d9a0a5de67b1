"""``ecgsk evaluate``: all arms on a cohort folder, a paper's tables, pictures and a model card."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer
from sklearn.pipeline import Pipeline, make_pipeline

from ecgsk.datasets import Cohort, read_cohort
from ecgsk.estimators import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.evaluation import (
    OURS,
    ArmsComparison,
    ArmScore,
    LabelScoresDisplay,
    MultilabelCalibrationDisplay,
    NetBenefitDisplay,
    SubgroupDisplay,
    compare_arms,
)
from ecgsk.evaluation._model_card import as_markdown, card_sections
from ecgsk.evaluation._tables import Table, compute_tables
from ecgsk.exceptions import ECGError
from ecgsk.explain import Section, write_report
from ecgsk.persistence import save
from ecgsk.preprocessing import BandpassFilter, Resample

_TEST_SIZE = 0.25
_PICTURES = {
    "arms": "Arms",
    "labels": "Label by label: AUROC",
    "calibration": "Calibration",
    "calibration_labels": "Calibration of the most frequent labels",
    "net_benefit": "Net benefit of the most frequent labels",
    "subgroups": "Subgroups",
}


@dataclass(frozen=True)
class Settings:
    """What the command was asked for; see its help."""

    arms: Sequence[str] | None
    label_fractions: Sequence[float]
    test_size: float | None
    encoder: str
    max_epochs: int | None
    n_resamples: int
    seed: int


def run(folder: Path, out: Path, settings: Settings) -> None:
    """Compare the arms and write what was found."""
    start = time.perf_counter()
    cohort = read_cohort(folder)
    if not cohort.Y.notna().any(axis=None):
        raise ECGError(
            f"ecgsk evaluate: no record of the cohort in {folder} has a diagnosis to learn from. "
            "Build it with other diagnoses, or with a smaller min_count."
        )
    typer.echo(f"{cohort}\n")
    steps = make_pipeline(Resample(100), BandpassFilter(0.5, 40))
    comparison = _compare(steps.fit_transform(cohort.X), cohort, settings)
    typer.echo(f"\n{comparison.summary()}\n")
    out.mkdir(parents=True, exist_ok=True)
    _write(f"Evaluation on {folder.resolve().name}", cohort, steps, comparison, out)
    typer.echo(
        f"{time.perf_counter() - start:.0f} s. Written to {out.resolve()}:\n"
        "report.html, the tables as CSV and LaTeX, the pictures, model_card.md and the model."
    )


def _compare(X: pd.DataFrame, cohort: Cohort, settings: Settings) -> ArmsComparison:
    fixed: dict[str, Any] = {"verbose": False}
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
        random_state=settings.seed,
    )


def _split_of_cohort(cohort: Cohort) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the cohort's own training and test rows, where it has patients to test on."""
    parts = cohort.get("split")
    if parts is None:
        return None
    train, test = (np.flatnonzero(parts.isin(names)) for names in (["train"], ["test"]))
    known = cohort.Y.iloc[test].notna().any(axis=1).to_numpy()
    n_patients = cohort.groups.iloc[test[known]].nunique()
    if n_patients < 2:
        typer.echo(
            f"Patients with labels in the cohort's test part: {n_patients}, too few to test on. "
            f"Instead, patients with {_TEST_SIZE:.0%} of the records are drawn."
        )
        return None
    typer.echo("Trained and tested on the cohort's own parts.")
    return train, test


def _write(
    title: str, cohort: Cohort, steps: Pipeline, comparison: ArmsComparison, out: Path
) -> None:
    tables = compute_tables(comparison)
    for table in tables:
        table.write(out)
    score = _shown(comparison)
    figures = _draw(comparison, score)
    for name, figure in figures.items():
        figure.savefig(out / f"{name}.png", dpi=150)
        figure.set_layout_engine("none")  # found once, it serves the page too
    model = Pipeline([*steps.steps, ("ecgdiagnosisclassifier", score.model)])
    card = card_sections(model, cohort, comparison, None)
    text = as_markdown(f"Model card: {score.arm}", card)
    (out / "model_card.md").write_text(text, encoding="utf-8")
    save(model, out / "model", overwrite=True)
    write_report(
        out / "report.html",
        title=title,
        lead="All arms on one split by patient, on the patients of this cohort alone. Pictures "
        f"and model card are of the arm {score.arm!r}.",
        sections=[
            Section(
                "In short",
                lines=comparison.summary()
                or "The joint embedding is not among the arms: nothing is compared with it.",
            ),
            *_tables_and_pictures(tables, figures),
            *card,
        ],
    )


def _shown(comparison: ArmsComparison) -> ArmScore:
    """Return the joint embedding's score where it was fitted, else the first arm's."""
    arms = [score.arm for score in comparison.scores]
    return comparison.score_of(OURS if OURS in arms else arms[0])


def _draw(comparison: ArmsComparison, score: ArmScore) -> dict[str, Any]:
    held_out = comparison.held_out
    assert held_out is not None  # compare_arms made it
    scored = (held_out.Y, comparison.probabilities_of(score), held_out.patients)
    same: dict[str, Any] = {"n_resamples": held_out.n_resamples, "random_state": held_out.seed}
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
    if len(held_out.who.columns):
        displays["subgroups"] = SubgroupDisplay.from_predictions(*scored, by=held_out.who, **same)
    figures = {name: display.figure_ for name, display in displays.items()}
    return {"arms": comparison.plot()} | figures


def _tables_and_pictures(tables: list[Table], figures: dict[str, Any]) -> list[Section]:
    """Put each picture behind the table it belongs to."""
    behind = {"arms": "arms", "per_label": "labels", "subgroups": "subgroups"}
    sections = []
    left = dict(figures)
    for table in tables:
        sections.append(table.section())
        name = behind.get(table.name)
        if name in left:
            sections.append(Section(_PICTURES[name], figure=left.pop(name)))
    return sections + [Section(_PICTURES[name], figure=figure) for name, figure in left.items()]
