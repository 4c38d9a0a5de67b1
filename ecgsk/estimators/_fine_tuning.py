"""Training of stage (ii) by a recipe: probe, a teacher's targets, full training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ecgsk.estimators._distillation import distillation_targets, measured_values
from ecgsk.estimators._fitting import fit_module
from ecgsk.estimators._linear_head import fit_late_fusion
from ecgsk.estimators._outputs import LinearHead
from ecgsk.estimators._targets import Targets
from ecgsk.estimators._training_rows import TrainingRows
from ecgsk.estimators.recipe import Recipe
from ecgsk.objectives.supervised import MaskedBCE
from ecgsk.training.batches import BatchDataset
from ecgsk.training.device import resolve_device
from ecgsk.training.modules import DiagnosisModule
from ecgsk.training.net import ECGNet, wrap_trained
from ecgsk.training.prediction import predict_batches


@dataclass(frozen=True)
class DiagnosisData:
    """Rows, targets and scaled tables of stage (ii), checked.

    `rows` and `targets` are in one order. `table` is the input of predictions, and
    `distillation_table` that of distillation. `kept` and `held_out` are the labelled rows of
    training and validation patients.
    """

    rows: TrainingRows
    targets: Targets
    table: np.ndarray | None
    distillation_table: np.ndarray | None
    kept: np.ndarray
    held_out: np.ndarray | None

    @property
    def is_multinomial(self) -> bool:
        """True if each record has one of three classes or more."""
        return not self.targets.is_multilabel and self.targets.n_outputs > 1

    @property
    def observed(self) -> np.ndarray:
        """Targets as the loss expects them."""
        return self.targets.values if self.is_multinomial else self.targets.as_matrix()

    @property
    def taught_rows(self) -> np.ndarray:
        """Rows that a teacher's targets are for: every row but those of validation patients."""
        groups = self.rows.groups
        held_out = groups[np.setdiff1d(self.targets.labelled, self.kept)]
        return np.flatnonzero(~np.isin(groups, held_out))


def fine_tune(
    classifier: Any,
    module: DiagnosisModule,
    data: DiagnosisData,
    recipe: Recipe,
    teacher: nn.Module | None,
) -> ECGNet:
    """Train the module of stage (ii) in place by a recipe.

    Only parameters of the classifier are used; the backbone is initialised already. `teacher`
    has the features of the probes: the module itself, another one for a student, or None where
    no weights are trained yet. Validation patients take part in nothing but early stopping.
    """
    criterion = nn.CrossEntropyLoss() if data.is_multinomial else MaskedBCE()
    targets, rows = data.observed, data.kept
    if recipe.has_teacher:
        rows = data.taught_rows
        targets = _teach(classifier, module, data, recipe, teacher)
    elif recipe.fine_tune != "full":
        features = _features(classifier, module, data, rows)
        _set_head(module, _fit_probe(module, features, data, recipe))
    if not recipe.trains:
        return wrap_trained(module, criterion)
    validation = None
    if data.held_out is not None:
        held_out = data.rows.dataset(data.table, data.observed).take(data.held_out)
        validation = BatchDataset(held_out.signals, held_out.table, held_out.targets)
    return fit_module(
        classifier,
        module,
        criterion,
        data.rows.dataset(data.table, targets).take(rows),
        validation,
        description="Training" if recipe.from_scratch else "Fine-tuning",
        max_epochs=recipe.max_epochs,
        learning_rate=recipe.learning_rate,
    )


def _teach(
    classifier: Any,
    module: DiagnosisModule,
    data: DiagnosisData,
    recipe: Recipe,
    teacher: nn.Module | None,
) -> np.ndarray:
    """Return the teacher's targets, NaN for validation patients; start the head from a probe."""
    rows, values = data.taught_rows, data.targets.as_matrix()
    features = None if teacher is None else _features(classifier, teacher, data, rows)
    # A student's features are not those of its teacher.
    if features is not None and teacher is module:
        of_labelled = features[np.isin(rows, data.kept)]
        _set_head(module, _fit_probe(module, of_labelled, data, recipe))
    table = data.distillation_table
    blocks = [] if features is None else [features]
    blocks += [] if table is None else measured_values(table[rows])
    targets = np.full(values.shape, np.nan, dtype=np.float32)
    targets[rows] = distillation_targets(
        blocks,
        values[rows],
        data.rows.groups[rows],
        data.rows.weight[rows],
    )
    return targets


def _features(
    classifier: Any, module: nn.Module, data: DiagnosisData, rows: np.ndarray
) -> np.ndarray:
    """Return a module's features of some rows."""
    return predict_batches(
        module,
        data.rows.dataset(data.table).take(rows),
        device=resolve_device(classifier.device),
        method="features",
    )


def _fit_probe(
    module: DiagnosisModule, features: np.ndarray, data: DiagnosisData, recipe: Recipe
) -> LinearHead:
    """Fit linear heads on the features of the training rows that have labels."""
    blocks = [features]
    if recipe.fine_tune == "late_fusion":
        assert module.backbone is not None
        assert module.clinical is not None
        n_ecg, n_columns = module.backbone.n_features, module.clinical.n_features // 2
        blocks = np.split(features, [n_ecg, n_ecg + n_columns], axis=1)
    return fit_late_fusion(
        blocks,
        data.targets.as_matrix()[data.kept],
        data.rows.groups[data.kept],
        data.rows.weight[data.kept],
        multinomial=data.is_multinomial,
    )


def _set_head(module: DiagnosisModule, head: LinearHead) -> None:
    """Copy a linear probe into the last layer of the module."""
    state = module.head.state_dict()
    for name, values in (("weight", head.weight), ("bias", head.bias)):
        state[name].copy_(torch.from_numpy(values.astype(np.float32)))
