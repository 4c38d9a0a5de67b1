"""Run ``ecgsk train``: fit the three stages on a cohort folder, and write a report."""

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk._json_values import json_value, snake_case
from ecgsk._safe_text import write_csv, write_text
from ecgsk.calibration import MultilabelCalibrator
from ecgsk.cli._ending import CHECKPOINTS, fit_settings
from ecgsk.cli._output import finish, say
from ecgsk.cli._preprocessing import preprocessing_steps
from ecgsk.cli._stages import (
    FittedStages,
    StageData,
    StageTargets,
    choose_sides,
    fit_stages,
    read_targets,
)
from ecgsk.cli._study_file import (
    TrainSettings,
    build_estimators,
    resolved_toml,
)
from ecgsk.cli._training_report import (
    UNSCORED,
    Scores,
    calibration_hint,
    draw_figures,
    histories,
    macro_text,
    report_sections,
    score_targets,
    sides_table,
    stages_table,
)
from ecgsk.datasets import read_cohort
from ecgsk.evaluation.cards import as_markdown, card_sections
from ecgsk.evaluation.single_model import score_model
from ecgsk.exceptions import ECGError
from ecgsk.explain import write_report
from ecgsk.persistence import save
from ecgsk.plotting.figures import write_figure

MODEL = "model"
STUDY_FILE = "study.toml"
_LEAD = "Research software, not a medical device: do not use it for patient care."


def run(folder: Path, out: Path, settings: TrainSettings, *, overwrite: bool) -> None:
    """Fit, calibrate and score the stages; write model, card, report and tables."""
    _check_out(out, overwrite)
    cohort = read_cohort(folder)
    say(f"{cohort}\n")
    sides = choose_sides(
        cohort,
        val_fold=settings.val_fold,
        test_fold=settings.test_fold,
        val_size=settings.val_size,
        seed=settings.seed,
    )
    targets = read_targets(cohort, sides.train, pretrain=settings.pretrain)
    data = StageData(cohort, targets, sides)
    say(f"{sides_table(data).to_string(index=False)}\nSplit: {sides.source}.")
    fixed = fit_settings(out / CHECKPOINTS)
    pretrainer, classifier, explainer = build_estimators(settings, **fixed)
    _check_coverage(explainer.coverage)
    study = resolved_toml(
        settings,
        {
            "pretrainer": pretrainer,
            "classifier": classifier,
            "explainer": explainer,
            "trainer": fixed["trainer"],
            "augmentation": classifier.augmentation,
        },
        f"ecgsk {ecgsk.__version__}: repeat this run with\n"
        f"  ecgsk train {folder.resolve().name} --out NEW --config {STUDY_FILE}",
    )
    if any((out / CHECKPOINTS).glob("*")):
        say(f"Epochs in {out / CHECKPOINTS} are not repeated, if the settings are the same.")
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / STUDY_FILE, study)
    steps = make_pipeline(*preprocessing_steps(settings.sampling_rate, settings.band))
    X = steps.fit_transform(cohort.X)
    _say_stages(pretrainer, targets)
    stages = fit_stages(
        steps,
        X,
        data,
        pretrainer=pretrainer,
        classifier=classifier,
        explainer=explainer,
    )
    scores = _score(X, stages, data, settings)
    document = _write(folder, out, data, stages, scores, settings, study)
    save(stages.model, out / MODEL, overwrite=True)
    shutil.rmtree(out / CHECKPOINTS, ignore_errors=True)
    _finish(out, stages, scores, document)


def _check_out(out: Path, overwrite: bool) -> None:
    if (out / MODEL).exists() and not overwrite:
        raise ECGError(
            f"ecgsk train: {out / MODEL} holds a model. Give another --out, or --overwrite to "
            "replace it."
        )


def _check_coverage(coverage: Any) -> None:
    """Raise for a coverage that the calibration at the end of training would refuse."""
    P = np.linspace(0.1, 0.9, 20)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MultilabelCalibrator(coverage=coverage).fit(P, pd.DataFrame({"label": (P > 0.5)[:, 0]}))


def _say_stages(pretrainer: Any, targets: StageTargets) -> None:
    """Say which stages are trained and which are left out."""
    lines = ["\nStage i, pre-training: " + ("left out" if pretrainer is None else "yes")]
    for name, frame, absent in (
        ("ii, diagnoses", targets.diagnoses, "no diagnosis to learn"),
        ("iii, laboratories", targets.laboratories, "no laboratory value to learn"),
    ):
        text = f"left out: {absent}" if frame is None else f"{frame.shape[1]} targets"
        lines.append(f"Stage {name}: {text}")
    say("\n".join(lines) + "\n")


def _score(
    X: pd.DataFrame, stages: FittedStages, data: StageData, settings: TrainSettings
) -> dict[str, Scores]:
    """Score diagnoses and laboratories on the test patients; what cannot be scored is absent."""
    targets, test = data.targets, data.sides.test
    patients = data.cohort.groups.to_numpy()[test]
    parts: list[tuple[str, str, pd.DataFrame | None, Any, MultilabelCalibrator | None]] = [
        ("diagnoses", "Diagnoses", targets.diagnoses, stages.classifier, stages.calibrator)
    ]
    if stages.explainer is not None:
        explainer = stages.explainer
        parts.append(
            (
                "laboratories",
                "Laboratory abnormalities",
                targets.laboratories,
                explainer,
                explainer.calibrator_,
            )
        )
    scores: dict[str, Scores] = {}
    for name, kind, Y, model, calibrator in parts:
        if Y is None or model is None:
            continue
        raw = expit(model.decision_function(X.iloc[test]))  # before calibration
        part = score_targets(
            kind,
            Y.iloc[test],
            raw,
            calibrator,
            patients,
            n_resamples=settings.resamples,
            seed=settings.seed,
        )
        if part is None:
            say(f"{kind}: not scored. {UNSCORED}")
        else:
            scores[name] = part
    return scores


def _write(
    folder: Path,
    out: Path,
    data: StageData,
    stages: FittedStages,
    scores: dict[str, Scores],
    settings: TrainSettings,
    study: str,
) -> dict[str, Any]:
    """Write tables, figures, card, JSON and report; return the content of the JSON."""
    for name, part in scores.items():
        write_csv(part.labels, out / f"{name}.csv")
    losses = histories(stages)
    if losses:
        frame = pd.concat(losses, names=["stage", "epoch"]).reset_index()
        write_csv(frame, out / "history.csv")
    _write_split(data, out)
    figures = draw_figures(stages, scores, settings.seed, settings.resamples)
    for name, figure in figures.items():
        write_figure(figure, out / f"{name}.png")
    if stages.classifier is not None:
        write_text(out / "model_card.md", _card(data, stages, scores, settings))
    title = f"Training on {folder.resolve().name}"
    sections = report_sections(data, stages, scores, figures, study)
    write_report(out / "report.html", title=title, lead=_LEAD, sections=sections)
    document = {
        "model": str(out / MODEL),
        "split": data.sides.source,
        "sides": sides_table(data).to_dict("records"),
        "clinical_columns": [str(name) for name in stages.encoder.clinical_columns_],
        "stages": stages_table(stages, data.targets).to_dict("records"),
        "scores": {
            name: {"macro": part.macro, "labels": part.labels.to_dict("records")}
            for name, part in scores.items()
        },
        "seconds": round(stages.seconds, 1),
        "made_with": f"ecgsk {ecgsk.__version__}",
    }
    document = json_value(document, snake_case)
    write_text(out / "training_report.json", json.dumps(document, indent=1))
    return document


def _write_split(data: StageData, out: Path) -> None:
    """Write split.csv, the side of each record: later scores need the test side."""
    names = pd.Series("not used", index=data.cohort.X.index, name="side")
    for side, rows in data.sides.items():
        names.iloc[rows] = side
    frame = pd.DataFrame({"subject_id": data.cohort.groups, "side": names})
    write_csv(frame, out / "split.csv", index=True)


def _card(
    data: StageData, stages: FittedStages, scores: dict[str, Scores], settings: TrainSettings
) -> str:
    comparison, cohort, sides = None, data.cohort, data.sides
    classifier, Y = stages.classifier, data.targets.diagnoses
    if "diagnoses" in scores and classifier is not None and Y is not None:
        comparison = score_model(
            classifier,
            scores["diagnoses"].P.to_numpy(),
            cohort,
            Y,
            train=sides.train,
            calibration=sides.calibration,
            test=sides.test,
            seconds=stages.seconds,
            n_resamples=settings.resamples,
            seed=settings.seed,
        )
    return as_markdown("Model card", card_sections(stages.model, cohort, comparison, None))


def _finish(
    out: Path, stages: FittedStages, scores: dict[str, Scores], document: dict[str, Any]
) -> None:
    lines = [macro_text(part) for part in scores.values()]
    lines += [hint for part in scores.values() if (hint := calibration_hint(part))]
    names = sorted(path.name for path in out.iterdir() if path.name != MODEL)
    lines += [
        "",
        f"{stages.seconds:.0f} s of training. Written to {out.resolve()}:",
        f"{', '.join(names)} and the model.",
        f"What the model holds: ecgsk info {out / MODEL}",
    ]
    finish("\n".join(lines), document)
