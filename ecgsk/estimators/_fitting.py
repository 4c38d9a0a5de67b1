"""Steps shared by the fits of both torch estimators: holding patients out, and training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import nn

from ecgsk.estimators._settings import settings_text, trainer_of, verbosity
from ecgsk.estimators._training_rows import TrainingRows
from ecgsk.exceptions import ECGError
from ecgsk.model_selection import patient_split
from ecgsk.training.batches import BatchDataset
from ecgsk.training.callbacks import check_monitored
from ecgsk.training.device import name_memory_errors, resolve_device
from ecgsk.training.distributed import DistributedContext
from ecgsk.training.fitting import fit_net, resolve_batch_size
from ecgsk.training.net import ECGNet
from ecgsk.training.sampling import systematic_sample

# From this many patients on, holding some out for early stopping costs little accuracy.
MIN_PATIENTS_FOR_EARLY_STOPPING = 4000


def hold_out_patients(
    estimator: Any, data: TrainingRows, rows: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Split rows into training and validation patients, or keep all for training.

    The estimator's ``early_stopping`` and ``trainer`` decide. Validation rows are sampled by
    weight, so they need no weights.
    """
    owner, groups = type(estimator).__name__, data.groups[rows]
    n_patients = len(np.unique(groups))
    stops_early = estimator.early_stopping
    if isinstance(stops_early, str):  # "auto"
        stops_early = n_patients >= MIN_PATIENTS_FOR_EARLY_STOPPING
    _check_callbacks(estimator, has_validation=bool(stops_early))
    if not stops_early:
        return rows, None
    if n_patients < 2:
        raise ECGError(
            f"{owner}: early_stopping needs two patients or more, got {n_patients}. "
            "Set early_stopping=False."
        )
    # At least one patient is held out, and one is kept.
    wanted = round(trainer_of(estimator).validation_fraction * n_patients)
    n_held_out = int(np.clip(wanted, 1, n_patients - 1))
    kept, held_out = (
        rows[side] for side in patient_split(groups, test_size=n_held_out, random_state=seed)
    )
    return kept, held_out[systematic_sample(data.weight[held_out], start=0.5)]


def _check_callbacks(estimator: Any, *, has_validation: bool) -> None:
    """Check that what the user's callbacks monitor will be measured in this stage."""
    measured = ["train_loss"] + ["valid_loss"] * has_validation
    measured += ["effective_rank"] * hasattr(estimator, "objective")
    check_monitored(trainer_of(estimator).callbacks or (), measured, has_validation)


def fit_module(
    estimator: Any,
    module: nn.Module,
    criterion: nn.Module,
    training: BatchDataset,
    validation: BatchDataset | None,
    *,
    description: str,
    max_epochs: int,
    learning_rate: float,
    callbacks: Sequence[Any] = (),
) -> ECGNet:
    """Train a module with the settings of an estimator."""
    batch_size = resolve_batch_size(estimator.batch_size, len(training))
    mend = f"Set batch_size below {batch_size}, or Trainer(accumulation_steps=2) or more."
    with name_memory_errors(type(estimator).__name__, mend):
        return fit_net(
            module,
            criterion,
            training,
            validation,
            trainer=trainer_of(estimator),
            device=resolve_device(estimator.device),
            batch_size=batch_size,
            max_epochs=max_epochs,
            learning_rate=learning_rate,
            description=description,
            verbose=verbosity(estimator),
            callbacks=callbacks,
            identity=settings_text(estimator),
            distributed=DistributedContext() if estimator.device == "accelerate" else None,
        )
