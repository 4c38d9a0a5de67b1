"""Explanations of a diagnosis model without laboratories, calibrated or not."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import _num_samples

import ecgsk.estimators._lab_explanations as parts
from ecgsk import calibration, explain
from ecgsk._alignment import check_row_order
from ecgsk.estimators._lab_targets import read_diagnoses
from ecgsk.estimators.diagnosis import ECGDiagnosisClassifier
from ecgsk.exceptions import ECGError


def split_calibrator(model: Any) -> tuple[Any, calibration.MultilabelCalibrator | None]:
    """Return the estimator of a model, out of its calibrator and FrozenEstimator."""
    calibrator = None
    if isinstance(model, calibration.MultilabelCalibrator):
        model, calibrator = model.estimator_, model
    return (model.estimator if isinstance(model, FrozenEstimator) else model), calibrator


def explain_diagnoses(
    model: Any,
    X: Any,
    diagnoses: Any = None,
    *,
    n_attributions: int = 0,
    titles: Mapping[str, str] | None = None,
) -> explain.Explanations:
    """Explain records by a classifier of many labels, or one in a MultilabelCalibrator.

    Parameters and result are those of ``LabAbnormalityExplainer.explain``, without laboratory
    findings and evidence.
    """
    classifier, calibrator = split_calibrator(model)
    if not isinstance(classifier, ECGDiagnosisClassifier) or classifier.label_names_ is None:
        raise ECGError(
            "explain_diagnoses expected an ECGDiagnosisClassifier of many labels, or a "
            f"MultilabelCalibrator of one; got {type(classifier).__name__}. Fit it with a "
            "DataFrame of labels as y."
        )
    owner, n_records = "explain_diagnoses", _num_samples(X)
    check_row_order(owner, X, diagnoses=diagnoses)
    if diagnoses is not None and pd.isna(np.asarray(diagnoses)).all():
        diagnoses = None
    if calibrator is not None:
        calibrator = copy.copy(calibrator)
        calibrator.estimator_ = None  # it calibrates the probabilities of the embedding below
    patients = parts.describe_patients(X)
    records, X, ecg = parts.read_signals(X)
    embedding = np.asarray(classifier.transform(X))
    predicted = parts.diagnosis_parts(classifier, embedding, calibrator, None)
    return explain.assemble_explanations(
        records,
        pd.DataFrame(index=range(n_records)),
        pd.DataFrame(columns=["base_rate"]),
        **predicted,
        **parts.signal_parts(classifier, X, ecg, predicted, n_attributions),
        model=parts.describe_model(classifier, None, None, calibrator),
        patients=parts.add_heart_rates(patients, ecg),
        titles=titles,
        recorded=read_diagnoses(diagnoses, classifier, n_records, owner),
    )
