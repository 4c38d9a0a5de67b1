"""State of the torch estimators: seeds, embedding, pickling without the net."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

import ecgsk.estimators._engine as engine
from ecgsk._missing_rows import warn_of_missing_records
from ecgsk._safe_text import to_html_text
from ecgsk.estimators._inputs import Inputs, Signature
from ecgsk.estimators._settings import verbosity

if TYPE_CHECKING:
    from torch import nn

# Attributes of which `_build_module` makes parts of the module.
_SPECS = ("encoder_spec_", "objective_", "augmentation", "clinical_encoder")

Fit = TypeVar("Fit", bound=Callable[..., Any])


def unchanged_on_failure(fit: Fit) -> Fit:
    """Decorate ``fit`` so that one that fails or is interrupted leaves the estimator as it was.

    Otherwise a fitted estimator would keep its net beside the labels and leads of the new data.
    """

    @functools.wraps(fit)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return fit(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return wrapped  # type: ignore[return-value]


class EmbeddingMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Transformer whose output is an embedding: float32, whatever the dtype of X."""

    def __sklearn_tags__(self):
        """Declare that the dtype is not preserved."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


class TorchEstimator(BaseEstimator):
    """Base of the estimators that train a torch module through skorch.

    ``_build_module`` of a subclass uses fitted attributes alone. Then only data are pickled or
    saved: the fitted attributes, and the weights as NumPy arrays.
    """

    net_: engine.ECGNet
    _n_features_out: int
    clinical_columns_: list[Any]

    # Request `groups` by default under metadata routing, as scikit-learn's splitters do.
    __metadata_request__fit = {"groups": True}

    def _build_module(self) -> nn.Module:
        """Build the module with fresh weights, from fitted attributes."""
        raise TypeError(f"{type(self).__name__} builds no module")

    def _store_signature(self, inputs: Inputs) -> None:
        """Store leads, sampling rate and shape, to compare later X with, and the population."""
        self.training_population_ = inputs.population
        if inputs.signature is not None:
            self.leads_: tuple[str, ...] | None = inputs.signature.leads
            self.sampling_rate_: Any = inputs.signature.sampling_rate  # float or None, in Hz
            self.shape_ = inputs.signature.shape
        if inputs.n_columns is not None:
            self.n_features_in_ = inputs.n_columns

    @property
    def _signature(self) -> Signature:
        return Signature.of(self)

    def _store_net(self, net: engine.ECGNet) -> None:
        self.net_ = net
        self.history_ = engine.history_frame(net)

    def _embed(self, dataset: engine.BatchDataset) -> np.ndarray:
        return self._run(engine.embed_batches, dataset, self._n_features_out)

    def _predict(self, dataset: engine.BatchDataset) -> np.ndarray:
        return self._run(engine.predict_batches, dataset, vars(self)["n_outputs_"])

    def _run(
        self, run: Callable[..., np.ndarray], dataset: engine.BatchDataset, n_columns: int
    ) -> np.ndarray:
        """Run the net on a dataset; the rows of missing records are NaN, with a warning."""
        signals = dataset.signals
        if signals is not None and (missing := signals.missing).any():
            warn_of_missing_records(type(self).__name__, missing, "not predicted: NaN")
            out = np.full((len(dataset), n_columns), np.nan, np.float32)
            if known := np.flatnonzero(~missing).tolist():
                out[known] = self._run(run, dataset.take(np.array(known)), n_columns)
            return out
        device, verbose = engine.prediction_device(self.device), verbosity(self)
        mend = "Free memory, predict fewer records at once, or set_params(device='cpu')."
        with engine.name_memory_errors(type(self).__name__, mend):
            out = run(self.net_.module_, dataset, device=device, verbose=verbose)
        if signals is not None:
            signals.warn_of_missing()
        return out

    def _seeded(self, seed: int):
        return engine.forked_rng(seed, engine.resolve_device(self.device))

    def _repr_html_inner(self) -> str:
        return super()._repr_html_inner() + self._clinical_columns_html()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        """Return scikit-learn's diagram, and the clinical columns of a fitted estimator."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += self._clinical_columns_html()
        return bundle

    def _clinical_columns_html(self) -> str:
        columns = getattr(self, "clinical_columns_", None)
        if columns is None:
            return ""
        names = ", ".join(map(str, columns)) or "none"
        return f"<p>Clinical columns that fit learned from: {to_html_text(names)}</p>"

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
        """Rebuild the net from its weights, on the CPU."""
        state = dict(state)
        weights = state.pop("weights_", None)
        super().__setstate__(state)
        if weights is not None:
            specs = [state.get(name) for name in _SPECS]
            module = engine.restore_module(self._build_module, weights, specs)
            self.net_ = engine.wrap_trained(module)

    def __sklearn_tags__(self):
        """Declare that X may be a plain array of two or three dimensions, with NaN."""
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags
