"""Which device and which precision, and how randomness is kept apart."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import current_process

import torch

from ecgsk.training._together import Together


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the device a parameter stands for; ``"auto"`` is the best at hand.

    Of several GPUs, the workers of a parallel search each take their own in turn.
    ``"accelerate"`` is the one that ``accelerate launch`` gives to the process.

    Raises
    ------
    ValueError
        Where the device asked for is not there; the message says what is.

    Examples
    --------
    >>> from ecgsk.training import resolve_device
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", _worker_number() % torch.cuda.device_count())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if device == "accelerate":
        return Together().device
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device must be 'auto' or a torch device such as 'cpu' or 'cuda', got {device!r}."
        ) from error
    at_hand = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not at_hand.get(resolved.type, True):
        raise ValueError(f"device={device!r} was asked for, but torch sees no GPU; use 'auto'.")
    return resolved


def _worker_number() -> int:
    """Return the number of a worker process of joblib or dask, from 0; 0 in the main process."""
    number = re.search(r"\d+$", current_process().name)
    return 0 if number is None else int(number[0]) - 1


def device_at_hand(device: str | torch.device) -> torch.device:
    """Return the device to predict on; the best at hand where the one asked for is gone.

    A fitted model outlives the machine it was trained on.

    Warns
    -----
    UserWarning
        Where the device asked for is not there.
    """
    try:
        return resolve_device(device)
    except ValueError:
        best = resolve_device("auto")
        warnings.warn(
            f"device={device!r} is not there; predicting on {best.type!r}. "
            "set_params(device='auto') silences this.",
            stacklevel=2,
        )
        return best


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the context in which training steps run.

    Parameters
    ----------
    device : torch.device
        Where the step runs.
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` is bfloat16 where the hardware multiplies in it. Weights,
        loss and predictions are float32 always.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}.")
    if precision == "auto":
        if device.type == "cuda":
            enabled = torch.cuda.is_bf16_supported()
        else:
            enabled = device.type == "cpu" and _cpu_multiplies_bfloat16()
    else:
        enabled = precision == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def _cpu_multiplies_bfloat16() -> bool:
    # Private to torch: where it is gone, float32 does. It asks the processor, and not what
    # ATEN_CPU_CAPABILITY leaves of it.
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    allowed = torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "AVX2")
    return probe is not None and allowed and bool(probe())


@contextmanager
def threads_for(batch_size: int, device: torch.device) -> Iterator[None]:
    """Use as many CPU threads inside the block as a batch can feed.

    A thread with fewer than 64 records waits for the others more than it
    works; where cores are shared it makes a fit slower, not faster.
    """
    before = torch.get_num_threads()
    wanted = before if device.type != "cpu" else min(before, -(-batch_size // 64))
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def forked_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch inside the block and leave its global state as it was."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
