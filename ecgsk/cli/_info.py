"""``ecgsk info``: everything that a saved model holds about patients."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from ecgsk._leakage import SeenPatients
from ecgsk._privacy import MIN_PATIENTS, MIN_PATIENTS_IN_TABLE
from ecgsk.calibration import ConformalSets, MultilabelCalibrator, ProbabilityCalibrator
from ecgsk.cli._output import show
from ecgsk.explain import LabEvidence, SimilarPatients
from ecgsk.persistence import load
from ecgsk.preprocessing import ClinicalScaler

_REVEALS = (
    "Weights depend on every training record. Whoever has the model can test whether a known ECG "
    "was in training (membership inference), better than by chance. See SECURITY.md."
)


class _ByName(dict[str, Any]):
    """Facts by names that are not ours, such as those of clinical columns: printed unchanged."""


def run(folder: Path) -> None:
    """Print what a saved model holds about patients."""
    model = load(folder)
    header = json.loads((folder / "manifest.json").read_text("utf-8"))
    facts = describe_contents(model, header)
    show("\n".join(_lines(facts)), facts)


def describe_contents(model: BaseEstimator, header: dict[str, Any]) -> dict[str, Any]:
    """Return what a loaded model holds about patients, as JSON values."""
    parts = list(_estimators(model))
    facts: dict[str, Any] = {
        "model": _name(model),
        "created": header.get("created"),
        "made_with": header.get("made_with"),
        "training_population": _population(parts),
        "stages": [_stage(part) for part in parts if hasattr(part, "patients_seen_")],
        "clinical_columns": [_table(part) for part in parts if isinstance(part, ClinicalScaler)],
        "laboratories": [_laboratories(part) for part in parts if hasattr(part, "n_measured_")],
        "calibration": [
            _thresholds(part) for part in parts if isinstance(part, MultilabelCalibrator)
        ]
        + [_calibration(part) for part in parts if isinstance(part, ConformalSets)]
        + [_isotonic(part) for part in parts if hasattr(part, "steps_")],
        "evidence": [_evidence(part) for part in parts if isinstance(part, LabEvidence)],
        "similar_patients": [_similar(part) for part in parts if isinstance(part, SimilarPatients)],
    }
    return facts | {"reveals": _REVEALS, "does_not_hold": _absent(parts, facts)}


def _estimators(value: Any, seen: set[int] | None = None) -> Iterator[BaseEstimator]:
    """Yield an estimator and all estimators in its parameters and attributes, once each."""
    seen = set() if seen is None else seen
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _estimators(item, seen)
    if isinstance(value, BaseEstimator) and id(value) not in seen:
        seen.add(id(value))
        if not isinstance(value, FrozenEstimator):  # it has the attributes of what it holds
            yield value
        for item in vars(value).values():
            yield from _estimators(item, seen)


def _population(parts: list[BaseEstimator]) -> str:
    stated = [getattr(part, "training_population_", None) for part in parts]
    return "; ".join(dict.fromkeys(str(name) for name in stated if name)) or "not recorded"


def _stage(part: Any) -> dict[str, Any]:
    """Describe patients, records, labels and scale of a trained estimator."""
    seen: SeenPatients | None = part.patients_seen_
    facts: dict[str, Any] = {"estimator": type(part).__name__, "training_patients": None}
    if seen is not None:
        rate = seen.false_positive_rate
        facts |= {
            "training_patients": seen.n_patients,
            "training_records": seen.n_records,
            "filter_of_patients": {
                "bytes": seen.bits.nbytes,
                "false_positive_rate": _rounded(rate),
                "odds_of_a_known_identifier_rise_by": _rounded(1 / rate),
            },
        }
    if getattr(part, "label_names_", None):
        facts["labels"] = [str(name) for name in part.label_names_]
        if part.thresholds_ is not None:
            facts["thresholds"] = _rounded(part.thresholds_)
    elif getattr(part, "classes_", None) is not None:
        facts["labels"] = [str(name) for name in part.classes_]
    if hasattr(part, "scale_") and getattr(part, "shape_", None):
        mean, spread = part.scale_
        leads = part.leads_ or range(len(mean))
        facts["mean_and_standard_deviation_of_each_lead_in_mv"] = _ByName(
            (str(lead), [_rounded(m), _rounded(s)])
            for lead, m, s in zip(leads, mean, spread, strict=True)
        )
    for name, attribute in (
        ("epochs", "history_"),
        ("epochs_of_pretraining", "pretraining_history_"),
    ):
        history = getattr(part, attribute, None)
        if history is not None and len(history):
            facts[name] = len(history)
    return facts


def _table(scaler: ClinicalScaler) -> dict[str, Any]:
    """Describe the distribution of each number and the levels of each category."""
    facts = _ByName()
    if scaler.numeric_columns_:
        quantiles = scaler.quantiles_.quantiles_
        middle = np.quantile(quantiles, [0, 0.5, 1], axis=0)  # NaN where too few were measured
        for name, known in zip(scaler.numeric_columns_, middle.T, strict=True):
            facts[str(name)] = {
                "quantiles": 0 if np.isnan(known[0]) else len(quantiles),
                "low_median_high": _rounded(known),
            }
    for name, levels in scaler.levels_.items():
        facts[str(name)] = {"levels": [str(level) for level in levels]}
    return facts


def _laboratories(explainer: Any) -> dict[str, Any]:
    names = explainer.label_names_ or [str(number) for number in explainer.classes_]
    return _ByName(
        (str(name), {"measured_records": int(n), "abnormal": _rounded(rate)})
        for name, n, rate in zip(names, explainer.n_measured_, explainer.base_rates_, strict=False)
    )


def _thresholds(calibrator: MultilabelCalibrator) -> dict[str, Any]:
    return {
        "kind": "thresholds: chosen on held-out records, in place of the classifier's",
        "thresholds": _rounded(calibrator.thresholds_),
    }


def _calibration(sets: ConformalSets) -> dict[str, Any]:
    absent, present = sets.n_patients_.T
    return {
        "kind": "prediction sets: quantiles of held-out records' probabilities",
        "patients_without_the_label": [int(absent.min()), int(absent.max())],
        "patients_with_the_label": [int(present.min()), int(present.max())],
    }


def _isotonic(calibrator: ProbabilityCalibrator) -> dict[str, Any]:
    steps = [part.shape[1] for part in calibrator.steps_]
    return {
        "kind": "isotonic calibration: probabilities of held-out records",
        "steps_of_a_label": [min(steps), max(steps)],
    }


def _evidence(evidence: LabEvidence) -> dict[str, Any]:
    n_patients = evidence.links_["n_with"] + evidence.links_["n_without"]
    return {
        "pairs_of_finding_and_diagnosis": len(evidence.links_),
        "patients_of_a_pair": [int(n_patients.min()), int(n_patients.max())],
    }


def _similar(similar: SimilarPatients) -> dict[str, Any]:
    return {
        "records": len(similar.patients_),
        "patients": len(np.unique(similar.patients_)),
        "embedding": f"{similar.embedding_.shape[1]} numbers of each record",
        "diagnoses_of_each_record": [str(name) for name in similar.diagnoses_],
        "values_of_each_record": [str(name) for name in similar.table_],
    }


def _absent(parts: list[BaseEstimator], facts: dict[str, Any]) -> list[str]:
    """Return statements about data that the model does not hold."""
    sizes = [stage["training_patients"] for stage in facts["stages"]]
    absent = [
        "ECG signals",
        "identifiers of patients, or hashes by which they could be listed",
        "folders of the machine that trained it",
        "state of the optimiser, callbacks and checkpoints",
    ]
    if sizes and all(n is not None and n >= MIN_PATIENTS_IN_TABLE for n in sizes):
        absent.append(
            f"text, dates and categories of fewer than {MIN_PATIENTS} patients; the "
            f"{MIN_PATIENTS // 2} lowest and highest patients' values of any clinical column"
        )
    if not facts["similar_patients"]:
        absent.append("embeddings, diagnoses or table rows of single patients")
    return absent


def _lines(facts: dict[str, Any]) -> Iterator[str]:
    for name, value in facts.items():
        if value in ([], None):
            continue
        title = name.replace("_", " ")
        yield f"{title[:1].upper()}{title[1:]}:" + _inline(value)
        yield from _indented(value, "  ")


def _indented(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            title = name if isinstance(value, _ByName) else name.replace("_", " ")
            yield f"{indent}{title}:{_inline(item)}"
            yield from _indented(item, indent + "  ")
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for item in value:
            yield from _indented(item, indent)
    elif isinstance(value, list) and sum(map(len, map(str, value))) > 200:
        yield from (f"{indent}- {item}" for item in value)


def _inline(value: Any) -> str:
    """Return a value that fits on the line of its name, else nothing."""
    if isinstance(value, dict) or (
        isinstance(value, list) and value and isinstance(value[0], dict)
    ):
        return ""
    if isinstance(value, list):
        return "" if sum(map(len, map(str, value))) > 200 else " " + ", ".join(map(str, value))
    return " not known" if value is None else f" {value}"


def _name(model: BaseEstimator) -> str:
    if isinstance(model, Pipeline):
        return " -> ".join(type(step).__name__ for _, step in model.steps)
    return type(model).__name__


def _rounded(value: Any) -> Any:
    """Return a number or a list of numbers with four digits; None for NaN."""
    if np.ndim(value):
        return [_rounded(item) for item in value]
    return None if pd.isna(value) else float(f"{float(value):.4g}")
