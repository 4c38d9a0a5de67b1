"""Training of stage (ii) by a recipe: probe, distillation, full training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ecgsk.estimators._distillation import distillation_targets
from ecgsk.estimators._fitting import fit_module
from ecgsk.estimators._linear_head import fit_linear_heads
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
    def distillation_rows(self) -> np.ndarray:
        """Every row but those of the validation patients."""
        groups = self.rows.groups
        held_out = groups[np.setdiff1d(self.targets.labelled, self.kept)]
        return np.flatnonzero(~np.isin(groups, held_out))


def fine_tune(
    classifier: Any, module: DiagnosisModule, data: DiagnosisData, recipe: Recipe
) -> ECGNet:
    """Train the module of stage (ii) in place by a recipe.

    Only parameters of the classifier are used; the backbone is initialised already.
    """
    criterion = nn.CrossEntropyLoss() if data.is_multinomial else MaskedBCE()
    targets = data.observed
    if recipe.fine_tune != "full":
        targets = _start_from_probe(classifier, module, data, recipe)
    if recipe.fine_tune == "probe":
        return wrap_trained(module, criterion)
    validation = None
    if data.held_out is not None:
        held_out = data.rows.dataset(data.table, data.observed).take(data.held_out)
        validation = BatchDataset(held_out.signals, held_out.table, held_out.targets)
    rows = data.distillation_rows if recipe.distils else data.kept
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


def _start_from_probe(
    classifier: Any, module: DiagnosisModule, data: DiagnosisData, recipe: Recipe
) -> np.ndarray:
    """Fit the head as a linear probe; return the targets of further training."""
    rows, targets = data.rows, data.observed
    values, labelled = data.targets.as_matrix(), data.targets.labelled
    used = np.arange(len(rows)) if recipe.distils else labelled
    features = predict_batches(
        module,
        rows.dataset(data.table).take(used),
        device=resolve_device(classifier.device),
        method="features",
    )
    if recipe.distils:
        assert data.distillation_table is not None
        targets = distillation_targets(
            features, data.distillation_table, values, rows.groups, rows.weight
        )
        features = features[labelled]
    head = fit_linear_heads(
        features,
        values[labelled],
        rows.groups[labelled],
        rows.weight[labelled],
        multinomial=data.is_multinomial,
    )
    _set_head(module, head)
    return targets


def _set_head(module: DiagnosisModule, head: LinearHead) -> None:
    """Copy a linear probe into the last layer of the module."""
    state = module.head.state_dict()
    for name, values in (("weight", head.weight), ("bias", head.bias)):
        state[name].copy_(torch.from_numpy(values.astype(np.float32)))
