"""Classes that a saved model consists of, and the attributes of each when it is fitted.

This is part of the format: ``save`` and ``load`` refuse other attributes, so that a renamed
one is noticed before a model is used. Change the version in ``_manifest`` with it.
"""

import inspect
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from sklearn.base import BaseEstimator

from ecgsk._leakage import SeenPatients
from ecgsk.estimators import Recipe

# Optional in every class; scikit-learn sets them.
_ANYWHERE = {"n_features_in_", "feature_names_in_", "_sklearn_output_config"}

_TRAINED = (
    "_n_features_out clinical_columns_ history_ patients_seen_ scale_ scaler_ "
    "training_population_ weights_"
)
_SIGNATURE = "encoder_spec_ leads_ sampling_rate_ shape_"
_OUTPUTS = "_frozen_patients classes_ label_names_ n_outputs_ patients_seen_ thresholds_"
_DIAGNOSIS = f"{_TRAINED} {_OUTPUTS} pretraining_history_ recipe_"
_CHANGES_SIGNALS = "_n_features_out _on_arrays leads_in_ sampling_rate_in_"
_SCALER = "columns_ feature_names_out_ levels_ numeric_columns_"

# One of the alternatives is complete. An estimator that is a parameter may have none of them.
_FITTED: dict[str, tuple[str, ...]] = {
    "ecgsk.calibration.ConformalSets": ("absent_up_to_ label_names_ n_patients_ present_from_",),
    "ecgsk.calibration.MultilabelCalibrator": (
        "calibrated_ calibrator_ classes_ conformal_ estimator_ label_names_ sensitivity_ "
        "specificity_ thresholds_",
    ),
    "ecgsk.calibration.ProbabilityCalibrator": (
        "calibrated_ coef_ label_names_",
        "calibrated_ label_names_ steps_",
    ),
    "ecgsk.estimators.ECGDiagnosisClassifier": (f"{_DIAGNOSIS} {_SIGNATURE}", _DIAGNOSIS),
    "ecgsk.estimators.JointEmbeddingPretrainer": (f"{_TRAINED} {_SIGNATURE} objective_",),
    "ecgsk.estimators.LabAbnormalityExplainer": (
        f"{_OUTPUTS} base_rates_ calibrator_ coef_ diagnosis_calibrator_ encoder_ evidence_ "
        "intercept_ n_measured_ similar_patients_",
    ),
    "ecgsk.explain.LabEvidence": (
        "back_ basis_ covariates_ diagnoses_ filters_ findings_ links_ mean_ patterns_ variance_ "
        "weight_",
    ),
    "ecgsk.explain.SimilarPatients": ("diagnoses_ embedding_ patients_ table_",),
    "ecgsk.preprocessing.BandpassFilter": (_CHANGES_SIGNALS,),
    "ecgsk.preprocessing.ClinicalScaler": (f"{_SCALER} quantiles_", _SCALER),
    "ecgsk.preprocessing.LabAbnormality": ("high_ laboratories_ low_",),
    "ecgsk.preprocessing.QualityGate": (_CHANGES_SIGNALS,),
    "ecgsk.preprocessing.Resample": (_CHANGES_SIGNALS,),
    "ecgsk.preprocessing.SelectLeads": (_CHANGES_SIGNALS,),
    "sklearn.frozen.FrozenEstimator": (),
    "sklearn.pipeline.Pipeline": (),
    "sklearn.preprocessing.QuantileTransformer": ("n_quantiles_ quantiles_ references_",),
}

# Their public classes are specs: parameters alone.
_SPECS = ("ecgsk.encoders", "ecgsk.objectives", "ecgsk.training")

# Parameters younger than the format, with the value at which a model from before predicts as
# it did.
_ADDED_LATER: dict[str, dict[str, Any]] = {
    "Augmentation": {"test_crops": 1},
    "ECGDiagnosisClassifier": {"n_models": 1, "student": None},
    "RandomConvolution": {"differences": False},
    "SelectLeads": {"missing": "raise"},
}

DATACLASSES: dict[str, type] = {
    "ecgsk._leakage.SeenPatients": SeenPatients,
    "ecgsk.estimators.Recipe": Recipe,
}


def find_class(name: str) -> type[BaseEstimator] | None:
    """Return the class of this name if a saved model may hold it."""
    module, _, attribute = name.rpartition(".")
    if name not in _FITTED and module not in _SPECS:
        return None
    package: Any = import_module(module)
    if attribute not in package.__all__ and not module.startswith("sklearn."):
        return None
    cls = getattr(package, attribute)
    return cls if isinstance(cls, type) and issubclass(cls, BaseEstimator) else None


def needs_fit(name: str) -> bool:
    """Return whether objects of the class of this name have fitted attributes."""
    return name in _FITTED


def check_attributes(cls: type[BaseEstimator], name: str, state: Iterable[str]) -> str | None:
    """Return the difference between a state and the attributes of its class, or None.

    Of a user's own class only the parameters are known.
    """
    found, params = set(state), set(cls._get_param_names())
    plain = cls.__getstate__.__module__.split(".")[0] in ("sklearn", "ecgsk")
    if plain and (missing := params - found):
        return f"{name} lacks {sorted(missing)}"
    if find_class(name) is not cls:
        return None
    found -= params | _ANYWHERE
    alternatives = [set(names.split()) for names in _FITTED.get(name, ())]
    if not found or found in alternatives:
        return None
    expected = min(alternatives or [set()], key=lambda names: len(names ^ found))
    lacks, has = sorted(expected - found), sorted(found - expected)
    return f"{name} lacks {lacks} and has unknown attributes {has}"


def default_parameters(cls: type[BaseEstimator]) -> dict[str, Any]:
    """Return parameters that a file from another version may lack.

    They are the defaults of a scikit-learn class, whose next version may have more, and what
    has been added to a class of ours.
    """
    if cls.__module__.startswith("ecgsk."):
        return _ADDED_LATER.get(cls.__name__, {})
    if not cls.__module__.startswith("sklearn."):
        return {}
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
