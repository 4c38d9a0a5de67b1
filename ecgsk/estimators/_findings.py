"""Explanations put together from what a fitted explainer knows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

import ecgsk
from ecgsk.estimators._calibration import LabelCalibration
from ecgsk.estimators.diagnosis import ECGDiagnosisClassifier
from ecgsk.explain import (
    Attribution,
    Diagnosis,
    Evidence,
    Explanation,
    Explanations,
    LabFinding,
    SimilarPatient,
    attribute,
)
from ecgsk.preprocessing._abnormality import read_ranges
from ecgsk.signals import ECGArray, ECGDtype, ECGRecord, quality
from ecgsk.signals.columns import find_ecg_column

if TYPE_CHECKING:
    from ecgsk.estimators.labs import LabAbnormalityExplainer

DIRECTIONS = ("low", "high")


def tell_directions(names: Any) -> bool:
    """Whether all names are of laboratory abnormalities, such as ``"potassium high"``."""
    return names is not None and all(str(name).rsplit(" ", 1)[-1] in DIRECTIONS for name in names)


def explain_records(
    explainer: "LabAbnormalityExplainer",
    X: Any,
    *,
    prevalence: float | Mapping[str, float] | None,
    n_attributions: int,
    n_similar: int,
) -> Explanations:
    """Tell everything that a fitted explainer knows of each record."""
    _check_prevalence(explainer, prevalence)
    embedding = np.asarray(explainer.encoder_.transform(X))
    records, ecgs, problems = _records(X)
    diagnoses = _diagnoses(explainer, embedding)
    parts = zip(
        records,
        diagnoses,
        _laboratories(explainer, embedding, prevalence),
        ecgs,
        _evidence(explainer, embedding),
        _attributions(explainer, X, diagnoses, n_attributions),
        _similar(explainer, embedding, n_similar),
        problems,
        strict=True,
    )
    about = [_describe(explainer)]
    return Explanations([Explanation(*part, *about) for part in parts])


def _records(X: Any) -> tuple[list, list[ECGRecord | None], list[str]]:
    """Return each record's name, signal and problems, where X has names and signals."""
    if isinstance(X, pd.DataFrame) and (column := find_ecg_column(X)) is not None:
        X = X[column]
    if isinstance(X, pd.Series) and isinstance(X.dtype, ECGDtype):
        names, array = X.index.tolist(), cast(ECGArray, X.array)
    elif isinstance(X, ECGArray):
        names, array = list(range(len(X))), X
    else:
        return list(range(len(X))), [None] * len(X), [""] * len(X)
    return names, list(array), quality(array)["problem"].tolist()


def _diagnoses(
    explainer: "LabAbnormalityExplainer", embedding: np.ndarray
) -> list[tuple[Diagnosis, ...]]:
    model = explainer.encoder_
    if not isinstance(model, ECGDiagnosisClassifier) or not model.label_names_:
        return [()] * len(embedding)
    P, thresholds = model._judge(embedding), model.thresholds_
    answers: Any = np.full(P.shape, None)
    coverage = None
    assert thresholds is not None  # many labels have them
    if (calibration := explainer.diagnosis_calibration_) is not None:
        P, thresholds = calibration.transform(P), calibration.thresholds_
        answers, coverage = calibration.answers(P), calibration.coverage
    return [
        tuple(
            Diagnosis(
                name, float(p), float(threshold), answer, None if answer is None else coverage
            )
            for name, p, threshold, answer in zip(
                model.label_names_, row, thresholds, row_answers, strict=True
            )
        )
        for row, row_answers in zip(P, answers, strict=True)
    ]


def _laboratories(
    explainer: "LabAbnormalityExplainer", embedding: np.ndarray, prevalence: Any
) -> list[tuple[LabFinding, ...]]:
    names = explainer.label_names_ or []
    ranges = _ranges(explainer)
    calibration = explainer.calibration_
    what = []
    for j, (name, base_rate) in enumerate(zip(names, explainer.base_rates_, strict=True)):
        laboratory, _, direction = name.rpartition(" ")
        known: dict[str, Any] = {}
        if (
            calibration is not None
            and np.isfinite(
                rates := [calibration.sensitivity_[j], calibration.specificity_[j]]
            ).all()
        ):
            known = {
                "threshold": float(calibration.thresholds_[j]),
                "sensitivity": float(rates[0]),
                "specificity": float(rates[1]),
                "prevalence": _prevalence(prevalence, name, float(base_rate)),
            }
        what.append((laboratory, direction, float(base_rate), ranges.get(laboratory), known))
    return [
        tuple(
            LabFinding(laboratory, direction, p, rate, *(bounds or (None, None, "")), **known)
            for (laboratory, direction, rate, bounds, known), p in zip(what, row, strict=True)
        )
        for row in explainer._judge(embedding).tolist()
    ]


def _check_prevalence(explainer: "LabAbnormalityExplainer", given: Any) -> None:
    if given is None:
        return
    owner = "LabAbnormalityExplainer.explain"
    if explainer.calibration_ is None:
        raise ValueError(f"{owner}: predictive values at a prevalence need calibrate first.")
    known = explainer.label_names_ or []
    shares = given if isinstance(given, Mapping) else dict.fromkeys(known, given)
    unknown = [name for name in shares if name not in known]
    if unknown:
        raise ValueError(f"{owner}: prevalence names {unknown}; targets are {known}.")
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(
                f"{owner}: a prevalence is a share from 0 to 1, got {share!r} for {name!r}."
            )


def _prevalence(given: Any, name: str, base_rate: float) -> float:
    chosen = given.get(name) if isinstance(given, Mapping) else given
    return base_rate if chosen is None else float(chosen)


def _ranges(
    explainer: "LabAbnormalityExplainer",
) -> dict[str, tuple[float | None, float | None, str]]:
    """Return low, high and unit of the laboratories that have a range."""
    if explainer.reference_ranges is None:
        return {}
    laboratories = dict.fromkeys(name.rpartition(" ")[0] for name in explainer.label_names_ or [])
    ranges = read_ranges(explainer.reference_ranges, list(laboratories))
    if "unit" not in ranges:
        ranges = ranges.assign(unit="")
    return {
        str(name): (_or_none(low), _or_none(high), "" if pd.isna(unit) else str(unit))
        for name, low, high, unit in zip(
            ranges.index, ranges["low"], ranges["high"], ranges["unit"], strict=True
        )
    }


def _or_none(bound: Any) -> float | None:
    return None if pd.isna(bound) else float(bound)


def _evidence(
    explainer: "LabAbnormalityExplainer", embedding: np.ndarray
) -> list[tuple[Evidence, ...]]:
    """Return the links that held on other patients; of each diagnosis by sensitivity.

    That order names known causes more often than the size of contributions does:
    docs/explanations.md.
    """
    if explainer.evidence_ is None or "holds" not in explainer.evidence_.links_:
        return [()] * len(embedding)
    columns = ["odds_ratio", "low", "high", "sensitivity", "p_value"]
    links = [
        (str(link.diagnosis), str(link.finding), [float(getattr(link, c)) for c in columns])
        for link in explainer.evidence_.held_links_.itertuples()
    ]
    return [
        tuple(
            Evidence(diagnosis, finding, float(contribution), *numbers)
            for (diagnosis, finding, numbers), contribution in zip(links, record, strict=True)
            # That a finding is not seen does not support a diagnosis it is rarer with.
            if contribution < 0 or numbers[0] > 1
        )
        for record in explainer.evidence_.contributions(embedding)
    ]


def _similar(
    explainer: "LabAbnormalityExplainer", embedding: np.ndarray, n: int
) -> list[tuple[SimilarPatient, ...]]:
    if not n:
        return [()] * len(embedding)
    if explainer.similar_patients_ is None:
        raise ValueError(
            "LabAbnormalityExplainer keeps no patients to compare with. Fit it with "
            "keep_patients=True; their tables are then part of the model."
        )
    return [tuple(found) for found in explainer.similar_patients_.find(embedding, n)]


def _attributions(
    explainer: "LabAbnormalityExplainer",
    X: Any,
    diagnoses: list[tuple[Diagnosis, ...]],
    n: int,
) -> list[tuple[Attribution, ...]]:
    """Return where the model looked, for the ``n`` most likely diagnoses of each record."""
    model = explainer.encoder_
    if not n or not isinstance(model, ECGDiagnosisClassifier) or not model.label_names_:
        return [()] * len(diagnoses)
    if model.leads_ is None or model.inputs == "clinical":
        raise ValueError(
            "LabAbnormalityExplainer: attributions need ECGs whose leads have names. Fit and "
            "explain a DataFrame with an ECG column, or ask for n_attributions=0."
        )
    numbers = {name: j for j, name in enumerate(model.label_names_)}
    dataset = model._dataset(X)
    module = model.net_.module_.eval()
    found = []
    for i, said in enumerate(diagnoses):
        inputs, _ = dataset[i]
        top = sorted(said, key=lambda d: -d.probability)[:n]
        table = inputs.get("table")
        found.append(
            attribute(
                module,
                inputs["ecg"][0].numpy(),
                model.leads_,
                model.sampling_rate_,
                {d.name: numbers[d.name] for d in top},
                table=None if table is None else table[0].numpy(),
            )
        )
    return found


def _describe(explainer: "LabAbnormalityExplainer") -> dict[str, Any]:
    """Return what the page says of the model."""
    encoder = explainer.encoder_
    return {
        "diagnosis model": repr(encoder),
        "leads": list(encoder.leads_ or ()),
        "sampling rate, Hz": encoder.sampling_rate_,
        "training records per laboratory finding": _range(explainer.n_measured_),
        "calibrated diagnoses": _share_calibrated(explainer.diagnosis_calibration_),
        "calibrated laboratory findings": _share_calibrated(explainer.calibration_),
        "software": f"ecgsk {ecgsk.__version__}",
    }


def _range(counts: np.ndarray) -> str:
    low, high = f"{counts.min():,}", f"{counts.max():,}"
    return low if low == high else f"{low} to {high}"


def _share_calibrated(calibration: LabelCalibration | None) -> str:
    if calibration is None:
        return "none"
    return f"{calibration.calibrated_.sum()} of {len(calibration.calibrated_)}"
