"""Stage (i): from training rows to a trained pre-training module."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from ecgsk.encoders import Encoder
from ecgsk.encoders.ensemble import EncoderEnsemble
from ecgsk.estimators._backbone import (
    build_augmentation,
    build_backbone,
    check_encoder,
    initialise_backbone,
)
from ecgsk.estimators._fitting import fit_module, hold_out_patients
from ecgsk.estimators._inputs import Inputs, Signature, select_clinical_columns
from ecgsk.estimators._settings import check_settings, draw_seed
from ecgsk.estimators._training_rows import TrainingRows
from ecgsk.objectives import ECGContrast, InfoNCE, Objective
from ecgsk.objectives.registry import resolve_objective
from ecgsk.preprocessing import ClinicalScaler
from ecgsk.training.batches import BatchDataset
from ecgsk.training.callbacks import EffectiveRank
from ecgsk.training.device import forked_rng, resolve_device
from ecgsk.training.modules import PretrainingModule
from ecgsk.training.net import ECGNet, MeanOutput
from ecgsk.training.prediction import predict_batches

# Minimum and maximum number of records used to estimate the effective rank.
_MIN_RANK_RECORDS, _MAX_RANK_RECORDS = 64, 256


@dataclass(frozen=True)
class PretrainingPlan:
    """Checked specs, columns and seed of a pre-training, before signals are read."""

    encoder_spec: Encoder
    objective: Objective
    columns: Sequence[str] | None
    seed: int


@dataclass(frozen=True)
class Pretraining:
    """Trained net of a pre-training, and the specs that it was built from."""

    net: ECGNet
    encoder_spec: Encoder
    objective: Objective
    scaler: ClinicalScaler | None


def plan_pretraining(
    pretrainer: Any, inputs: Inputs, columns: Sequence[str] | None = None
) -> PretrainingPlan:
    """Check the parameters of a pre-training, and its encoder and objective against X.

    `columns` are the clinical columns of a pretrainer that names none.
    """
    check_settings(pretrainer)
    assert inputs.signature is not None
    spec = check_encoder(pretrainer.encoder, inputs.signature)
    if isinstance(spec, EncoderEnsemble):
        raise ValueError(
            f"{type(pretrainer).__name__}: expected one encoder, got {pretrainer.encoder!r}. "
            "Pre-train one, and average networks with ECGDiagnosisClassifier(n_models=...)."
        )
    build_augmentation(pretrainer.augmentation, inputs.signature.sampling_rate)
    columns = columns if pretrainer.clinical_columns is None else pretrainer.clinical_columns
    table = select_clinical_columns(inputs.table, columns, type(pretrainer).__name__)
    objective = _resolve_objective(pretrainer, table)
    return PretrainingPlan(spec, objective, columns, draw_seed(pretrainer))


def table_of_plan(plan: PretrainingPlan, inputs: Inputs, owner: str) -> pd.DataFrame | None:
    """Return the clinical columns that the objective of a pre-training uses; None without any."""
    if not plan.objective.uses_table:
        return None
    return select_clinical_columns(inputs.table, plan.columns, owner)


def pretrain(pretrainer: Any, plan: PretrainingPlan, rows: TrainingRows) -> Pretraining:
    """Train encoder and objective on the rows of a fit; the pretrainer is not changed."""
    assert rows.signals is not None
    owner = type(pretrainer).__name__
    scaler, table = _fit_scaler(
        select_clinical_columns(rows.table, plan.columns, owner), rows.groups, plan.objective
    )
    kept, held_out = hold_out_patients(pretrainer, rows, np.arange(len(rows)), plan.seed)
    data = BatchDataset(rows.signals, table, None, rows.weight, rows.groups)
    signature = Signature(rows.signals.leads, rows.signals.sampling_rate, rows.signals.shape)
    with forked_rng(plan.seed, resolve_device(pretrainer.device)):
        module = build_pretraining_module(
            plan.encoder_spec,
            pretrainer.augmentation,
            signature,
            rows.scale,
            plan.objective,
            scaler,
        )
        training = data.take(kept)
        initialise_backbone(module.backbone, pretrainer.encoder, training)
        net = fit_module(
            pretrainer,
            module,
            MeanOutput(),
            training,
            None if held_out is None else _unweighted(data.take(held_out)),
            description="Pre-training",
            max_epochs=int(pretrainer.max_epochs),
            learning_rate=float(pretrainer.learning_rate),
            callbacks=[EffectiveRank(_rank_embedder(training, pretrainer.device))],
        )
    return Pretraining(net, plan.encoder_spec, plan.objective, scaler)


def build_pretraining_module(
    encoder: Encoder,
    augmentation: Any,
    signature: Signature,
    scale: tuple[np.ndarray, np.ndarray],
    objective: Objective,
    scaler: ClinicalScaler | None,
) -> PretrainingModule:
    """Build the module of stage (i) with fresh weights."""
    n_columns = 0 if scaler is None else len(scaler.feature_names_out_)
    backbone = build_backbone(encoder, augmentation, signature, scale)
    return PretrainingModule(backbone, objective.build(backbone.n_features, n_columns))


def _resolve_objective(pretrainer: Any, table: pd.DataFrame | None) -> Objective:
    has_table = table is not None
    if isinstance(pretrainer.objective, str) and pretrainer.objective == "auto":
        return InfoNCE() if has_table else ECGContrast()
    objective = clone(resolve_objective(pretrainer.objective))
    if objective.uses_table and not has_table:
        raise ValueError(
            f"{type(pretrainer).__name__}: the objective {objective!r} learns from a clinical "
            "table, and X has no column for it. Add the columns, or set "
            "objective='ecg_contrast'."
        )
    return objective


def _fit_scaler(
    table: pd.DataFrame | None, patients: np.ndarray, objective: Objective
) -> tuple[ClinicalScaler | None, np.ndarray | None]:
    if table is None or not objective.uses_table:
        return None, None
    scaler = ClinicalScaler().fit(table, groups=patients)
    return scaler, scaler.transform(table)


def _unweighted(data: BatchDataset) -> BatchDataset:
    """Return a validation set without weights; its rows were sampled by weight."""
    return BatchDataset(data.signals, data.table, data.targets, None, data.patients)


def _rank_embedder(training: BatchDataset, device: Any) -> Callable[[Any], np.ndarray]:
    """Return a function that embeds a tenth of the training records."""
    n_records = int(np.clip(len(training) // 10, _MIN_RANK_RECORDS, _MAX_RANK_RECORDS))
    rows = np.linspace(0, len(training) - 1, min(n_records, len(training)), dtype=int)
    assert training.signals is not None
    some = BatchDataset(training.signals.take(rows))
    on = resolve_device(device)
    return lambda module: predict_batches(
        module, some, device=on, batch_size=len(some), method="features"
    )
