"""Embedding, heads and calibration of a fitted model as one torch module."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ecgsk.calibration import MultilabelCalibrator
from ecgsk.deployment._screening import Screening
from ecgsk.estimators import (
    ECGDiagnosisClassifier,
    JointEmbeddingPretrainer,
    LabAbnormalityExplainer,
)
from ecgsk.exceptions import ECGError

# Probabilities are clipped this far from 0 and 1 before their logarithms, as in calibration.
_EDGE = 1e-9


@dataclass
class ModelParts:
    """Parts of a fitted model that an exported graph is made of."""

    steps: list[tuple[str, Any]] = field(default_factory=list)
    encoder: Any = None
    laboratories: LabAbnormalityExplainer | None = None
    calibrators: list[MultilabelCalibrator] = field(default_factory=list)


def take_model_apart(model: Any) -> ModelParts:
    """Return preprocessing, encoder, laboratory heads and calibrators of a fitted model.

    Raises ECGError, with the reason, for a model that cannot be exported.
    """
    parts = ModelParts()
    while True:
        if isinstance(model, FrozenEstimator):
            model = model.estimator
        elif isinstance(model, Pipeline):
            check_is_fitted(model)
            parts.steps += model.steps[:-1]
            model = model[-1]
        elif isinstance(model, MultilabelCalibrator):
            check_is_fitted(model)
            if model.estimator_ is None:
                raise ECGError(
                    "export expected a model of ECGs; got a MultilabelCalibrator of "
                    "probabilities. Fit MultilabelCalibrator(estimator) on ECGs."
                )
            parts.calibrators.append(model)
            model = model.estimator_
        else:
            break
    if isinstance(model, LabAbnormalityExplainer):
        check_is_fitted(model)
        parts.laboratories, model = model, model.encoder_
    if not isinstance(model, ECGDiagnosisClassifier | JointEmbeddingPretrainer):
        raise ECGError(
            "export expected one of ecgsk's estimators, or a Pipeline or MultilabelCalibrator that "
            f"ends in one; got a {type(model).__name__}."
        )
    check_is_fitted(model)
    _check_encoder(model)
    for calibrator in parts.calibrators:
        _check_calibrator(calibrator)
    parts.encoder = model
    return parts


def _check_encoder(model: Any) -> None:
    inputs = getattr(model, "inputs", "ecg")
    if inputs != "ecg":
        raise ECGError(
            f"export expected a model with the ECG as its only input; got inputs={inputs!r}. The "
            "scaling of a clinical table has categories and text, which the graph cannot hold. "
            "Fit with inputs='ecg'."
        )
    if model.leads_ is None:
        raise ECGError(
            "export expected a model that was fitted on an ECG column; got one that was fitted on "
            "plain arrays, which state no leads, sampling rate or unit. Fit on "
            "ECGArray.from_numpy(x, leads=..., sampling_rate=...)."
        )


def _check_calibrator(calibrator: MultilabelCalibrator) -> None:
    if calibrator.method == "isotonic":
        raise ECGError(
            "export cannot express MultilabelCalibrator(method='isotonic'): at a step of its map, "
            "rounding in another runtime changes the probability by the height of the step. Use "
            "method='sigmoid' or 'beta'."
        )


class Calibration(nn.Module):
    """Sigmoid or beta calibration of probabilities, in float64."""

    coef: Tensor
    calibrated: Tensor

    def __init__(self, calibrator: MultilabelCalibrator):
        super().__init__()
        fitted = calibrator.calibrator_
        self.register_buffer("coef", torch.from_numpy(np.ascontiguousarray(fitted.coef_.T)))
        self.register_buffer("calibrated", torch.from_numpy(np.asarray(fitted.calibrated_)))
        self.has_two_columns = calibrator.label_names_ is None

    def forward(self, p: Tensor) -> Tensor:
        """Return calibrated probabilities (n, labels)."""
        p = p[:, 1:] if self.has_two_columns else p
        inside = p.clamp(_EDGE, 1 - _EDGE)
        a, b, c = self.coef
        logits = a * torch.log(inside) - b * torch.log(1 - inside) + c
        p = torch.where(self.calibrated, torch.sigmoid(logits), p)
        return torch.cat([1 - p, p], dim=1) if self.has_two_columns else p


class Head(nn.Module):
    """Linear head, probabilities and calibration, in float64."""

    weight: Tensor
    bias: Tensor

    def __init__(self, model: Any, calibrators: Sequence[MultilabelCalibrator]):
        super().__init__()
        self.register_buffer("weight", torch.from_numpy(np.array(model.coef_, np.float64).T.copy()))
        self.register_buffer("bias", torch.from_numpy(np.array(model.intercept_, np.float64)))
        self.is_multilabel = model.label_names_ is not None
        self.calibrations = nn.Sequential(*map(Calibration, calibrators))

    def forward(self, embedding: Tensor) -> Tensor:
        """Return probabilities (n, outputs)."""
        logits = embedding.double() @ self.weight + self.bias
        if self.is_multilabel:
            p = torch.sigmoid(logits)
        elif logits.shape[1] == 1:
            p = torch.sigmoid(torch.cat([-logits, logits], dim=1))
        else:
            p = torch.softmax(logits, dim=1)
        return self.calibrations(p)


class ExportedModel(nn.Module):
    """Preprocessing, network and heads; the outputs are named in `output_names`."""

    def __init__(self, steps: Sequence[nn.Module], parts: ModelParts):
        super().__init__()
        self.steps = nn.Sequential(*steps)
        self.screening = Screening()
        self.network = copy.deepcopy(parts.encoder.net_.module_).cpu().eval()
        self.heads = nn.ModuleDict(
            {name: Head(model, found) for name, (model, found) in heads_of(parts).items()}
        )
        self.output_names = [*self.heads, "embedding"]

    def forward(self, ecg: Tensor) -> tuple[Tensor, ...]:
        """Return probabilities of each head and the embedding; NaN for unusable records."""
        infinite = ecg.isinf()
        x = self.steps(torch.where(infinite, float("nan"), ecg))
        x, refused = self.screening(x)
        refused = (refused | infinite.flatten(1).any(1))[:, None]
        embedding = self.network.features(x)
        outputs = [head(embedding).float() for head in self.heads.values()]
        return tuple(torch.where(refused, float("nan"), out) for out in (*outputs, embedding))


def heads_of(parts: ModelParts) -> dict[str, tuple[Any, list[MultilabelCalibrator]]]:
    """Return the model and the calibrators, first applied first, of each named output."""
    heads: dict[str, tuple[Any, list[MultilabelCalibrator]]] = {}
    explainer, outer = parts.laboratories, parts.calibrators[::-1]
    if isinstance(parts.encoder, ECGDiagnosisClassifier):
        inner = None if explainer is None else explainer.diagnosis_calibrator_
        own = outer if explainer is None else []
        heads["diagnoses"] = (parts.encoder, ([] if inner is None else [inner]) + own)
    if explainer is not None:
        found = [] if explainer.calibrator_ is None else [explainer.calibrator_]
        heads["laboratory_findings"] = (explainer, found + outer)
    return heads
