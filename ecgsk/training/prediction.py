"""Prediction of a torch module over a dataset, in batches."""

import threading

import numpy as np
import torch
from torch import nn

from ecgsk._progress import SECONDS_BETWEEN_LINES, progress_bar
from ecgsk.training._loader import BatchLoader
from ecgsk.training.batches import BatchDataset

_RECORDS_PER_CPU_THREAD, _RECORDS_ON_GPU = 32, 1024  # per batch
# In batches of a multiple of this, torch's CPU convolutions add up in one order.
EMBEDDING_MULTIPLE = 16
# A module that one thread moves to the device is not used by another meanwhile.
_move_lock = threading.Lock()


@torch.inference_mode()
def predict_batches(
    module: nn.Module,
    dataset: BatchDataset,
    *,
    device: torch.device,
    batch_size: int | None = None,
    method: str = "forward",
    multiple: int = 1,
    verbose: int = 0,
) -> np.ndarray:
    """Return the output of a module for every record in order, as float32 on the CPU.

    The module stays on the device, in evaluation mode. ``batch_size=None`` is 1,024 on a GPU,
    and 32 per thread on the CPU: they fit into its cache, a third faster than 128. Batches are
    filled up to a multiple of `multiple` records by repeating the last: the order in which
    torch adds up depends on the size of the batch. `verbose` shows progress after ten seconds.
    """
    device = _place(module, device)
    if batch_size is None:
        per_thread = _RECORDS_PER_CPU_THREAD * torch.get_num_threads()
        batch_size = per_thread if device.type == "cpu" else _RECORDS_ON_GPU
    call = getattr(module, method)
    outputs = []
    bar = progress_bar(
        total=len(dataset),
        desc="Prediction",
        unit=" records",
        show=verbose > 0,
        delay=SECONDS_BETWEEN_LINES,
        leave=False,
    )
    with bar:
        for inputs, _ in BatchLoader(dataset, batch_size, device=device, resident=False):
            n_records = len(next(iter(inputs.values())))
            if n_records % multiple:
                rows = np.minimum(np.arange(-(-n_records // multiple) * multiple), n_records - 1)
                inputs = {name: tensor[rows] for name, tensor in inputs.items()}
            outputs.append(call(**inputs)[:n_records].float().cpu().numpy())
            bar.update(n_records)
    return np.concatenate(outputs)


def _place(module: nn.Module, device: torch.device) -> torch.device:
    """Move a module to a device, in evaluation mode; return the device that it is on."""
    # ``module.to()`` traverses all layers, which takes as long as one record: skip it where
    # the device matches.
    with _move_lock:
        first = next(module.parameters(), None)
        here = device if first is None else first.device
        if here.type != device.type or device.index not in (None, here.index):
            # Weights that are copied in inference mode can be neither trained nor explained.
            with torch.inference_mode(False):
                module.to(device)
            here = device
        if module.training:
            module.eval()
    return here


def embed_batches(
    module: nn.Module, dataset: BatchDataset, *, device: torch.device, verbose: int = 0
) -> np.ndarray:
    """Return the features of every record, equal for a record alone or among others.

    A head fitted on embeddings magnifies their last digit, so the order of summation must
    not depend on the batch.
    """
    return predict_batches(
        module,
        dataset,
        device=device,
        method="features",
        multiple=EMBEDDING_MULTIPLE,
        verbose=verbose,
    )
