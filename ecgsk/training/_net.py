"""The skorch net, and one call that trains a module with it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from skorch.helper import predefined_split
from torch import nn
from torch.utils.data import DataLoader

from ecgsk.training._batches import BatchDataset, as_it_is
from ecgsk.training._callbacks import Progress, WeightAverage
from ecgsk.training._device import autocast, threads_for
from ecgsk.training._sampling import WeightedOrder


class ECGNet(NeuralNet):
    """A skorch net whose training steps run in reduced precision where that pays.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        See :func:`ecgsk.training.autocast`.
    **kwargs
        Those of :class:`skorch.NeuralNet`.
    """

    def __init__(self, *args, precision: str = "auto", **kwargs):
        self.precision = precision
        super().__init__(*args, **kwargs)

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

    Returns
    -------
    ECGNet
        Trained; without the optimiser's state, which would triple a pickle.
    """
    sampler = WeightedOrder(training.weight)
    batch_size = min(batch_size, len(sampler))
    # A last batch of one record has no variance to normalise by.
    steps_per_epoch = max(len(sampler) // batch_size, 1)
    own: list[tuple[str, Callback]] = [
        ("schedule", _one_cycle(learning_rate, max_epochs * steps_per_epoch)),
        ("average", WeightAverage(decay=0.99)),
    ]
    if validation is not None:
        own.append(("early_stopping", EarlyStopping(patience=patience, load_best=True)))
    if description is not None:
        own.append(("progress", Progress(description)))
    net = ECGNet(
        module.to(device),
        criterion=criterion,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=weight_decay,
        lr=learning_rate,
        max_epochs=max_epochs,
        batch_size=batch_size,
        iterator_train=DataLoader,
        iterator_train__sampler=sampler,
        iterator_train__drop_last=True,
        iterator_train__collate_fn=as_it_is,
        iterator_valid__collate_fn=as_it_is,
        train_split=None if validation is None else predefined_split(validation),
        callbacks=[*own, *callbacks],
        callbacks__print_log=None,
        device=str(device),
        precision=precision,
        verbose=0,
    )
    with threads_for(batch_size, device):
        net.fit(training, y=None)
    trim(net)
    return net


def trim(net: ECGNet) -> None:
    """Drop what only training needed: optimiser state, gradients and data."""
    net.optimizer_.state.clear()
    net.optimizer_.zero_grad(set_to_none=True)
    net.train_split = None
    net.module_.eval()


def history_frame(net: ECGNet) -> pd.DataFrame:
    """Return the training history, one row per epoch.

    Returns
    -------
    DataFrame
        Columns ``train_loss``, ``valid_loss`` where patients were held out,
        and ``seconds``; indexed by ``epoch`` from 1.
    """
    rows = [
        {
            "epoch": row["epoch"],
            **{key: row[key] for key in ("train_loss", "valid_loss") if key in row},
            "seconds": row["dur"],
        }
        for row in net.history
    ]
    return pd.DataFrame(rows, columns=None if rows else ["epoch"]).set_index("epoch")


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
    device,
    batch_size: int,
    method: str = "forward",
    multiple: int = 1,
) -> np.ndarray:
    """Return a module's output for every record, as float32 on the CPU.

    Batches are filled up to a ``multiple`` of records, by repeating the last:
    the order in which torch adds up depends on the size of the batch.

    Returns
    -------
    ndarray of shape (n_records, n_outputs)
    """
    module = module.to(device).eval()
    call = getattr(module, method)
    outputs = []
    for inputs in dataset.in_order(batch_size):
        n_records = len(next(iter(inputs.values())))
        rows = np.minimum(np.arange(-(-n_records // multiple) * multiple), n_records - 1)
        on_device = {
            name: (tensor if len(rows) == n_records else tensor[rows]).to(device)
            for name, tensor in inputs.items()
        }
        outputs.append(call(**on_device)[:n_records].float().cpu().numpy())
    return np.concatenate(outputs)
