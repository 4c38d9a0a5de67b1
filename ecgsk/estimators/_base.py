"""What the three estimators share: reading X, seeds, devices, training, pickling."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from torch import nn

from ecgsk.estimators._inputs import Inputs, read_inputs
from ecgsk.estimators._rows import Rows
from ecgsk.model_selection import patient_split
from ecgsk.training import (
    BatchDataset,
    ECGNet,
    MeanOutput,
    Together,
    device_at_hand,
    draw,
    forked_rng,
    history_frame,
    resolve_batch_size,
    resolve_device,
    run,
    train,
)

# From this many patients on, holding some out to stop on costs little.
_MANY_PATIENTS = 4000
# Parameters that change how a fit runs and not what comes of it, or that have no lasting text.
_NO_MATTER = ("callbacks", "checkpoint_folder", "device", "verbose")
# In batches of this many, torch's CPU convolutions add up in one order.
_EMBEDDING_MULTIPLE = 16


class EmbeddingMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Transformer whose output is an embedding: float32, whatever comes in."""

    def __sklearn_tags__(self):
        """Say that the dtype is not kept."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


class TorchEstimator(BaseEstimator):
    """Base of the estimators that train a torch module through skorch.

    A subclass says in ``_build_module`` how its module is made from fitted
    attributes alone. What is pickled or saved is then data only: the fitted
    attributes, and the weights as NumPy arrays.
    """

    net_: ECGNet

    # Under metadata routing patients go wherever they are of use, as in a splitter.
    __metadata_request__fit = {"groups": True}

    def _build_module(self) -> nn.Module:
        """Make the module with fresh weights, from fitted attributes."""
        raise TypeError(f"{type(self).__name__} builds no module")

    def _read(self, X: Any, *, fitting: bool, groups: Any = None, needs_ecg: bool = True) -> Inputs:
        return read_inputs(self, X, fitting=fitting, groups=groups, needs_ecg=needs_ecg)

    def _draw_seed(self) -> int:
        for name, wanted in (
            ("checkpoint_folder", self.checkpoint_folder is not None),
            ("device='accelerate'", self.device == "accelerate"),
        ):
            if wanted and self.random_state is None:
                raise ValueError(
                    f"{type(self).__name__}: {name} needs a random_state, so that the fit can be "
                    "told again. Set one, such as random_state=0."
                )
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _hold_out(self, data: Rows, rows: np.ndarray, seed: int):
        """Split rows into training and validation patients, or keep all for training."""
        if self.early_stopping not in (True, False, "auto"):
            raise ValueError(
                f"{type(self).__name__}: early_stopping must be True, False or 'auto', "
                f"got {self.early_stopping!r}."
            )
        groups = data.groups[rows]
        n_patients = len(np.unique(groups))
        wanted = (
            n_patients >= _MANY_PATIENTS if self.early_stopping == "auto" else self.early_stopping
        )
        if not wanted:
            return rows, None
        if n_patients < 2:
            raise ValueError(
                f"{type(self).__name__}: early_stopping needs two patients or more, got "
                f"{n_patients}. Set early_stopping=False."
            )
        if not 0 < self.validation_fraction < 1:
            raise ValueError(
                f"{type(self).__name__}: validation_fraction must be in (0, 1), "
                f"got {self.validation_fraction!r}."
            )
        # Of a few patients too, one is held out and one is kept.
        n_held_out = int(np.clip(round(self.validation_fraction * n_patients), 1, n_patients - 1))
        kept, held_out = (
            rows[side] for side in patient_split(groups, test_size=n_held_out, random_state=seed)
        )
        return kept, held_out[draw(data.weight[held_out], start=0.5)]

    def _train(
        self,
        module: nn.Module,
        criterion: nn.Module,
        data: BatchDataset,
        validation: BatchDataset | None,
        *,
        description: str,
        max_epochs: int | None = None,
        learning_rate: float | None = None,
        callbacks: Sequence[Any] = (),
    ) -> ECGNet:
        return train(
            module,
            criterion,
            data,
            validation,
            device=resolve_device(self.device),
            precision=self.precision,
            batch_size=resolve_batch_size(self.batch_size, len(data)),
            max_epochs=self.max_epochs if max_epochs is None else max_epochs,
            learning_rate=self.learning_rate if learning_rate is None else learning_rate,
            weight_decay=self.weight_decay,
            patience=self.n_iter_no_change,
            description=description if self.verbose else None,
            callbacks=[*callbacks, *(self.callbacks or ())],
            compiled=self._encoder_of(module) if self.compile else None,
            accumulation_steps=self.accumulation_steps,
            checkpoint_folder=self.checkpoint_folder,
            identity=self._identity(),
            together=Together() if self.device == "accelerate" else None,
        )

    def _identity(self) -> str:
        """Return the parameters that a fit's result depends on, as text."""
        parameters = self.get_params(deep=True)
        return repr(
            [
                (name, repr(value))
                for name, value in sorted(parameters.items())
                if name.rpartition("__")[2] not in _NO_MATTER
            ]
        )

    def _encoder_of(self, module: nn.Module) -> nn.Module | None:
        backbone = getattr(module, "backbone", None)
        return None if backbone is None else backbone.encoder

    def _keep(self, net: ECGNet) -> None:
        self.net_ = net
        self.history_ = history_frame(net)

    def _embed(self, module: nn.Module, dataset: BatchDataset, method: str) -> np.ndarray:
        """Run a module so that a record's embedding is the same, alone or among others.

        A head fitted on embeddings magnifies their last digit.
        """
        return self._run(module, dataset, method, multiple=_EMBEDDING_MULTIPLE)

    def _run(
        self,
        module: nn.Module,
        dataset: BatchDataset,
        method: str = "forward",
        multiple: int = 1,
    ) -> np.ndarray:
        out = run(
            module,
            dataset,
            device=device_at_hand(self.device),
            method=method,
            multiple=multiple,
        )
        if dataset.signals is not None:
            dataset.signals.warn_of_missing()  # type: ignore[attr-defined]
        return out

    def _seeded(self, seed: int):
        return forked_rng(seed, resolve_device(self.device))

    def __getstate__(self) -> dict[str, Any]:
        """Return parameters and fitted attributes, the net as NumPy weights."""
        state = dict(super().__getstate__())
        net = state.pop("net_", None)
        if net is not None:
            state["weights_"] = {
                name: tensor.detach().cpu().numpy()
                for name, tensor in net.module_.state_dict().items()
            }
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Rebuild the net from its weights, on whatever device is here."""
        state = dict(state)
        weights = state.pop("weights_", None)
        super().__setstate__(state)
        if weights is not None:
            with torch.random.fork_rng(devices=[]):  # fresh weights, drawn to be replaced
                module = self._build_module()
            module.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
            self.net_ = wrap(module)

    def __sklearn_tags__(self):
        """Say what X may be: plain arrays of two or three dimensions, with NaN."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags


def wrap(module: nn.Module, criterion: nn.Module | None = None) -> ECGNet:
    """Put a module that needs no training into a net, as ``fit`` would leave it."""
    net = ECGNet(module.eval(), criterion=criterion or MeanOutput(), train_split=None, verbose=0)
    return net.initialize()
