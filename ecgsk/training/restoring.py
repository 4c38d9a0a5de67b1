"""Build a module around stored weights, within the memory that they take."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ecgsk.exceptions import ECGError
from ecgsk.training.device import forked_rng

# A layer of ours makes and initialises its parameters in fewer steps.
_STEPS_PER_ARRAY = 100
# On the meta device these take time and have no effect.
_FILLS = {"kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_"}


class _BoundedSteps(TorchFunctionMode):
    """Raise after `n` calls of torch, to bound the time for a stated depth of a billion."""

    def __init__(self, n: int):
        self.n = n

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.n -= 1
        if self.n < 0:
            raise ECGError("the module has more parameters than the weights.")
        if args and func.__name__ in _FILLS:
            return args[0]
        return func(*args, **(kwargs or {}))


def restore_module(
    build: Callable[[], nn.Module], weights: Mapping[str, np.ndarray], specs: list[Any]
) -> nn.Module:
    """Build a module and load its weights; raise ECGError if they do not fit.

    The module is first built on the meta device, which allocates nothing, and its shapes are
    compared with those of the weights. `specs` are the encoder and others that `build` uses.
    Those of other libraries may compute while they build: they are built again on the CPU.
    """
    tensors = {
        name: torch.from_numpy(np.require(array, requirements=["C", "W"]))
        for name, array in weights.items()
    }
    ours = all(map(_is_ours, specs))
    module = _build_on_meta(build, len(tensors), ours)
    if module is not None:
        _compare(module, tensors)
    if module is None or not ours:
        with forked_rng(0, torch.device("cpu")):  # fresh weights are drawn and replaced
            module = build()
        _compare(module, tensors)
        module.load_state_dict(tensors)
    else:
        # Module.to_empty would import a library of symbolic mathematics.
        laid_out = {name: _like(meta, tensors[name]) for name, meta in module.state_dict().items()}
        module.load_state_dict(laid_out, assign=True)
    return module


def _like(meta: Tensor, values: Tensor) -> Tensor:
    """Return values in the dtype and memory format of a tensor on the meta device."""
    return torch.empty_strided(meta.shape, meta.stride(), dtype=meta.dtype).copy_(values)


def _build_on_meta(build: Callable[[], nn.Module], n_arrays: int, ours: bool) -> nn.Module | None:
    try:
        with torch.device("meta"), _BoundedSteps(_STEPS_PER_ARRAY * (n_arrays + 1)):
            return build()
    except RuntimeError:  # it needs the values of a tensor
        if ours:
            raise
        return None


def _compare(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    built = module.state_dict()
    if odd := sorted(built.keys() ^ tensors.keys()):
        where = "are missing" if odd[0] in built else "fit no part of the module"
        raise ECGError(f"the weights {odd[0]!r} {where}.")
    for name, tensor in built.items():
        stored = tensors[name]
        # Floats of another precision are converted, as for another default dtype of torch.
        same_kind = tensor.is_floating_point() == stored.is_floating_point()
        if tensor.shape != stored.shape or not same_kind:
            raise ECGError(
                f"the weights {name!r} have shape {tuple(stored.shape)} and {stored.dtype}; "
                f"the module needs {tuple(tensor.shape)} and {tensor.dtype}."
            )


def _is_ours(spec: Any) -> bool:
    """Check that a spec and those in it are classes of ecgsk."""
    if not isinstance(spec, BaseEstimator):
        return True
    inner = spec.get_params(deep=False).values()
    return type(spec).__module__.split(".")[0] == "ecgsk" and all(map(_is_ours, inner))
