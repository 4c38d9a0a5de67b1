"""The skorch net: whole batches, reduced precision, gradient accumulation, checkpoints."""

from contextlib import suppress

import torch
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from torch import nn

from ecgsk._tally import tally
from ecgsk.exceptions import ECGError
from ecgsk.training._checkpoint import Checkpoint
from ecgsk.training.device import autocast
from ecgsk.training.distributed import DistributedContext


class StopTraining(Exception):  # noqa: N818 - a signal, as StopIteration is
    """Early stopping ends the training."""


class ECGNet(NeuralNet):
    """skorch net with batched reads, reduced precision, checkpoints and interrupts that propagate.

    A batch goes through the network in `accumulation_steps` parts; the step is that of the
    mean of the parts' losses. A KeyboardInterrupt comes out of ``fit``; skorch treats every
    one as the signal of its ``EarlyStopping``, and would return a half-trained net.
    With `defers_losses`, the losses of an epoch are copied from a GPU at its end: skorch waits
    for that of every step, and the GPU then waits for the next step.
    """

    def __init__(
        self,
        *args,
        precision: str = "auto",
        accumulation_steps: int = 1,
        checkpoint: Checkpoint | None = None,
        distributed: DistributedContext | None = None,
        defers_losses: bool = False,
        **kwargs,
    ):
        self.precision = precision
        self.accumulation_steps = accumulation_steps
        self.checkpoint = checkpoint
        self.distributed = distributed
        self.defers_losses = defers_losses
        super().__init__(*args, **kwargs)

    def initialize_callbacks(self):
        """Initialise the callbacks; raise an ECGError that names one that fails."""
        try:
            return super().initialize_callbacks()
        except Exception as error:
            raise ECGError(
                "Trainer: expected callbacks that skorch can initialise, each with its own name; "
                f"got {type(error).__name__}: {error}. Correct Trainer(callbacks=...)."
            ) from error

    def partial_fit(self, X, y=None, classes=None, **fit_params):
        """Train until the last epoch or early stopping; an interrupt comes through."""
        if not self.initialized_:
            self.initialize()
        if isinstance(self.optimizer_, NoOptimizer):
            raise ECGError("this net cannot be trained further: fit the estimator instead.")
        self.notify("on_train_begin", X=X, y=y)
        with suppress(StopTraining):
            self.fit_loop(X, y, **fit_params)
        self.notify("on_train_end", X=X, y=y)
        return self

    def notify(self, method_name, **cb_kwargs):
        """Call a method of every callback; an error in one of skorch's names the callback."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt:
                if isinstance(callback, EarlyStopping) and callback.misses_ == callback.patience:
                    raise StopTraining from None
                raise
            except Exception as error:
                # A user's own callback may raise what its caller waits for, such as a pruned trial.
                if not type(callback).__module__.startswith("skorch."):
                    raise
                raise ECGError(
                    f"Trainer: the callback {type(callback).__name__} failed in {method_name} "
                    f"({type(error).__name__}: {error}). Change or remove it in "
                    "Trainer(callbacks=...)."
                ) from error

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        """Train, from the last epoch of a checkpoint if there is one."""
        epochs = self.max_epochs if epochs is None else epochs
        if self.checkpoint is not None:
            epochs -= self.checkpoint.resume(self)
        return super().fit_loop(X, y, epochs=epochs, **fit_params)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run the steps of an epoch."""
        if iterator is None or not self.defers_losses:
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        losses, rows = [], []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            losses.append(step["loss"].detach())
            self.history.record_batch(f"{prefix}_batch_size", len(batch[1]))
            rows.append(self.history[-1]["batches"][-1])
            self.notify("on_batch_end", batch=batch, training=training, **step)
        if losses:
            for row, loss in zip(rows, torch.stack(losses).tolist(), strict=True):
                row[f"{prefix}_loss"] = loss
        self.history.record(f"{prefix}_batch_count", len(losses))

    def train_step_single(self, batch, **fit_params):
        """Compute the gradients of a batch, whole or in parts, in one process or several."""
        if self.accumulation_steps == 1:
            step = super().train_step_single(batch, **fit_params)
        else:
            step = self._step_in_parts(batch, **fit_params)
        if self.distributed is not None:
            self.distributed.average_step(self.module_, step["loss"])
        tally(len(batch[1]))
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
        """Run the module; in training with autocast."""
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
        """Return the mean output; the target is ignored."""
        return output.mean()


class NoOptimizer:
    """Stands where a net that is only used has its optimiser.

    The first of torch's own imports torch's compiler, which takes a second.
    """

    def __init__(self, named_parameters, **settings):
        self.state: dict = {}


def wrap_trained(module: nn.Module, criterion: nn.Module | None = None) -> ECGNet:
    """Wrap a module that needs no training into a net, as after a fit."""
    net = ECGNet(
        module.eval(),
        criterion=criterion or MeanOutput(),
        optimizer=NoOptimizer,
        train_split=None,
        verbose=0,
    )
    return net.initialize()
