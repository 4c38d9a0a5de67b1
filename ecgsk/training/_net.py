"""The skorch net, and one call that trains a module with it."""

from collections.abc import Sequence
from os import PathLike

import numpy as np
import pandas as pd
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.helper import predefined_split
from torch import nn

from ecgsk.training._batches import BatchDataset
from ecgsk.training._callbacks import Progress, WeightAverage
from ecgsk.training._checkpoint import Checkpoint, fingerprint
from ecgsk.training._device import autocast, threads_for
from ecgsk.training._feed import Feed
from ecgsk.training._sampling import WeightedOrder
from ecgsk.training._together import Together

_PREDICTED_BY_THREAD, _PREDICTED_BY_GPU = 32, 1024  # records at once
_IN_HISTORY = ("train_loss", "valid_loss", "effective_rank")


class ECGNet(NeuralNet):
    """A skorch net with whole batches, reduced precision, and checkpoints.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        See :func:`ecgsk.training.autocast`.
    accumulation_steps : int, default=1
        Parts in which a batch goes through the network, one after another, where
        a whole one does not fit into memory. The step is that of the mean of the
        parts' losses.
    checkpoint : Checkpoint or None, default=None
        Where the state of the fit is kept after every epoch, and resumed from.
    together : Together or None, default=None
        The processes that train with this one.
    **kwargs
        Those of :class:`skorch.NeuralNet`.
    """

    def __init__(
        self,
        *args,
        precision: str = "auto",
        accumulation_steps: int = 1,
        checkpoint: Checkpoint | None = None,
        together: Together | None = None,
        **kwargs,
    ):
        self.precision = precision
        self.accumulation_steps = accumulation_steps
        self.checkpoint = checkpoint
        self.together = together
        super().__init__(*args, **kwargs)

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train; go on after the last epoch that a checkpoint holds."""
        epochs = self.max_epochs if epochs is None else epochs
        if self.checkpoint is not None:
            epochs -= self.checkpoint.resume(self)
        return super().fit_loop(X, y, epochs=epochs, **fit_params)

    def train_step_single(self, batch, **fit_params):
        """Compute a batch's gradients: at once or in parts, alone or together."""
        if self.accumulation_steps == 1:
            step = super().train_step_single(batch, **fit_params)
        else:
            step = self._step_in_parts(batch, **fit_params)
        if self.together is not None:
            self.together.average_step(self.module_, step["loss"])
        return step

    def _step_in_parts(self, batch, **fit_params):
        self._set_training(True)
        inputs, targets = batch
        total, outputs = targets.new_zeros((), dtype=torch.float32), []
        for rows in torch.arange(len(targets)).tensor_split(self.accumulation_steps):
            if not len(rows):
                continue
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            part_of = {name: tensor[part] for name, tensor in inputs.items()}
            y_pred = self.infer(part_of, **fit_params)
            loss = self.get_loss(y_pred, targets[part], X=part_of, training=True)
            loss = loss * (len(rows) / len(targets))
            loss.backward()
            total = total + loss.detach()
            outputs.append(y_pred.detach())
        return {"loss": total, "y_pred": torch.cat(outputs)}

    def infer(self, x, **fit_params):
        """Run the module; losses and everything after it stay float32."""
        if not self.module_.training:
            return super().infer(x, **fit_params)
        with autocast(torch.device(self.device), self.precision):
            return super().infer(x, **fit_params)

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        """Compute the loss in float32."""
        return super().get_loss(y_pred.float(), y_true, *args, **kwargs)


class MeanOutput(nn.Module):
    """Criterion of a module whose output is its loss."""

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the mean output; the target is not looked at."""
        return output.mean()


def resolve_batch_size(batch_size: int | str, n_records: int) -> int:
    """Return the number of records per step that a parameter stands for.

    ``"auto"`` aims at 40 steps an epoch with batches of 32 to 256: a small
    cohort needs many steps, a large one full ones.

    Examples
    --------
    >>> from ecgsk.training import resolve_batch_size
    >>> resolve_batch_size("auto", 1_500), resolve_batch_size("auto", 800_000)
    (32, 256)
    """
    if batch_size == "auto":
        return int(np.clip(2 ** int(np.log2(max(n_records / 40, 1))), 32, 256))
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"batch_size must be 'auto' or a positive int, got {batch_size!r}.")
    return int(batch_size)


def train(
    module: nn.Module,
    criterion: nn.Module,
    training: BatchDataset,
    validation: BatchDataset | None = None,
    *,
    device: torch.device,
    precision: str,
    batch_size: int,
    max_epochs: int,
    learning_rate: float,
    weight_decay: float,
    patience: int,
    description: str | None,
    callbacks: Sequence[Callback] = (),
    compiled: nn.Module | None = None,
    accumulation_steps: int = 1,
    checkpoint_folder: str | PathLike | None = None,
    identity: str = "",
    together: Together | None = None,
) -> ECGNet:
    """Train a module under a one-cycle schedule; end with averaged weights.

    AdamW, one-cycle learning rate (Smith & Topin 2019), weights averaged over
    the last steps; with a validation set, the epoch that was best on it.

    Parameters
    ----------
    module, criterion : nn.Module
        What is trained, and the loss of its output.
    training, validation : BatchDataset
        Records of different patients.
    patience : int
        Epochs without a better validation loss after which training ends.
    description : str or None
        Text before the progress bar; no bar where None.
    callbacks : sequence of skorch callbacks
        The user's own.
    compiled : nn.Module or None
        The part of the module that ``torch.compile`` takes.
    accumulation_steps : int
        See :class:`ECGNet`.
    checkpoint_folder : path-like or None
        Where the fit's state is kept after every epoch. The same fit, started
        again, goes on from there and ends with the same weights, bit by bit.
    identity : str
        What the fit depends on beside these arguments: it tells checkpoints apart.
    together : Together or None
        The processes that each take a share of every batch.

    Returns
    -------
    ECGNet
        Trained; without the optimiser's state, which would triple a pickle.
    """
    order = WeightedOrder(training.weight)
    batch_size = min(batch_size, len(order))
    # A last batch of one record has no variance to normalise by.
    steps_per_epoch = max(len(order) // batch_size, 1)
    checkpoint = None
    if checkpoint_folder is not None:
        run_as = (batch_size, max_epochs, learning_rate, weight_decay, patience, precision)
        settings = (*run_as, accumulation_steps, identity)
        name = fingerprint(module, (training, validation), settings)
        checkpoint = Checkpoint(checkpoint_folder, name)
    is_first = together is None or together.rank == 0
    around = _callbacks(
        _one_cycle(learning_rate, max_epochs * steps_per_epoch),
        description if is_first else None,
        None if validation is None else patience,
        checkpoint,
    )
    net = ECGNet(
        module.to(device),
        criterion=criterion,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=weight_decay,
        optimizer__fused=device.type in ("cpu", "cuda"),
        lr=learning_rate,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=Feed,
        iterator_train__order=order,
        iterator_train__drop_last=True,
        iterator_train__device=device,
        iterator_train__share=_share(together, batch_size),
        iterator_valid=Feed,
        iterator_valid__device=device,
        train_split=None if validation is None else predefined_split(validation),
        callbacks=[*around[0], *callbacks, *around[1]],
        callbacks__print_log=None,
        device=str(device),
        precision=precision,
        accumulation_steps=accumulation_steps,
        checkpoint=checkpoint,
        together=together,
        verbose=0,
    )
    if compiled is not None:
        compiled.compile()
    with threads_for(batch_size, device):
        net.fit(training, y=None)
    if compiled is not None:
        compiled._compiled_call_impl = None  # it was compiled for batches of training
    trim(net)
    return net


def _callbacks(
    schedule: LRScheduler,
    description: str | None,
    patience: int | None,
    checkpoint: Checkpoint | None,
) -> tuple[list[tuple[str, Callback]], list[tuple[str, Callback]]]:
    """Return our callbacks: those before the user's, and those after."""
    before: list[tuple[str, Callback]] = [
        ("schedule", schedule),
        ("average", WeightAverage(decay=0.99)),
    ]
    if description is not None:
        before.append(("progress", Progress(description)))
    # One that stops a fit keeps those after it from seeing the epoch, and what a
    # checkpoint keeps is what all others have done.
    after: list[tuple[str, Callback]] = []
    if patience is not None:
        after.append(("early_stopping", EarlyStopping(patience=patience, load_best=True)))
    if checkpoint is not None:
        after.append(("checkpoint", checkpoint))
    return before, after


def _share(together: Together | None, batch_size: int) -> tuple[int, int]:
    if together is None:
        return 0, 1
    if batch_size < 2 * together.n_processes:  # one record has no variance to normalise by
        raise ValueError(
            f"batch_size must be {2 * together.n_processes} or more for {together.n_processes} "
            f"processes, got {batch_size}."
        )
    return together.rank, together.n_processes


def trim(net: ECGNet) -> None:
    """Drop what only training needed: optimiser state, gradients and data."""
    net.optimizer_.state.clear()
    net.optimizer_.zero_grad(set_to_none=True)
    net.train_split = None
    net.checkpoint = net.together = None
    net.module_.eval()


def history_frame(net: ECGNet) -> pd.DataFrame:
    """Return the training history, one row per epoch.

    Returns
    -------
    DataFrame
        Columns ``train_loss``, ``valid_loss`` where patients were held out,
        ``effective_rank`` of a pre-training, and ``seconds``; indexed by
        ``epoch`` from 1.
    """
    rows = [
        {
            "epoch": row["epoch"],
            **{key: row[key] for key in _IN_HISTORY if key in row},
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
        # One step more than are taken: skorch steps after the last batch too.
        total_steps=total_steps + 1,
        step_every="batch",
    )


@torch.inference_mode()
def run(
    module: nn.Module,
    dataset: BatchDataset,
    *,
    device: torch.device,
    batch_size: int | None = None,
    method: str = "forward",
    multiple: int = 1,
) -> np.ndarray:
    """Return a module's output for every record, as float32 on the CPU.

    Parameters
    ----------
    module : nn.Module
        Left where it runs, in evaluation mode.
    dataset : BatchDataset
        Records in the order of the output.
    device : torch.device
        Where to run it.
    batch_size : int or None
        Records at once. None is 1,024 on a GPU, and on the CPU 32 a thread:
        what passes through its cache, which is a third faster than 128.
    method : str
        Which of the module's to call.
    multiple : int
        Batches are filled up to a multiple of so many records, by repeating the
        last: the order in which torch adds up depends on the size of the batch.

    Returns
    -------
    ndarray of shape (n_records, n_outputs)
    """
    # To walk through all layers takes as long as one record does: only where there is need.
    if next(module.parameters(), torch.empty(0, device=device)).device.type != device.type:
        module = module.to(device)
    if module.training:
        module.eval()
    if batch_size is None:
        each = _PREDICTED_BY_THREAD
        batch_size = each * torch.get_num_threads() if device.type == "cpu" else _PREDICTED_BY_GPU
    call = getattr(module, method)
    outputs = []
    for inputs, _ in Feed(dataset, batch_size, device=device, resident=False):
        n_records = len(next(iter(inputs.values())))
        if n_records % multiple:
            rows = np.minimum(np.arange(-(-n_records // multiple) * multiple), n_records - 1)
            inputs = {name: tensor[rows] for name, tensor in inputs.items()}
        outputs.append(call(**inputs)[:n_records].float().cpu().numpy())
    return np.concatenate(outputs)
