"""Training of a torch module with skorch: one call from weights to trained net."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.helper import predefined_split
from torch import nn

from ecgsk.exceptions import ECGError
from ecgsk.training._checkpoint import Checkpoint, fingerprint
from ecgsk.training._loader import BatchLoader
from ecgsk.training.batches import BatchDataset
from ecgsk.training.callbacks import Progress, WeightAverage
from ecgsk.training.device import threads_for
from ecgsk.training.distributed import DistributedContext
from ecgsk.training.net import ECGNet
from ecgsk.training.sampling import WeightedOrder
from ecgsk.training.trainer import Trainer, is_count

_HISTORY_COLUMNS = ("train_loss", "valid_loss", "effective_rank")
_WEIGHT_AVERAGE_DECAY = 0.99
_STEPS_PER_EPOCH = 40  # aim of the automatic batch size
_MIN_BATCH, _MAX_BATCH = 32, 256


def resolve_batch_size(batch_size: int | str, n_records: int) -> int:
    """Return the number of records per step.

    ``"auto"`` aims at 40 steps an epoch with batches of 32 to 256: a small cohort needs
    many steps, a large one large batches.
    """
    if isinstance(batch_size, str) and batch_size == "auto":
        power = 2 ** int(np.log2(max(n_records / _STEPS_PER_EPOCH, 1)))
        return int(np.clip(power, _MIN_BATCH, _MAX_BATCH))
    if not is_count(batch_size):
        raise ECGError(f"batch_size must be 'auto' or a positive int, got {batch_size!r}.")
    return int(batch_size)


def fit_net(
    module: nn.Module,
    criterion: nn.Module,
    training: BatchDataset,
    validation: BatchDataset | None = None,
    *,
    trainer: Trainer,
    device: torch.device,
    batch_size: int,
    max_epochs: int,
    learning_rate: float,
    description: str = "Training",
    verbose: int = 0,
    callbacks: Sequence[Callback] = (),
    identity: str = "",
    distributed: DistributedContext | None = None,
) -> ECGNet:
    """Train a module with AdamW and a one-cycle schedule; end with averaged weights.

    One-cycle learning rate with the peak `learning_rate` (Smith & Topin 2019), weights averaged
    over the last steps; with a validation set, of other patients, the epoch with the lowest
    validation loss. `description` names the stage in its progress. `identity` holds further
    settings that the fit depends on, for the name of its checkpoint.
    The net has no state of the optimiser, which would triple a pickle.
    """
    order = WeightedOrder(training.weight)
    batch_size = min(batch_size, len(order))
    # A last batch of one record has no variance to normalise by, so it is left out.
    steps_per_epoch = max(len(order) // batch_size, 1)
    run = (batch_size, max_epochs, learning_rate, *trainer.result_settings, identity)
    checkpoint = _checkpoint(trainer, module, (training, validation), run)
    is_first = distributed is None or distributed.rank == 0
    progress = Progress(description, verbose, steps_per_epoch) if verbose and is_first else None
    before, after = _own_callbacks(
        _one_cycle(learning_rate, max_epochs * steps_per_epoch),
        progress,
        None if validation is None else trainer.n_iter_no_change,
        checkpoint,
    )
    net = ECGNet(
        module.to(device),
        criterion=criterion,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=trainer.weight_decay,
        optimizer__fused=device.type in ("cpu", "cuda"),
        lr=learning_rate,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=BatchLoader,
        iterator_train__order=order,
        iterator_train__drop_last=True,
        iterator_train__device=device,
        iterator_train__share=_share(distributed, batch_size),
        iterator_valid=BatchLoader,
        iterator_valid__device=device,
        train_split=None if validation is None else predefined_split(validation),
        callbacks=[*before, *callbacks, *(trainer.callbacks or ()), *after],
        callbacks__print_log=None,
        device=str(device),
        precision=trainer.precision,
        accumulation_steps=trainer.accumulation_steps,
        checkpoint=checkpoint,
        distributed=distributed,
        # Callbacks of a user may read the loss after every step.
        defers_losses=device.type == "cuda" and not trainer.callbacks,
        verbose=0,
    )
    with (
        _explained_end(net, description, progress, checkpoint),
        threads_for(batch_size, device),
        _compiled(module, trainer),
    ):
        net.fit(training, y=None)
    drop_training_state(net)
    return net


@contextmanager
def _compiled(module: nn.Module, trainer: Trainer) -> Iterator[None]:
    """Compile the encoder inside the block, if the trainer asks for it."""
    backbone: Any = getattr(module, "backbone", None)
    if backbone is None or not trainer.compile:
        yield
        return
    backbone.encoder.compile()
    try:
        yield
    finally:
        backbone.encoder._compiled_call_impl = None  # compiled for training batches


@contextmanager
def _explained_end(
    net: ECGNet, description: str, progress: Progress | None, checkpoint: Checkpoint | None
) -> Iterator[None]:
    """Add a note below the traceback of an error or interrupt: which epochs are kept."""
    try:
        yield
    except BaseException as error:
        n_done = sum("dur" in row for row in getattr(net, "history_", None) or ())
        if checkpoint is not None and n_done:
            error.add_note(
                f"{description} ended early: {checkpoint.path} holds {n_done} of {net.max_epochs} "
                "epochs. The same fit, called again, goes on from there."
            )
        elif checkpoint is None and isinstance(error, KeyboardInterrupt):
            error.add_note(
                f"{description} ended early, and nothing of it is kept. With "
                "Trainer(checkpoint_folder=...) and a random_state, a fit that is called again "
                "goes on after its last epoch."
            )
        raise
    finally:
        if progress is not None:
            progress.close()


def _checkpoint(
    trainer: Trainer,
    module: nn.Module,
    datasets: tuple[BatchDataset, BatchDataset | None],
    run: tuple,
) -> Checkpoint | None:
    if trainer.checkpoint_folder is None:
        return None
    return Checkpoint(trainer.checkpoint_folder, fingerprint(module, datasets, run))


def _own_callbacks(
    schedule: LRScheduler,
    progress: Progress | None,
    patience: int | None,
    checkpoint: Checkpoint | None,
) -> tuple[list[tuple[str, Callback]], list[tuple[str, Callback]]]:
    """Return the callbacks before the user's, and those after."""
    before: list[tuple[str, Callback]] = [
        ("schedule", schedule),
        ("average", WeightAverage(_WEIGHT_AVERAGE_DECAY)),
    ]
    if progress is not None:
        before.append(("progress", progress))
    # Both come last: early stopping skips the callbacks after it, and a checkpoint stores the
    # state of all others.
    after: list[tuple[str, Callback]] = []
    if patience is not None:
        after.append(("early_stopping", EarlyStopping(patience=patience, load_best=True)))
    if checkpoint is not None:
        after.append(("checkpoint", checkpoint))
    return before, after


def _share(distributed: DistributedContext | None, batch_size: int) -> tuple[int, int]:
    if distributed is None:
        return 0, 1
    if batch_size < 2 * distributed.n_processes:  # one record has no variance to normalise by
        raise ECGError(
            f"batch_size must be {2 * distributed.n_processes} or more for "
            f"{distributed.n_processes} processes, got {batch_size}."
        )
    return distributed.rank, distributed.n_processes


def drop_training_state(net: ECGNet) -> None:
    """Drop optimiser state, gradients and data, which only training needs."""
    net.optimizer_.state.clear()
    net.optimizer_.zero_grad(set_to_none=True)
    net.train_split = None
    net.checkpoint = net.distributed = None
    net.module_.eval()


def history_frame(net: ECGNet) -> pd.DataFrame:
    """Return the training history, one row per epoch, indexed by ``epoch`` from 1.

    ``valid_loss`` is there only if patients were held out, ``effective_rank`` only for a
    pre-training.
    """
    rows = [
        {
            "epoch": row["epoch"],
            **{key: row[key] for key in _HISTORY_COLUMNS if key in row},
            "seconds": row["dur"],
        }
        for row in net.history
    ]
    columns = None if rows else ["epoch", "train_loss", "seconds"]
    return pd.DataFrame(rows, columns=columns).set_index("epoch")


def _one_cycle(learning_rate: float, total_steps: int) -> LRScheduler:
    return LRScheduler(
        policy=torch.optim.lr_scheduler.OneCycleLR,
        max_lr=learning_rate,
        # One more than the batches: skorch also steps after the last.
        total_steps=total_steps + 1,
        step_every="batch",
    )
