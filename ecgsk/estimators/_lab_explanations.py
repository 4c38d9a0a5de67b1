"""Inputs of explanations: signals in memory, properties of the targets, attributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

import ecgsk
from ecgsk import calibration, explain, io
from ecgsk._paths import describe
from ecgsk.estimators._lab_targets import are_lab_targets, read_reference_ranges
from ecgsk.estimators._outputs import LinearHead, probabilities_from_logits
from ecgsk.estimators.diagnosis import ECGDiagnosisClassifier
from ecgsk.signals import ECGArray, ECGDtype, quality
from ecgsk.signals.columns import ecg_column, find_ecg_column
from ecgsk.signals.missing_records import refuse_missing
from ecgsk.signals.screening import screen


def read_signals(X: Any) -> tuple[list, Any, ECGArray | None]:
    """Read each signal once, for quality, embedding, attribution and plots.

    Returns index labels (row numbers of an array), X with its ECGs in memory, and the ECGs in
    mV; a plain array stays as it is, and its ECGs are None.
    """
    column = find_ecg_column(X)
    if column is None and not isinstance(getattr(X, "dtype", None), ECGDtype):
        return list(range(len(X))), X, None
    refuse_missing("explain", X)
    stored = ecg_column(X)
    ecg = ECGArray.from_numpy(stored.read(), sampling_rate=stored.sampling_rate, leads=stored.leads)
    records = list(range(len(X))) if isinstance(X, ECGArray) else X.index.tolist()
    if column is None:
        return records, ecg, ecg
    X = X.copy(deep=False)
    X[column] = ecg
    return records, X, ecg


def describe_patients(X: Any) -> list[dict[str, str]]:
    """Return age and sex of each record as text, where X has them."""
    if not isinstance(X, pd.DataFrame):
        return [{} for _ in range(len(X))]
    patients: list[dict[str, str]] = [{} for _ in range(len(X))]
    for name, as_text in (
        ("age", _describe_age),
        ("sex", _describe_sex),
        ("male", _describe_male),
    ):
        for patient, value in zip(patients, X.get(name, ()), strict=False):
            if not pd.isna(value):
                patient["sex" if name == "male" else name] = as_text(value)
    return patients


def _describe_age(value: Any) -> str:
    return f"{value:.0f} years" if isinstance(value, Real) else str(value)


def _describe_sex(value: Any) -> str:
    return {"f": "female", "m": "male"}.get(str(value).lower(), str(value))


def _describe_male(value: Any) -> str:
    return "male" if value else "female"


def add_heart_rates(patients: list[dict[str, str]], ecg: ECGArray | None) -> list[dict[str, str]]:
    """Add the median heart rate of each ECG; none where fewer than three beats are found."""
    for patient, record in zip(patients, ecg if ecg is not None else (), strict=False):
        beats = io.find_beats(record.signal, record.sampling_rate)
        if len(beats) > 2:
            patient["heart rate"] = f"heart rate {60 / np.median(np.diff(beats)):.0f}/min"
    return patients


def lab_facts(
    names: Sequence[str],
    base_rates: np.ndarray,
    reference_ranges: Any,
    calibrator: calibration.MultilabelCalibrator | None,
    prevalence: float | Mapping[str, float] | None,
) -> pd.DataFrame:
    """Return base rate, reference range and calibration of each target, NaN if unknown.

    Raises ValueError for a prevalence before calibration, of unknown targets, or outside 0 to 1.
    """
    facts = pd.DataFrame({"base_rate": base_rates.astype(float)}, index=list(names))
    if prevalence is not None:
        _check_prevalence(prevalence, names, calibrator is not None)
    laboratories = [name.rpartition(" ")[0] for name in names]
    ranges = read_reference_ranges(reference_ranges, list(dict.fromkeys(laboratories)))
    facts[["low", "high", "unit"]] = ranges.loc[laboratories].to_numpy()
    if calibrator is None:
        return facts
    facts["threshold"] = calibrator.thresholds_
    facts["sensitivity"], facts["specificity"] = calibrator.sensitivity_, calibrator.specificity_
    facts["prevalence"] = facts["base_rate"]
    if isinstance(prevalence, Mapping):
        facts["prevalence"] = pd.Series(prevalence, dtype=float).combine_first(facts["base_rate"])
    elif prevalence is not None:
        facts["prevalence"] = float(prevalence)
    known = facts[["sensitivity", "specificity"]].notna().all(axis=1)
    calibrated = ["threshold", "sensitivity", "specificity", "prevalence"]
    facts[calibrated] = facts[calibrated].where(known)
    return facts


def _check_prevalence(
    prevalence: float | Mapping[str, float], names: Sequence[str], is_calibrated: bool
) -> None:
    owner = "LabAbnormalityExplainer.explain"
    if not is_calibrated:
        raise ValueError(f"{owner}: predictive values at a prevalence need calibrate first.")
    shares = prevalence if isinstance(prevalence, Mapping) else dict.fromkeys(names, prevalence)
    if unknown := [name for name in shares if name not in names]:
        raise ValueError(f"{owner} expected prevalence for some of {names}; got {unknown}.")
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(
                f"{owner} expected a prevalence from 0 to 1; got {share!r} for {name!r}."
            )


def check_request(
    names: list[str] | None,
    encoder: Any,
    similar_patients: explain.SimilarPatients | None,
    n_attributions: int,
    n_similar: int,
) -> list[str]:
    """Return the names of the targets; raise if an explanation cannot be given."""
    owner = "LabAbnormalityExplainer"
    if names is None or not are_lab_targets(names):
        raise ValueError(
            f"{owner} was fitted on a y that does not name laboratories; explain needs a "
            "DataFrame of laboratory values, or of targets named '... low' and '... high'."
        )
    has_diagnoses = bool(getattr(encoder, "label_names_", None))
    if n_attributions and has_diagnoses and (not encoder.leads_ or encoder.inputs == "clinical"):
        raise ValueError(
            f"{owner}: attributions need ECGs with named leads. Fit and explain a DataFrame with "
            "an ECG column, or set n_attributions=0."
        )
    if n_similar and similar_patients is None:
        raise ValueError(
            f"{owner} keeps no patients; got n_similar={n_similar}. Fit it with "
            "keep_patients=True; their tables are then part of the model."
        )
    return names


def predict_diagnoses(classifier: ECGDiagnosisClassifier, embedding: np.ndarray) -> np.ndarray:
    """Return a classifier's probabilities, equal to ``predict_proba`` up to float32 rounding."""
    logits = LinearHead(classifier.coef_, classifier.intercept_).logits(embedding)
    return probabilities_from_logits(logits, is_binary=False, is_multilabel=True)


def diagnosis_parts(
    encoder: Any,
    embedding: np.ndarray,
    calibrator: calibration.MultilabelCalibrator | None,
    evidence: explain.LabEvidence | None,
) -> dict[str, Any]:
    """Return diagnoses and evidence as arguments of `assemble_explanations`."""
    labels = getattr(encoder, "label_names_", None)
    if not labels:
        return {}
    P = predict_diagnoses(encoder, embedding)
    parts: dict[str, Any] = {"thresholds": encoder.thresholds_}
    if calibrator is not None:
        parts = {
            "thresholds": calibrator.thresholds_,
            "prediction_sets": calibrator.predict_sets(P),
            "calibrated": calibrator.calibrated_,
            "coverage": calibrator.coverage,
        }
        P = calibrator.predict_proba(P)
    if evidence is not None and "holds" in evidence.links_:
        parts["links"] = evidence.held_links_
        parts["contributions"] = evidence.contributions(embedding)
    return parts | {"diagnoses": pd.DataFrame(P, columns=labels)}


def signal_parts(
    encoder: Any, X: Any, ecg: ECGArray | None, diagnoses: dict[str, Any], n_attributions: int
) -> dict[str, Any]:
    """Return signals, problems and attributions as arguments of `assemble_explanations`."""
    parts: dict[str, Any] = {}
    if ecg is not None:
        parts = {"ecgs": list(ecg), "problems": quality(ecg)["problem"].tolist()}
    if n_attributions and diagnoses:
        P = diagnoses["diagnoses"]
        parts["attributions"] = _attribute(encoder, X, ecg, P, n_attributions)
    return parts


def _attribute(
    encoder: Any, X: Any, ecg: ECGArray | None, diagnoses: pd.DataFrame, n: int
) -> list[tuple[explain.Attribution, ...]]:
    """Attribute the ``n`` most probable diagnoses of each record to leads and beats."""
    P, names = diagnoses.to_numpy(), list(diagnoses)
    scaler = encoder.scaler_
    tables = [None] * len(P) if scaler is None else scaler.transform(X)
    module = encoder.net_.module_.eval()
    return [
        explain.attribute(
            module,
            signal,
            encoder.leads_,
            encoder.sampling_rate_,
            {names[j]: int(j) for j in np.argsort(-p, kind="stable")[:n]},
            table=table,
        )
        for signal, table, p in zip(_model_signals(encoder, X, ecg), tables, P, strict=True)
    ]


def _model_signals(model: ECGDiagnosisClassifier, X: Any, ecg: ECGArray | None) -> np.ndarray:
    """Return samples as the model's module takes them: its order of leads, screened."""
    if ecg is None:
        x = np.asarray(X, dtype=np.float32)
        return screen(x if x.ndim == 3 else x[:, None], in_millivolt=False)[0]
    assert model.leads_ is not None  # checked in check_request
    return screen(ecg.select_leads(model.leads_).read())[0]


def describe_model(
    encoder: Any,
    n_measured: np.ndarray | None,
    calibrator: calibration.MultilabelCalibrator | None,
    diagnosis_calibrator: calibration.MultilabelCalibrator | None,
) -> dict[str, Any]:
    """Return the description of the model that the page shows.

    `n_measured` is None for a model without laboratories.
    """
    facts = {
        "training population": encoder.training_population_ or "not stated",
        "diagnosis model": describe(encoder),
        "leads": list(encoder.leads_ or ()),
        "sampling rate, Hz": encoder.sampling_rate_,
    }
    if n_measured is not None:
        low, high = f"{n_measured.min():,}", f"{n_measured.max():,}"
        n_records = low if low == high else f"{low} to {high}"
        facts["training records per laboratory finding"] = n_records
    facts["calibrated diagnoses"] = _count_calibrated(diagnosis_calibrator)
    if n_measured is not None:
        facts["calibrated laboratory findings"] = _count_calibrated(calibrator)
    return facts | {"software": f"ecgsk {ecgsk.__version__}"}


def describe_evidence(evidence: explain.LabEvidence | None) -> dict[str, str]:
    """Return what the odds ratios of the evidence are adjusted for."""
    if evidence is None or "holds" not in evidence.links_:
        return {}
    names = ", ".join(evidence.covariates_) or "no age, sex or vital signs: none were given"
    return {"evidence adjusted for": f"the other laboratories; {names}"}


def _count_calibrated(calibrator: calibration.MultilabelCalibrator | None) -> str:
    if calibrator is None:
        return "none"
    return f"{calibrator.calibrated_.sum()} of {len(calibrator.calibrated_)}"
