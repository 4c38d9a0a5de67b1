"""skorch callbacks: averaged weights, a watch for collapse, and a progress bar."""

import warnings
from collections.abc import Callable

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn

from ecgsk._progress import progress_bar
from ecgsk.exceptions import CollapseWarning
from ecgsk.metrics import effective_rank

# Under objectives that work the rank stays near its peak; where all embeddings near one
# vector it falls to a third of it and less (docs/recipes.md).
_COLLAPSED = 0.4
_ENOUGH = 64  # records; the rank of a few is a matter of chance


class WeightAverage(Callback):
    """Validate with, and end with, a running average of the weights.

    The average of the last steps generalises better than the last step and
    needs no validation set to pick an epoch, which overfits a small one
    (Izmailov et al. 2018; Morales-Brotons et al. 2024).

    Parameters
    ----------
    decay : float
        Weight of the past at each step. It starts lower, so that the random
        start is soon forgotten.
    """

    def __init__(self, decay: float):
        self.decay = decay

    def on_train_begin(self, net, **kwargs):
        """Start at the present weights."""
        self.n_steps_ = 0
        self.in_use_ = False
        # Listed once: to walk through all layers at every step would take a share of it.
        self._weights = [t for t in net.module_.state_dict().values() if t.is_floating_point()]
        self.other_ = [tensor.detach().clone() for tensor in self._weights]

    def on_batch_begin(self, net, training, **kwargs):
        """Train on the weights themselves, validate on their average."""
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
    """Record how many directions the embeddings use; warn where they have collapsed.

    A loss may fall to nothing while all records get one embedding, so the loss
    does not show it (Jing et al. 2022; Garrido et al. 2023).

    Parameters
    ----------
    embed : callable
        Takes the module, returns embeddings of the same few records each time.
    """

    def __init__(self, embed: Callable[[nn.Module], np.ndarray]):
        self.embed = embed

    def on_epoch_end(self, net, **kwargs):
        """Write this epoch's rank into the history."""
        net.history.record("effective_rank", self._rank(net))

    def on_train_end(self, net, **kwargs):
        """Warn where the rank has fallen far."""
        ranks = [row["effective_rank"] for row in net.history if "effective_rank" in row]
        if ranks and ranks[-1] < _COLLAPSED * max(ranks):
            warnings.warn(
                f"The embeddings have collapsed: they use {ranks[-1]:.1f} directions (effective "
                f"rank) and used {max(ranks):.1f} before. The loss does not show that. Try another "
                "objective or a lower learning_rate, and look at history_['effective_rank'].",
                CollapseWarning,
                stacklevel=2,
            )

    def _rank(self, net) -> float:
        embeddings = self.embed(net.module_)
        # A fit that diverges tells so by its losses.
        judged = len(embeddings) >= _ENOUGH and np.isfinite(embeddings).all()
        return effective_rank(embeddings) if judged else np.nan


class Progress(Callback):
    """One bar over all epochs, with the losses."""

    def __init__(self, description: str):
        self.description = description

    def on_train_begin(self, net, **kwargs):
        """Draw the bar."""
        self.bar_ = progress_bar(total=net.max_epochs, desc=self.description, unit="epoch")

    def on_epoch_end(self, net, **kwargs):
        """Advance, with this epoch's losses beside it."""
        row = net.history[-1]
        losses = {key: f"{row[key]:.3f}" for key in ("train_loss", "valid_loss") if key in row}
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update(len(net.history) - self.bar_.n)  # more than one where a fit was resumed

    def on_train_end(self, net, **kwargs):
        """Leave the finished bar."""
        self.bar_.close()
        del self.bar_
