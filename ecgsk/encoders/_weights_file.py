"""Read published weights from a local file without running code from it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ecgsk.exceptions import DamagedFileError, ECGError

# Keys under which training scripts store the weights.
_WRAPPERS = ("state_dict", "model", "model_state_dict")
# Prefixes from data-parallel training and from encoders inside a larger model.
_PREFIXES = ("module.", "encoder.")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read the state dict in a file of weights, without prefixes of wrappers.

    The file is ``*.safetensors``, or written by ``torch.save``: a state dict, or one under a
    key such as ``"state_dict"`` or ``"model"``. Raises FileNotFoundError without a file,
    DamagedFileError if it is damaged or holds more than data, and ECGError without weights.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"PretrainedEncoder: expected a file of weights, found none at {path}. Download the "
            "published weights and pass the path of that file."
        )
    state = _load(path)
    while isinstance(state, Mapping) and (inner := [k for k in _WRAPPERS if k in state]):
        state = state[inner[0]]
    if not isinstance(state, Mapping) or not any(torch.is_tensor(v) for v in state.values()):
        raise ECGError(
            f"PretrainedEncoder: expected a state dict of names and tensors in {path}, got none. "
            "Pass a file of weights."
        )
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
    except MemoryError:
        raise
    except Exception as error:  # of a changed file torch.load raises almost anything
        raise DamagedFileError(
            f"PretrainedEncoder: {path} is damaged or holds more than weights; no code from it "
            "was run. Download it again, or as safetensors. If you trust its source: "
            "torch.save(torch.load(path, weights_only=False)['state_dict'], 'weights.pt')."
        ) from error


def _numpy_scalars() -> list[Any]:
    """Return the globals of NumPy scalars, which training scripts store with the weights."""
    kinds = [type(np.dtype(kind)) for kind in (np.float32, np.float64, np.int64, np.bool_)]
    return [
        np.dtype,
        *kinds,
        _scalar_function("numpy.core.multiarray"),
        _scalar_function("numpy._core.multiarray"),
    ]


def _scalar_function(module: str) -> Callable:
    """Return a replacement for NumPy's ``scalar`` function, under its name in files."""

    def scalar(dtype: np.dtype, data: bytes) -> np.generic:
        return np.frombuffer(data, dtype)[0]

    scalar.__module__, scalar.__qualname__ = module, "scalar"
    return scalar
