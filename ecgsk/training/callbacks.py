"""skorch callbacks: weight averaging, collapse detection and a progress bar."""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn

from ecgsk._progress import progress_bar
from ecgsk.exceptions import CollapseWarning
from ecgsk.metrics import effective_rank

# The rank normally stays near its peak; it falls to a third or less where all embeddings
# approach one vector (docs/recipes.md).
_COLLAPSED_SHARE_OF_PEAK = 0.4
_MIN_RECORDS_FOR_RANK = 64  # the rank of fewer records is random


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
    """Show one progress bar over all epochs, with the losses."""

    def __init__(self, description: str):
        self.description = description

    def on_train_begin(self, net, **kwargs):
        """Show the bar."""
        self.bar_ = progress_bar(total=net.max_epochs, desc=self.description, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Advance, and show the losses of this epoch."""
        row = net.history[-1]
        losses = {key: f"{row[key]:.3f}" for key in ("train_loss", "valid_loss") if key in row}
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update(len(net.history) - self.bar_.n)  # more than one where a fit was resumed

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.bar_.close()
        del self.bar_
