"""Published weights from a local file, as data: nothing in the file is run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ecgsk.exceptions import ECGError

# What training scripts wrap their weights in.
_WRAPPERS = ("state_dict", "model", "model_state_dict")
# Prefixes of a network trained on several devices, and of the part that a full model keeps.
_PREFIXES = ("module.", "encoder.")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read the state dict in a file of weights.

    Parameters
    ----------
    path : path-like
        ``*.safetensors``, or what ``torch.save`` wrote: a state dict, or one
        under a name such as ``"state_dict"`` or ``"model"``.

    Returns
    -------
    dict of str to Tensor
        Names without the prefixes of wrappers.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ECGError
        If it is damaged, holds no weights, or holds more than data.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"PretrainedEncoder: {path} is no file. Download the weights from where they were "
            "published, and give the path of that file."
        )
    state = _load(path)
    while isinstance(state, Mapping) and (inner := [k for k in _WRAPPERS if k in state]):
        state = state[inner[0]]
    if not isinstance(state, Mapping) or not any(torch.is_tensor(v) for v in state.values()):
        raise ECGError(f"PretrainedEncoder: {path} holds no state dict: names and tensors.")
    weights = {name: tensor for name, tensor in state.items() if torch.is_tensor(tensor)}
    for prefix in _PREFIXES:
        if any(name.startswith(prefix) for name in weights):
            weights = {
                name.removeprefix(prefix): tensor
                for name, tensor in weights.items()
                if name.startswith(prefix)
            }
    return weights


def _load(path: Path) -> Any:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals(_numpy_scalars()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        raise ECGError(
            f"PretrainedEncoder: {path} is damaged, or holds more than weights; none of it was "
            "run. Download it again, or ask for safetensors. If you trust whoever made it: "
            "torch.save(torch.load(path, weights_only=False)['state_dict'], 'weights.pt')."
        ) from error


def _numpy_scalars() -> list[Any]:
    """Return what NumPy's numbers need: training scripts note scores beside their weights."""
    kinds = [type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int64, np.bool_)]
    return [np.dtype, *kinds, _number("numpy.core.multiarray"), _number("numpy._core.multiarray")]


def _number(module: str) -> Callable:
    """Return a stand-in for NumPy's own function, under the name that files call it by."""

    def scalar(dtype: np.dtype, data: bytes) -> np.generic:
        return np.frombuffer(data, dtype)[0]

    scalar.__module__, scalar.__qualname__ = module, "scalar"
    return scalar
