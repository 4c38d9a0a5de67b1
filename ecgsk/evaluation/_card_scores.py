"""Sections of a model card about scores: performance, calibration, subgroups, thresholds."""

import numpy as np
import pandas as pd

from ecgsk.calibration import MultilabelCalibrator
from ecgsk.estimators import ECGDiagnosisClassifier
from ecgsk.evaluation._card_parts import TO_FILL, as_table
from ecgsk.evaluation._comparison import ArmsComparison, ArmScore
from ecgsk.evaluation.rounded_tables import format_interval, subgroups_table
from ecgsk.exceptions import ECGError
from ecgsk.explain import Section
from ecgsk.metrics import masked_calibration_error

_DISCRIMINATION = {"roc_auc": "AUROC", "average_precision": "AUPRC", "f_max": "F-max"}
_CALIBRATION = {"brier": "Brier score", "calibration_error": "expected calibration error"}


def score_of_model(
    model: ECGDiagnosisClassifier, comparison: ArmsComparison | None
) -> ArmScore | None:
    """Return the comparison's score of this model; raise ECGError if it did not fit the model."""
    if comparison is None:
        return None
    for score in comparison.scores:
        if score.model is model:
            return score
    raise ECGError(
        "model_card expected a model that the comparison fitted; got another "
        f"{type(model).__name__}. Pass comparison.score_of(arm).model."
    )


def describe_scores(
    model: ECGDiagnosisClassifier,
    calibrator: MultilabelCalibrator | None,
    score: ArmScore | None,
    comparison: ArmsComparison | None,
) -> list[Section]:
    """Describe scores on the test patients: macro, per label and per subgroup."""
    thresholds = Section("Thresholds", *_thresholds(model, calibrator))
    if score is None or comparison is None or comparison.held_out is None:
        empty = [Section(name, TO_FILL) for name in ("Performance", "Calibration", "Subgroups")]
        return [*empty, thresholds]
    macro: dict[str, str] = {}
    labels = comparison.held_out.counts()[
        ["n_positive", "n_records", "n_positive_patients"]
    ].astype(str)
    for statistic, name in (_DISCRIMINATION | _CALIBRATION).items():
        if statistic == "calibration_error":  # no interval: resampling adds error
            P = comparison.probabilities_of(score)
            errors = np.asarray(masked_calibration_error(comparison.held_out.Y, P, average=None))
            macro[name] = f"{np.nanmean(errors):.3f}"
            labels[name] = ["" if np.isnan(x) else f"{x:.3f}" for x in errors]
            continue
        result = comparison.result_of(score, statistic)
        frame = result.to_frame()[["estimate", "low", "high"]]
        macro[name] = format_interval(result.estimate, result.low, result.high, ".3f")
        labels[name] = [format_interval(x, low, high, ".3f") for x, low, high in frame.to_numpy()]
    labels.columns = ["positive", "known", "positive patients", *labels.columns[3:]]
    n = comparison.n_test_patients
    subgroups = comparison.subgroups(arm=score.arm)
    own = subgroups[_of_setting(subgroups, score)] if len(subgroups) else subgroups
    return [
        Section(
            "Performance",
            f"On {n:,} test patients with labels. Macro scores are means over labels with both "
            "classes; brackets hold 95 % patient-bootstrap intervals. "
            + _macro(macro, _DISCRIMINATION),
            labels.reset_index()[
                ["label", "positive", "known", "positive patients", *_DISCRIMINATION.values()]
            ],
        ),
        Section(
            "Calibration",
            "Of the predicted probabilities on the test patients; lower is better. "
            + _macro(macro, _CALIBRATION),
            labels.reset_index()[["label", *_CALIBRATION.values()]],
        ),
        Section(
            "Subgroups",
            "Macro AUROC on the test patients. The labels with both classes may differ between "
            "subgroups.",
            subgroups_table(own),
        )
        if len(own)
        else Section("Subgroups", TO_FILL),
        thresholds,
    ]


def _macro(scores: dict[str, str], names: dict[str, str]) -> str:
    return "Macro: " + "; ".join(f"{name} {scores[name]}" for name in names.values()) + "."


def _of_setting(frame: pd.DataFrame, score: ArmScore) -> pd.Series:
    return (frame["label_fraction"] == score.label_fraction) & (frame["archive"] == score.archive)


def _thresholds(
    model: ECGDiagnosisClassifier, calibrator: MultilabelCalibrator | None
) -> tuple[str, pd.DataFrame | None]:
    if model.thresholds_ is None:
        return "The most probable class is predicted.", None
    text = "A label is predicted if its probability exceeds the threshold."
    thresholds = model.thresholds_ if calibrator is None else calibrator.thresholds_
    if calibrator is not None:
        text += " Thresholds and calibration were set on held-out patients."
    elif (thresholds == 0.5).all():
        return f"{text} It is the default of 0.5 for each label.", None
    names = model.label_names_ or range(len(thresholds))
    table = as_table({str(name): f"{t:.4g}" for name, t in zip(names, thresholds, strict=True)})
    return text, table.set_axis(["label", "threshold"], axis=1)
