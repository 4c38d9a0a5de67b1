"""Report of ``ecgsk train``: patients, losses, scores, calibration and thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ecgsk._paths import describe
from ecgsk.calibration import MultilabelCalibrator
from ecgsk.cli._stages import FittedStages, StageData, StageTargets
from ecgsk.datasets import Cohort
from ecgsk.evaluation import LabelScoresDisplay, MultilabelCalibrationDisplay
from ecgsk.evaluation.rounded_tables import format_interval
from ecgsk.explain import Section
from ecgsk.metrics import masked_calibration_error, patient_bootstrap
from ecgsk.plotting import TrainingHistoryDisplay

_NOT_CLINICAL = ("ecg", "subject_id")
SCORES = {"roc_auc": "AUROC", "average_precision": "AUPRC", "brier": "Brier score"}
_BOUNDS = ("estimate", "low", "high")
_INPUTS = "Predictions need the ECG alone. The table is used in training."
# Percentile intervals over fewer patients are too narrow.
_MIN_PATIENTS_FOR_INTERVALS = 20
_INDEPENDENCE = (
    "Training, calibration and test patients are different people. Calibration patients set "
    "probabilities, thresholds and prediction sets, and are not scored. All scores are of the "
    "test patients, who were used for nothing else."
)


@dataclass(frozen=True)
class Scores:
    """Scores of one kind of target on the test patients.

    `macro` and `labels` hold estimates and bounds; `P` the calibrated probabilities of the test
    records, and `raw` those before calibration.
    """

    kind: str
    Y: pd.DataFrame
    P: pd.DataFrame
    raw: pd.DataFrame
    patients: np.ndarray
    macro: dict[str, Any]
    labels: pd.DataFrame


def score_targets(
    kind: str,
    Y: pd.DataFrame,
    raw: np.ndarray,
    calibrator: MultilabelCalibrator | None,
    patients: np.ndarray,
    *,
    n_resamples: int,
    seed: int,
) -> Scores | None:
    """Score probabilities of the test records; None where no label has both classes."""
    uncalibrated = pd.DataFrame(raw, Y.index, Y.columns)
    P = uncalibrated
    if calibrator is not None:
        P = pd.DataFrame(calibrator.calibrator_.transform(raw), Y.index, Y.columns)
    values = Y.to_numpy(dtype=float, na_value=np.nan)
    measured = ~np.isnan(values).all(axis=1)
    has_both = (values == 0).any(axis=0) & (values == 1).any(axis=0)
    if not has_both.any() or len(np.unique(patients[measured])) < 2:
        return None
    macro: dict[str, Any] = {}
    labels = _counts(values, patients, Y.columns)
    for statistic, name in SCORES.items():
        result = patient_bootstrap(
            Y,
            P,
            groups=patients,
            statistic=statistic,
            n_resamples=n_resamples,
            random_state=seed,
        )
        macro[name] = {"estimate": result.estimate, "low": result.low, "high": result.high}
        labels[[name, f"{name} low", f"{name} high"]] = result.to_frame()[[*_BOUNDS]].to_numpy()
    macro["calibration error"] = _calibration_errors(values, P)
    macro["calibration error before calibration"] = _calibration_errors(values, uncalibrated)
    macro["labels"], macro["labels scored"] = Y.shape[1], int(has_both.sum())
    macro["patients"] = len(np.unique(patients[measured]))
    labels = labels.join(_decisions(values, P, calibrator))
    return Scores(kind, Y, P, uncalibrated, patients, macro, labels.reset_index())


def _calibration_errors(values: np.ndarray, P: pd.DataFrame) -> float:
    """Return the mean over labels; no interval, as resampling adds error."""
    return float(np.nanmean(np.asarray(masked_calibration_error(values, P, average=None))))


def _counts(values: np.ndarray, patients: np.ndarray, names: pd.Index) -> pd.DataFrame:
    positive = values == 1
    return pd.DataFrame(
        {
            "known": (~np.isnan(values)).sum(axis=0),
            "positive": positive.sum(axis=0),
            "positive patients": [len(np.unique(patients[rows])) for rows in positive.T],
        },
        index=names.rename("label"),
    )


def _decisions(
    values: np.ndarray, P: pd.DataFrame, calibrator: MultilabelCalibrator | None
) -> pd.DataFrame:
    """Return thresholds, and sensitivity, specificity and predictive values on test records."""
    n_labels = P.shape[1]
    thresholds = np.full(n_labels, 0.5) if calibrator is None else calibrator.thresholds_
    calibrated = np.zeros(n_labels, bool) if calibrator is None else calibrator.calibrated_
    predicted = P.to_numpy() > thresholds
    positive, negative = values == 1, values == 0
    counts = {
        "sensitivity": (predicted & positive, positive),
        "specificity": (~predicted & negative, negative),
        "positive predictive value": (predicted & positive, predicted & ~np.isnan(values)),
    }
    table = {
        name: part.sum(axis=0) / np.where(whole.any(axis=0), whole.sum(axis=0), np.nan)
        for name, (part, whole) in counts.items()
    }
    facts = {"calibrated": calibrated, "threshold": thresholds}
    return pd.DataFrame(facts | table, index=P.columns.rename("label"))


def sides_table(data: StageData) -> pd.DataFrame:
    """Count records and patients on each side, and those with known targets."""
    targets = data.targets
    parts = {"diagnoses": targets.diagnoses, "laboratory values": targets.laboratories}
    rows = []
    for side, numbers in data.sides.items():
        patients = data.cohort.groups.iloc[numbers]
        row: dict[str, Any] = {
            "side": side,
            "records": len(numbers),
            "patients": patients.nunique(),
        }
        for name, frame in parts.items():
            if frame is not None:
                known = frame.iloc[numbers].notna().any(axis=1).to_numpy()
                row[f"patients with {name}"] = patients[known].nunique()
        rows.append(row)
    return pd.DataFrame(rows)


def inputs_table(cohort: Cohort, stages: FittedStages) -> pd.DataFrame:
    """Describe signals, preprocessing and the columns of the clinical table."""
    encoder, columns = stages.encoder, cohort.X.columns
    used = list(encoder.clinical_columns_)
    aside = [name for name in columns if name not in used and name not in _NOT_CLINICAL]
    rate, n_samples = encoder.sampling_rate_, encoder.shape_[1]
    facts = {
        "leads": ", ".join(encoder.leads_ or ()),
        "record": f"{n_samples:,} samples, {n_samples / rate:g} s at {rate:g} Hz"
        if rate
        else f"{n_samples:,} samples",
        "recorded as": str(cohort.X["ecg"].dtype),
        "preprocessing": "; ".join(describe(step) for _, step in stages.model.steps[:-1]),
        "clinical columns in training": ", ".join(map(str, used)) or "none",
        "columns not used": ", ".join(map(str, aside)) or "none",
    }
    return pd.DataFrame(list(facts.items()), columns=["input", "value"])


def histories(stages: FittedStages) -> dict[str, pd.DataFrame]:
    """Return the history of each stage that was trained for epochs."""
    encoder = stages.encoder
    found: dict[str, pd.DataFrame | None] = {"Pre-training": encoder.history_}
    if stages.classifier is not None:
        found = {
            "Pre-training": stages.classifier.pretraining_history_,
            "Diagnoses": encoder.history_,
        }
    return {name: frame for name, frame in found.items() if frame is not None and len(frame)}


def stages_table(stages: FittedStages, targets: StageTargets) -> pd.DataFrame:
    """Describe what each stage learned, from what, in which time."""
    losses = histories(stages)
    rows = []
    pretraining = losses.get("Pre-training")
    objective = _objective(stages)
    columns = ", ".join(map(str, stages.encoder.clinical_columns_)) or "none"
    rows.append(
        (
            "i. Pre-training",
            "left out" if pretraining is None else f"{objective}; table: {columns}",
            *_epochs(pretraining),
        )
    )
    text = "left out: no diagnosis"
    if stages.classifier is not None:
        recipe = stages.classifier.recipe_
        n = targets.diagnoses.shape[1] if targets.diagnoses is not None else 0
        text = f"{n} diagnoses; fine_tune={recipe.fine_tune}: {recipe.reason}"
    rows.append(("ii. Diagnoses", text, *_epochs(losses.get("Diagnoses"))))
    text = "left out: no laboratory value"
    if stages.explainer is not None and targets.laboratories is not None:
        text = f"linear heads for {targets.laboratories.shape[1]} abnormalities, low or high"
    rows.append(("iii. Laboratories", text, "", ""))
    return pd.DataFrame(rows, columns=["stage", "learned", "epochs", "seconds"])


def _objective(stages: FittedStages) -> str:
    pretrainer: Any = stages.encoder
    if stages.classifier is not None:
        pretrainer = stages.classifier.encoder
    objective = getattr(pretrainer, "objective", None)
    if objective == "auto":
        return "clip" if stages.encoder.clinical_columns_ else "ecg_contrast"
    return str(objective)


def _epochs(history: pd.DataFrame | None) -> tuple[str, str]:
    if history is None:
        return "", ""
    return f"{len(history)}", f"{history['seconds'].sum():.0f}"


def scores_table(scores: Scores) -> pd.DataFrame:
    """Return the scores of each label as text, most frequent label first."""
    frame = scores.labels.sort_values("positive", ascending=False, kind="stable")
    table = {
        "label": frame["label"].astype(str),
        "positive / known": [
            f"{p:,} / {k:,}" for p, k in zip(frame["positive"], frame["known"], strict=True)
        ],
    }
    for name in SCORES.values():
        bounds = frame[[name, f"{name} low", f"{name} high"]].to_numpy()
        table[name] = [format_interval(x, low, high, ".3f") for x, low, high in bounds]
    return pd.DataFrame(table)


def thresholds_table(scores: Scores) -> pd.DataFrame:
    """Return the threshold of each label and its decisions on the test patients, as text."""
    frame = scores.labels.sort_values("positive", ascending=False, kind="stable")
    table = {
        "label": frame["label"].astype(str),
        "calibrated": np.where(frame["calibrated"], "yes", "no: too few patients"),
        "threshold": [f"{x:.3f}" for x in frame["threshold"]],
    }
    for name in ("sensitivity", "specificity", "positive predictive value"):
        table[name] = ["" if np.isnan(x) else f"{x:.2f}" for x in frame[name]]
    return pd.DataFrame(table)


def macro_text(scores: Scores) -> str:
    """Return the macro scores with their intervals, as text."""
    parts = []
    for name in SCORES.values():
        x, low, high = (scores.macro[name][bound] for bound in _BOUNDS)
        parts.append(f"{name} {format_interval(x, low, high, '.3f')}")
    error = scores.macro["calibration error"]
    before = scores.macro["calibration error before calibration"]
    parts.append(f"calibration error {error:.3f} ({before:.3f} before calibration)")
    macro = scores.macro
    text = (
        f"{scores.kind}, {macro['patients']:,} test patients, {macro['labels scored']} of "
        f"{macro['labels']} labels with both classes. Macro: {'; '.join(parts)}."
    )
    if macro["patients"] < _MIN_PATIENTS_FOR_INTERVALS:
        text += f" Fewer than {_MIN_PATIENTS_FOR_INTERVALS} patients: do not rely on the intervals."
    return text


def calibration_hint(scores: Scores) -> str:
    """Say which labels have no threshold of their own, and how to have one; else nothing."""
    n_without = int((~scores.labels["calibrated"].astype(bool)).sum())
    if not n_without:
        return ""
    return (
        f"{scores.kind}: {n_without} of {len(scores.labels)} labels are not calibrated and have "
        "the threshold 0.5: fewer than 10 calibration patients have or lack them. Hold more "
        "patients out with --val-size, or leave rare labels out of the cohort."
    )


def draw_figures(
    stages: FittedStages, scores: Mapping[str, Scores], seed: int, n_resamples: int
) -> dict[str, Any]:
    """Draw the losses, and scores and calibration of each kind of target."""
    figures: dict[str, Any] = {}
    if losses := histories(stages):
        figures["training"] = TrainingHistoryDisplay(losses).plot().figure_
    for name, part in scores.items():
        frame = part.labels.set_index("label")
        forest = frame[["AUROC", "AUROC low", "AUROC high"]].set_axis([*_BOUNDS], axis=1)
        figures[name] = (
            LabelScoresDisplay(forest, name="AUROC, 95 % interval", reference=0.5).plot().figure_
        )
        figures[f"{name}_calibration"] = MultilabelCalibrationDisplay.from_predictions(
            part.Y,
            part.P,
            groups=part.patients,
            n_resamples=n_resamples,
            random_state=seed,
        ).figure_
    return figures


def report_sections(
    data: StageData,
    stages: FittedStages,
    scores: Mapping[str, Scores],
    figures: Mapping[str, Any],
    settings: str,
) -> list[Section]:
    """Return the sections of the report."""
    cohort, targets = data.cohort, data.targets
    counts = sides_table(data).map(_thousands)
    losses = figures.get("training")
    sections = [
        Section(
            "Patients",
            f"Split: {data.sides.source}. {_INDEPENDENCE}",
            counts,
            details=cohort.DESCR.strip() or None,
        ),
        Section("Inputs", _INPUTS, inputs_table(cohort, stages)),
        Section(
            "Training",
            None if losses is not None else "No stage was trained for epochs: no losses.",
            stages_table(stages, targets),
            losses,
        ),
    ]
    for name, part in scores.items():
        sections += _score_sections(name, part, figures)
    for name in ("diagnoses", "laboratories"):
        if getattr(targets, name) is not None and name not in scores:
            sections.append(Section(f"{name.capitalize()}: not scored", UNSCORED))
    return [*sections, Section("Settings", _REPEAT, lines=settings)]


UNSCORED = (
    "No label has both classes among the test patients, or fewer than two test patients have a "
    "known label."
)
_REPEAT = "As written to study.toml, which repeats this run with --config."


def _score_sections(name: str, scores: Scores, figures: Mapping[str, Any]) -> list[Section]:
    title = scores.kind
    return [
        Section(
            f"{title}: scores of the test patients",
            f"{macro_text(scores)} Brackets hold 95 % patient-bootstrap intervals. Lower is better "
            "for Brier score and calibration error.",
            scores_table(scores),
            figures[name],
        ),
        Section(
            f"{title}: calibration of the test patients",
            "Observed over predicted frequency, of the calibrated probabilities.",
            figure=figures[f"{name}_calibration"],
        ),
        Section(
            f"{title}: thresholds",
            "Set on the calibration patients: highest F1 for diagnoses, highest Youden index for "
            "laboratories. A label that fewer than 10 of them have or lack is not calibrated, and "
            "has the threshold 0.5. Sensitivity, specificity and predictive value are of the test "
            "records.",
            thresholds_table(scores),
        ),
    ]


def _thousands(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, np.integer)) else str(value)
