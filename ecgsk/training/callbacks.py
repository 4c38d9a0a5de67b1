"""skorch callbacks: weight averaging, collapse detection and progress."""

import time
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EpochScoring,
    LRScheduler,
    PassthroughScoring,
)
from torch import nn

from ecgsk._progress import progress_bar, report, reports_to_logging, shows_bars
from ecgsk.exceptions import CollapseWarning, ECGError
from ecgsk.metrics import effective_rank

# The rank normally stays near its peak; it falls to a third or less where all embeddings
# approach one vector (docs/benchmarks/recipes.md).
_COLLAPSED_SHARE_OF_PEAK = 0.4
_MIN_RECORDS_FOR_RANK = 64  # the rank of fewer records is random
_SECONDS_BETWEEN_STEPS = 60.0  # lines within an epoch
# Without epochs per second, both losses fit into 80 columns.
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class WeightAverage(Callback):
    """Validate with, and end with, an exponential moving average of the weights.

    The average of the last steps generalises better than the last step and needs no
    validation set to choose an epoch, which overfits a small one (Izmailov et al. 2018;
    Morales-Brotons et al. 2024). ``torch.optim.swa_utils.AveragedModel`` has a constant
    decay and copies the module; here the decay rises up to `decay`, so that the random
    start has little weight, and only weights are copied.
    """

    def __init__(self, decay: float):
        self.decay = decay

    def on_train_begin(self, net, **kwargs):
        """Start at the current weights."""
        self.n_steps_ = 0
        self.in_use_ = False
        # List tensors once: traversing all layers at every step slows training.
        self._weights = [t for t in net.module_.state_dict().values() if t.is_floating_point()]
        self.other_ = [tensor.detach().clone() for tensor in self._weights]

    def on_batch_begin(self, net, training, **kwargs):
        """Train on the weights, validate on their average."""
        if training == self.in_use_:
            self._swap()

    @torch.no_grad()
    def on_batch_end(self, net, training, **kwargs):
        """Move the average towards the weights."""
        if training:
            self.n_steps_ += 1
            decay = min(self.decay, self.n_steps_ / (self.n_steps_ + 10))
            torch._foreach_lerp_(self.other_, self._weights, 1 - decay)

    def on_train_end(self, net, **kwargs):
        """Leave the average in the module."""
        if not self.in_use_:
            self._swap()
        del self.other_, self._weights

    @torch.no_grad()
    def _swap(self):
        held = [tensor.clone() for tensor in self._weights]
        torch._foreach_copy_(self._weights, self.other_)
        self.other_ = held
        self.in_use_ = not self.in_use_


class EffectiveRank(Callback):
    """Record the effective rank of embeddings; warn where it has collapsed.

    A loss may fall to zero while all records get one embedding, so the loss does not show
    a collapse (Jing et al. 2022; Garrido et al. 2023). `embed` returns the module's
    embeddings of the same records each time.
    """

    def __init__(self, embed: Callable[[nn.Module], np.ndarray]):
        self.embed = embed

    def on_epoch_end(self, net, **kwargs):
        """Add the rank after this epoch to the history."""
        net.history.record("effective_rank", self._rank(net))

    def on_train_end(self, net, **kwargs):
        """Warn where the rank has fallen far below its peak."""
        ranks = [row["effective_rank"] for row in net.history if "effective_rank" in row]
        if ranks and ranks[-1] < _COLLAPSED_SHARE_OF_PEAK * max(ranks):
            warnings.warn(
                f"The embeddings have collapsed: they use {ranks[-1]:.1f} directions (effective "
                f"rank) and used {max(ranks):.1f} before. The loss does not show that. Try another "
                "objective or a lower learning_rate, and look at history_['effective_rank'].",
                CollapseWarning,
                stacklevel=2,
            )

    def _rank(self, net) -> float:
        embeddings = self.embed(net.module_)
        # If a fit diverges, the losses show it.
        has_rank = len(embeddings) >= _MIN_RECORDS_FOR_RANK and np.isfinite(embeddings).all()
        return effective_rank(embeddings) if has_rank else np.nan


class Progress(Callback):
    """Show one progress bar over all epochs, or report a line per epoch, with the losses.

    A line is reported where no bar can be seen, where logging is configured for it, and with
    `verbose` of 2 or more. An epoch of minutes has further lines. `close` it after an error.
    """

    def __init__(self, description: str, verbose: int, steps_per_epoch: int):
        self.description = description
        self.verbose = verbose
        self.steps_per_epoch = steps_per_epoch
        self._bar: Any = None
        self._n_resumed: Any = None  # epochs of a checkpoint

    def on_train_begin(self, net, **kwargs):
        """Show the bar."""
        self._bar = progress_bar(
            total=net.max_epochs, desc=self.description, bar_format=_BAR, show=shows_bars()
        )
        self._has_lines = not shows_bars() or reports_to_logging() or self.verbose >= 2
        self._start = self._last = time.perf_counter()
        self._n_resumed, self._step = None, 0
        if self.verbose >= 2:
            n_weights = sum(weight.numel() for weight in net.module_.parameters())
            report(
                f"{self.description}: {net.max_epochs} epochs of {self.steps_per_epoch} steps with "
                f"{net.batch_size} records, {n_weights:,} weights, on {net.device}"
            )

    def on_epoch_begin(self, net, **kwargs):
        """Count the epochs resumed from a checkpoint; reset the count of steps."""
        if self._n_resumed is None:
            self._n_resumed = len(net.history) - 1
        self._step = 0

    def on_batch_end(self, net, training, **kwargs):
        """Report the step now and then in a long epoch."""
        self._step += training
        if self._has_lines and time.perf_counter() - self._last > _SECONDS_BETWEEN_STEPS:
            self._report(net, f"step {self._step} of {self.steps_per_epoch}")

    def on_epoch_end(self, net, **kwargs):
        """Advance, and show the losses of this epoch."""
        row = net.history[-1]
        losses = {key: row[key] for key in ("train_loss", "valid_loss") if key in row}
        shown = {key: f"{loss:.3f}" for key, loss in losses.items()}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(len(net.history) - self._bar.n)  # more than one where a fit was resumed
        if self._has_lines:
            # EpochTimer is the first of the callbacks, so "dur" is there.
            words = [f"{key.replace('_', ' ')} {loss:.4g}" for key, loss in losses.items()]
            self._report(net, ", ".join([*words, f"{row['dur']:.1f} s", self._time_left(net)]))

    def close(self):
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.close()

    def _report(self, net, words: str) -> None:
        self._last = time.perf_counter()
        report(f"{self.description}: epoch {len(net.history)} of {net.max_epochs}, {words}")

    def _time_left(self, net) -> str:
        n_done = len(net.history) - self._n_resumed
        seconds = (time.perf_counter() - self._start) / n_done
        left = round(seconds * (net.max_epochs - len(net.history)))
        return f"{timedelta(seconds=left)} left"


def check_monitored(
    callbacks: Sequence[Any], measured: Sequence[str], has_validation: bool
) -> None:
    """Raise where one of skorch's callbacks monitors what no epoch of a fit measures.

    `measured` are the quantities that the engine writes to the history.
    """
    found = [_instance(item[1] if isinstance(item, tuple) else item) for item in callbacks]
    if not all(type(callback).__module__.startswith("skorch.") for callback in found):
        return  # a callback from elsewhere may write anything to the history
    known = [*measured, "dur"] + [
        clone(callback).initialize().name_
        for callback in found
        if isinstance(callback, (EpochScoring, BatchScoring, PassthroughScoring))
        and (has_validation or callback.on_train)
    ]
    for callback in found:
        name = _monitored(callback)
        if name is not None and name.removesuffix("_best") not in known:
            held_out = "holds patients out" if has_validation else "holds no patients out"
            raise ECGError(
                f"Trainer: the callback {type(callback).__name__} monitors {name!r}; expected one "
                f"of {', '.join(known)}, since this fit {held_out}. Set early_stopping=True to "
                "hold some out, or monitor='train_loss'."
            )


def _instance(callback: Any) -> Callback:
    try:
        return callback() if isinstance(callback, type) else callback
    except TypeError as error:
        raise ECGError(
            f"Trainer: expected callbacks that need no parameters, or instances; got the class "
            f"{callback.__name__} ({error}). Give an instance in Trainer(callbacks=...)."
        ) from error


def _monitored(callback: Callback) -> str | None:
    """Return the quantity that a callback reads from the history; None for no or any."""
    if isinstance(callback, LRScheduler) and "Plateau" not in str(callback.policy):
        return None  # other schedules ignore it
    name = getattr(callback, "monitor", None)
    return name if isinstance(name, str) else None
