"""Sections of a model card about the fit: architecture, training, versions and limits."""

import platform
from typing import Any

import numpy as np
import pandas as pd
import sklearn
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import ecgsk
from ecgsk._paths import describe
from ecgsk.calibration import MultilabelCalibrator
from ecgsk.datasets import Cohort
from ecgsk.estimators import (
    ECGDiagnosisClassifier,
    JointEmbeddingPretrainer,
    LabAbnormalityExplainer,
)
from ecgsk.estimators.diagnosis_explanations import split_calibrator
from ecgsk.evaluation._card_parts import as_table
from ecgsk.evaluation._comparison import MIN_PATIENTS_FOR_VERDICT, ArmsComparison, ArmScore
from ecgsk.exceptions import ECGError
from ecgsk.explain import Section

_INPUTS = {
    "ecg": "the ECG alone",
    "clinical": "the clinical table alone",
    "ecg+clinical": "the ECG and the clinical table",
}
# Parameters that do not change the fitted model, or have their own row.
_OMITTED_PARAMETERS = ("verbose", "device", "trainer", "encoder")


def split_pipeline(
    model: Any,
) -> tuple[list[Any], ECGDiagnosisClassifier, MultilabelCalibrator | None]:
    """Return the preprocessing steps of a model, its classifier and their calibrator.

    The classifier may be in a calibrator, or be the encoder of an explainer. Raise ECGError
    without one.
    """
    steps, last, calibrator = [], model, None
    if isinstance(model, Pipeline):
        *steps, last = (step for _, step in model.steps)
    if isinstance(last, LabAbnormalityExplainer):
        check_is_fitted(last)
        last, calibrator = last.encoder_, last.diagnosis_calibrator_
    elif isinstance(last, MultilabelCalibrator):
        check_is_fitted(last)
        last, calibrator = split_calibrator(last)
    if not isinstance(last, ECGDiagnosisClassifier):
        raise ECGError(
            "model_card expected a fitted ECGDiagnosisClassifier, alone, calibrated or with an "
            f"explainer, or a pipeline that ends in one; got {type(last).__name__}. "
            "Pass comparison.score_of(arm).model, for example."
        )
    check_is_fitted(last)
    return steps, last, calibrator


def describe_model(steps: list[Any], model: ECGDiagnosisClassifier) -> list[Section]:
    """Describe inputs, architecture and outputs of the model."""
    facts: dict[str, object] = {
        "kind": f"{type(model).__name__} of ecgsk {ecgsk.__version__}",
        "predicts from": _INPUTS[model.inputs],
    }
    if model.inputs != "clinical":
        n_leads, n_samples = model.shape_
        rate = model.sampling_rate_
        facts |= {
            "architecture": describe(model.encoder_spec_),
            "leads": ", ".join(model.leads_) if model.leads_ else f"{n_leads}, not named",
            "sampling rate": f"{rate:g} Hz" if rate else None,
            "record": f"{n_samples:,} samples" + (f", {n_samples / rate:g} s" if rate else ""),
        }
    if model.scaler_ is not None:
        facts["clinical columns"] = ", ".join(map(str, model.scaler_.columns_))
    n_parameters = sum(parameter.numel() for parameter in model.net_.module_.parameters())
    labels = model.label_names_ or [str(label) for label in model.classes_]
    facts |= {
        "parameters": f"{n_parameters:,}",
        "preprocessing": "; ".join(map(describe, steps)) or "none inside the model",
        "output": f"a probability for each of {model.n_outputs_:,} labels",
        "labels": ", ".join(map(str, labels)),
    }
    return [Section("Model", table=as_table(facts))]


def describe_training(
    model: ECGDiagnosisClassifier, score: ArmScore | None, comparison: ArmsComparison | None
) -> list[Section]:
    """Describe objective, training parameters, seeds and software versions."""
    facts: dict[str, object] = {}
    pretrainer = _pretrainer(model)
    if pretrainer is not None:
        objective = getattr(pretrainer, "objective_", pretrainer.objective)
        facts |= {
            "pre-training": f"{type(pretrainer).__name__}, objective {describe(objective)}",
            "pre-training, epochs": _epochs(getattr(pretrainer, "history_", None))
            or _epochs(model.pretraining_history_),
            "pre-training, parameters": _changed(pretrainer),
            "pre-training, table": _table_of(pretrainer, model),
        }
    else:
        facts["pre-training"] = "none"
    recipe = model.recipe_
    facts |= {
        "loss of the diagnoses": "binary cross-entropy over the labels that were measured",
        "training of the diagnoses": f"fine_tune={recipe.fine_tune!r}: {recipe.reason}",
        "epochs": _epochs(model.history_) or "none: a linear probe",
        "parameters": _changed(model),
        "seed": model.random_state,
    }
    if score is not None:
        facts |= {
            "arm of the comparison": score.arm,
            "training patients whose labels were used": f"{100 * score.label_fraction:.3g} %",
            "labelled training records": f"{score.n_labelled:,}",
            "unlabelled records in pre-training": f"{score.archive:,}",
            "seconds of the fit": f"{score.seconds:.0f}",
        }
    if comparison is not None and comparison.held_out is not None:
        facts["bootstrap"] = (
            f"{comparison.held_out.n_resamples:,} resamples of patients, "
            f"seed {comparison.held_out.seed}"
        )
    versions = {
        "Python": platform.python_version(),
        "ecgsk": ecgsk.__version__,
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "pandas": pd.__version__,
    }
    return [
        Section("Training", table=as_table(facts)),
        Section("Versions", "Software that wrote this card.", as_table(versions)),
    ]


def describe_limits(
    model: ECGDiagnosisClassifier,
    calibrator: MultilabelCalibrator | None,
    cohort: Cohort | None,
    comparison: ArmsComparison | None,
) -> list[Section]:
    """Describe the limits of the card's figures."""
    limits = ["Scored on held-out patients of one cohort, not at another site or time."]
    if comparison is None:
        limits = ["Not scored: this card was written without a comparison."]
    elif comparison.n_test_patients < MIN_PATIENTS_FOR_VERDICT:
        n = comparison.n_test_patients
        limits.append(f"Only {n} test patients have labels: the intervals are not reliable.")
    if comparison is not None and comparison.held_out is not None:
        counts = comparison.held_out.counts()
        rare = counts.index[counts["n_positive_patients"] < MIN_PATIENTS_FOR_VERDICT]
        limits.append(
            f"{len(rare)} of {len(counts)} labels have fewer than {MIN_PATIENTS_FOR_VERDICT} "
            "positive test patients."
        )
    if calibrator is None:
        limits.append("A threshold of 0.5 is a default, not chosen on held-out patients.")
    limits += [
        "Records must have the leads, sampling rate and length above.",
    ]
    if model.inputs == "ecg":
        limits.append("Predictions do not use the clinical table.")
    return [Section("Limits", " ".join(limits))]


def _pretrainer(model: ECGDiagnosisClassifier) -> JointEmbeddingPretrainer | None:
    encoder = model.encoder
    if isinstance(encoder, FrozenEstimator):
        encoder = encoder.estimator
    return encoder if isinstance(encoder, JointEmbeddingPretrainer) else None


def _epochs(history: pd.DataFrame | None) -> str:
    return "" if history is None or history.empty else str(len(history))


def _table_of(pretrainer: JointEmbeddingPretrainer, model: ECGDiagnosisClassifier) -> str:
    """Return the columns of a frozen pre-training, or of one inside the model's fit."""
    if hasattr(pretrainer, "history_"):
        columns = [] if pretrainer.scaler_ is None else pretrainer.scaler_.columns_
    else:
        columns = model.clinical_columns_
    return ", ".join(map(str, columns)) or "none, signals alone"


def _changed(estimator: Any) -> str:
    """Return the parameters that differ from their defaults, as text."""
    defaults = type(estimator)().get_params(deep=False)
    own = estimator.get_params(deep=False)
    changed = [
        f"{name}={describe(value)}"
        for name, value in own.items()
        if name not in _OMITTED_PARAMETERS and repr(value) != repr(defaults[name])
    ]
    return ", ".join(changed) or "all defaults"
