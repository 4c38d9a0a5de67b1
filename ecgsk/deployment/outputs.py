"""Inputs and outputs of a fitted model: the signals it needs and everything it predicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ecgsk.calibration import MultilabelCalibrator
from ecgsk.estimators import ECGDiagnosisClassifier, LabAbnormalityExplainer
from ecgsk.estimators.diagnosis_explanations import split_calibrator
from ecgsk.estimators.labs import diagnosis_thresholds, predict_with_diagnoses
from ecgsk.exceptions import ECGError, LeadMismatchError
from ecgsk.io.sources import Wanted
from ecgsk.preprocessing import QualityGate, SelectLeads
from ecgsk.signals.derived_leads import find_derivations
from ecgsk.signals.leads import LIMB_LEADS, canonical_leads

# In batches of a multiple of this, torch's CPU kernels add up in one order, so that the
# prediction of a record does not depend on the others.
_MULTIPLE = 16
_MEND_OF_FEW_LEADS = (
    "A model that is fitted behind SelectLeads(leads, derive=True, missing='mask') predicts "
    "records of fewer leads."
)


def last_step(
    model: Any, *, name: str
) -> ECGDiagnosisClassifier | MultilabelCalibrator | LabAbnormalityExplainer:
    """Return the predictor of a model; raise unless it predicts from ECGs with named leads."""
    last = _last(model)
    predictor, _ = split_calibrator(last)
    if not isinstance(predictor, ECGDiagnosisClassifier | LabAbnormalityExplainer):
        raise ECGError(
            f"{name}: expected a fitted ECGDiagnosisClassifier or LabAbnormalityExplainer, alone "
            "or in a MultilabelCalibrator, or a pipeline that ends in one; got a "
            f"{type(predictor).__name__}. Save the one that predicts."
        )
    if _encoder(last).leads_ is None:
        raise ECGError(
            f"{name} was fitted on plain arrays, which have no lead names to select a record's "
            "leads by. Fit it on an ECG column."
        )
    return last


def needs_table(model: Any) -> bool:
    """Return whether the model predicts from the clinical table too."""
    return getattr(_encoder(model), "inputs", "ecg") != "ecg"


def check_ecg_only(model: Any, *, name: str) -> None:
    """Raise where a model needs a clinical table, which files of ECGs lack."""
    if needs_table(model):
        raise ECGError(
            f"{name} has inputs={_encoder(model).inputs!r}, but a record has no clinical table. "
            "Use a model with inputs='ecg', or predict a DataFrame with the columns."
        )


def wanted_signals(model: Any) -> Wanted:
    """Return the leads and the duration that the first step of a model needs."""
    first = model[0] if isinstance(model, Pipeline) else model
    last = _encoder(model)
    leads = [getattr(first, "leads_in_", last.leads_)]
    if isinstance(first, SelectLeads):
        leads = [first.leads]
        if first.derive:
            leads += [first.leads_in_, *_underived(first.leads)]
    may_lack = isinstance(first, SelectLeads) and first.missing == "mask"
    advice = "" if may_lack else _MEND_OF_FEW_LEADS
    return Wanted(leads, last.shape_[1] / last.sampling_rate_, may_lack=may_lack, advice=advice)


def _underived(leads: Any) -> list[tuple[str, ...]]:
    """Return the leads from which all can be derived, if they hold such."""
    kept = tuple(lead for lead in leads if lead in ("I", "II") or lead not in LIMB_LEADS)
    try:
        find_derivations(kept, leads, name="")
    except LeadMismatchError:
        return []
    return [kept]


def _last(model: Any) -> Any:
    return model[-1] if isinstance(model, Pipeline) else model


def _encoder(model: Any) -> Any:
    predictor, _ = split_calibrator(_last(model))
    return getattr(predictor, "encoder_", predictor)


@dataclass(frozen=True)
class Outputs:
    """Names of what a model predicts, with the thresholds; `classes` are those of one column."""

    diagnoses: tuple[str, ...] = ()
    diagnosis_thresholds: tuple[float, ...] = ()
    laboratories: tuple[str, ...] = ()
    laboratory_thresholds: tuple[float, ...] = ()
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: Any) -> "Outputs":
        """Return the outputs of a fitted model."""
        last = _last(model)
        if last.label_names_ is None:
            return cls(classes=tuple(map(str, last.classes_)))
        names, thresholds = tuple(map(str, last.label_names_)), tuple(map(float, last.thresholds_))
        if not isinstance(last, LabAbnormalityExplainer):
            return cls(names, thresholds)
        labels = tuple(map(str, getattr(last.encoder_, "label_names_", None) or ()))
        cuts = tuple(map(float, diagnosis_thresholds(last))) if labels else ()
        return cls(labels, cuts, names, thresholds)

    @property
    def thresholds(self) -> dict[str, float]:
        """Thresholds by column of a table of predictions."""
        pairs = zip(self.diagnoses, self.diagnosis_thresholds, strict=True)
        found = {f"probability/{name}": threshold for name, threshold in pairs}
        pairs = zip(self.laboratories, self.laboratory_thresholds, strict=True)
        return found | {f"laboratory/{name}": threshold for name, threshold in pairs}


def masked_leads(model: Any, leads: Sequence[str]) -> tuple[str, ...]:
    """Return the leads that the first step of a model masks in records of these leads."""
    first = model[0] if isinstance(model, Pipeline) else None
    if not isinstance(first, SelectLeads) or first.missing != "mask":
        return ()
    wanted = canonical_leads(first.leads)
    found = find_derivations(leads, wanted, name="", derive=first.derive, mask=True)
    return tuple(lead for lead, factors in zip(wanted, found, strict=True) if not factors)


def has_gate(model: Any) -> bool:
    """Return whether a quality gate is one of the model's steps."""
    steps = model[:-1] if isinstance(model, Pipeline) else ()
    return any(isinstance(step, QualityGate) for step in steps)


def find_refused(model: Any, X: pd.DataFrame) -> pd.Series:
    """Return why the quality gates of a model refuse records, those of X by their index."""
    reasons = pd.Series("", index=X.index, dtype=object)
    for step in model[:-1] if isinstance(model, Pipeline) else ():
        if isinstance(step, QualityGate):
            found = step.describe(X)["reason"]
            reasons = reasons.where(reasons != "", found)
        X = X if step in (None, "passthrough") else step.transform(X)
    return reasons[reasons != ""]


def predict_all(model: Any, X: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the probabilities of a model, by the field of `Outputs` that names the columns.

    The prediction of a record is the same alone and among others, bit for bit on one machine.
    """
    n_records = len(X)
    rows = np.minimum(np.arange(-(-n_records // _MULTIPLE) * _MULTIPLE), n_records - 1)
    X, last = X.iloc[rows], _last(model)
    if isinstance(model, Pipeline) and len(model) > 1:
        X = model[:-1].transform(X)
    if last.label_names_ is None:
        found = {"classes": last.predict_proba(X)}
    elif not isinstance(last, LabAbnormalityExplainer):
        found = {"diagnoses": last.predict_proba(X)}
    else:
        abnormal, diagnoses = predict_with_diagnoses(last, X)
        found = {"laboratories": abnormal}
        if diagnoses is not None:
            found["diagnoses"] = diagnoses
    return {name: p[:n_records] for name, p in found.items()}
