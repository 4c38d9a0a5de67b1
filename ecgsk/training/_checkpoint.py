"""Checkpoints: the state of a fit on disk, from which it resumes bit by bit."""

import hashlib
import io
import json
import logging
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import skorch
import torch
from skorch.callbacks import Callback
from torch import nn

import ecgsk
from ecgsk._files import replace_file
from ecgsk.exceptions import DamagedFileError
from ecgsk.training.batches import BatchDataset

_log = logging.getLogger("ecgsk")
# Another version may compute other numbers from the same settings.
_VERSIONS = (ecgsk.__version__, torch.__version__, skorch.__version__, np.__version__)
# Of the SHA-256 checksum at the end of a file; torch itself does not compare those of a file.
_DIGEST_BYTES = 32
_PLAIN = (bool, int, float, str, type(None), torch.Tensor)


class Checkpoint(Callback):
    """Store everything that the next epoch of a fit depends on, after every epoch.

    Weights, optimiser, schedule, averages, early stopping, history and random state; of
    further callbacks the attributes whose names end in ``_`` and hold numbers, text or
    tensors. Fits of a search may share `folder`; `name` is the :func:`fingerprint` of a fit.
    """

    def __init__(self, folder: str | PathLike, name: str):
        self.folder = folder
        self.name = name

    @property
    def path(self) -> Path:
        """Path of the file."""
        return Path(self.folder) / f"{self.name}.pt"

    def on_epoch_end(self, net, **kwargs):
        """Replace the file atomically by the current state."""
        if net.distributed is not None and net.distributed.rank:
            return  # all processes hold the same state; the first writes it
        buffer = io.BytesIO()
        torch.save(_state(net), buffer)
        content = buffer.getvalue()
        with replace_file(self.path) as path:
            path.write_bytes(content + hashlib.sha256(content).digest())

    def resume(self, net) -> int:
        """Load the state into a net; return the number of epochs done."""
        if not self.path.exists():
            self._log_new_start()
            return 0
        state = self._load(net.device)
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        net.history.extend(json.loads(state["history"]))
        for name, callback in net.callbacks_:
            for attribute, value in state["callbacks"].get(name, {}).items():
                restore = getattr(getattr(callback, attribute, None), "load_state_dict", None)
                if restore is None:
                    setattr(callback, attribute, value)
                else:
                    restore(value)
        torch.set_rng_state(state["random"].cpu())
        if "random_cuda" in state:
            torch.cuda.set_rng_state(state["random_cuda"].cpu(), net.device)
        _log.info("Resume at epoch %d from %s.", len(net.history) + 1, self.path)
        return len(net.history)

    def _load(self, device: Any) -> dict[str, Any]:
        content = self.path.read_bytes()
        content, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != digest:
            raise DamagedFileError(
                f"Checkpoint: {self.path} is damaged: it does not match its checksum. Delete it "
                "to start the fit anew."
            )
        return torch.load(io.BytesIO(content), map_location=device, weights_only=True)

    def _log_new_start(self) -> None:
        others = len(list(self.path.parent.glob(f"*{self.path.suffix}")))
        if others:
            _log.info(
                "Start at epoch 1: %s has %d checkpoints, none of a fit with these signals, "
                "tables, targets, patients, weights, settings and versions of libraries.",
                self.path.parent,
                others,
            )


def _state(net) -> dict[str, Any]:
    state = {
        "module": net.module_.state_dict(),
        "optimizer": net.optimizer_.state_dict(),
        # As text: NumPy scalars are not plain types.
        "history": json.dumps(list(net.history), default=lambda number: number.item()),
        "callbacks": {name: dict(_attributes(callback)) for name, callback in net.callbacks_},
        "random": torch.get_rng_state(),
    }
    if torch.device(net.device).type == "cuda":
        state["random_cuda"] = torch.cuda.get_rng_state(net.device)
    return state


def _attributes(callback: Callback) -> Iterable[tuple[str, Any]]:
    for name, value in vars(callback).items():
        if not name.endswith("_") or isinstance(value, type):
            continue
        if hasattr(value, "state_dict"):
            yield name, value.state_dict()
        elif isinstance(value, np.generic):
            yield name, value.item()
        elif _is_plain(value):
            yield name, value


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value) and _is_plain(list(value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN) and not isinstance(value, np.generic)


def fingerprint(module: nn.Module, datasets: Iterable[BatchDataset | None], settings: tuple) -> str:
    """Hash everything that the weights of a fit depend on.

    That is initial weights, the state of the random generator, records, settings and versions
    of libraries. Networks of one ensemble may differ in the random state alone. Signals count
    by their digests, of the pass that screened them; else they are read once more.
    """
    digest = hashlib.sha256(repr((settings, str(module), _VERSIONS)).encode())
    digest.update(torch.get_rng_state().numpy().tobytes())
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    for dataset in datasets:
        if dataset is None:
            digest.update(b"no dataset")
            continue
        signals = dataset.signals
        parts: list[np.ndarray | None] = [
            dataset.weight, dataset.table, dataset.targets, dataset.patients
        ]  # fmt: skip
        if signals is not None:
            if signals.digests is None:
                signals.moments(np.arange(len(signals)), digest=True)
            parts += [signals.numbers, signals.digests]
            digest.update(repr((signals.leads, signals.sampling_rate, signals.shape)).encode())
        for values in parts:
            if values is None:
                digest.update(b"None")
            else:
                digest.update(repr((values.shape, values.dtype)).encode())
                digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:32]
