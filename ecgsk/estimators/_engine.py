"""Everything that builds, trains or runs a torch module, for the estimators.

The estimators check parameters, tables and labels, and reach all that needs torch through this
module, as ``engine.fine_tune(...)``. So an estimator is imported, made, cloned and printed
without torch, skorch and scikit-learn's model selection, which take seconds to import.
"""

from typing import TYPE_CHECKING

from ecgsk._lazy import import_on_first_use

if TYPE_CHECKING:
    from ecgsk.estimators._backbone import (
        build_augmentation,
        build_backbone,
        check_encoder,
    )
    from ecgsk.estimators._fine_tuning import DiagnosisData
    from ecgsk.estimators._fitting import hold_out_patients
    from ecgsk.estimators._linear_head import fit_linear_heads
    from ecgsk.estimators._members import (
        Member,
        build_clinical,
        fit_members,
        initialise_members,
        load_backbones,
        repeat_encoder,
        split_members,
    )
    from ecgsk.estimators._pretraining import (
        Pretraining,
        PretrainingPlan,
        build_pretraining_module,
        plan_pretraining,
        pretrain,
        table_of_plan,
    )
    from ecgsk.training.batches import BatchDataset
    from ecgsk.training.device import (
        forked_rng,
        name_memory_errors,
        prediction_device,
        resolve_device,
    )
    from ecgsk.training.fitting import history_frame, resolve_batch_size
    from ecgsk.training.modules import (
        Backbone,
        DiagnosisModule,
        PretrainingModule,
    )
    from ecgsk.training.net import ECGNet, wrap_trained
    from ecgsk.training.prediction import embed_batches, predict_batches
    from ecgsk.training.restoring import restore_module

__all__ = [
    "Backbone",
    "BatchDataset",
    "DiagnosisData",
    "DiagnosisModule",
    "ECGNet",
    "Member",
    "Pretraining",
    "PretrainingModule",
    "PretrainingPlan",
    "build_augmentation",
    "build_backbone",
    "build_clinical",
    "build_pretraining_module",
    "check_encoder",
    "embed_batches",
    "fit_linear_heads",
    "fit_members",
    "forked_rng",
    "history_frame",
    "hold_out_patients",
    "initialise_members",
    "load_backbones",
    "name_memory_errors",
    "plan_pretraining",
    "predict_batches",
    "prediction_device",
    "pretrain",
    "repeat_encoder",
    "resolve_batch_size",
    "resolve_device",
    "restore_module",
    "split_members",
    "table_of_plan",
    "wrap_trained",
]
__getattr__, __dir__ = import_on_first_use(__name__)
