"""Device, precision, threads, memory and random state of training."""

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import current_process

import torch

from ecgsk.exceptions import OutOfMemoryError
from ecgsk.training.distributed import DistributedContext
from ecgsk.training.trainer import PRECISIONS


def resolve_device(device: str | torch.device | None) -> torch.device:
    """Return the torch device of a parameter; None and ``"auto"`` are the best available.

    Of several GPUs, each worker of a parallel search takes its own in turn.
    ``"accelerate"`` is the device that ``accelerate launch`` gives to the process.
    Raises ValueError if the device is not available.
    """
    if device is None or device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", _worker_number() % torch.cuda.device_count())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if device == "accelerate":
        return DistributedContext().device
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device must be 'auto' or a torch device such as 'cpu' or 'cuda', got {device!r}."
        ) from error
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(resolved.type, True):
        raise ValueError(f"device={device!r} is not available: torch finds no GPU. Use 'auto'.")
    return resolved


def _worker_number() -> int:
    """Return the number of a joblib or dask worker process, from 0; 0 in the main process."""
    number = re.search(r"\d+$", current_process().name)
    return 0 if number is None else int(number[0]) - 1


def prediction_device(device: str | torch.device | None) -> torch.device:
    """Return the device to predict on; warn and use the best available if it is missing.

    A fitted model may be loaded on another machine than it was trained on.
    """
    try:
        return resolve_device(device)
    except ValueError:
        best = resolve_device("auto")
        warnings.warn(
            f"device={device!r} is not available; predicting on {best.type!r}. "
            "set_params(device='auto') silences this.",
            stacklevel=2,
        )
        return best


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Return the autocast context of training steps.

    ``"auto"`` is bfloat16 where the hardware multiplies in it. Weights, loss and predictions
    are always float32.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}.")
    if precision == "auto":
        if device.type == "cuda":
            # Cards before Ampere emulate it, slower than they compute float32.
            enabled = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            enabled = device.type == "cpu" and _cpu_multiplies_bfloat16()
    else:
        enabled = precision == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def _cpu_multiplies_bfloat16() -> bool:
    # A private function: float32 is used where torch lacks it. It checks the processor only,
    # so check the limit set by ATEN_CPU_CAPABILITY too.
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    allowed = torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "AVX2")
    return probe is not None and allowed and bool(probe())


_RECORDS_PER_CPU_THREAD = 16  # fewest records of a batch that pay for one more thread


@contextmanager
def threads_for(batch_size: int, device: torch.device) -> Iterator[None]:
    """Limit the CPU threads inside the block to one per 16 records of a batch.

    With fewer records a thread waits more than it computes; docs/benchmarks/training_speed.md
    has the measurements.
    """
    before = torch.get_num_threads()  # set for the whole process: under process_state_lock
    most = -(-batch_size // _RECORDS_PER_CPU_THREAD)
    wanted = before if device.type != "cpu" else min(before, most)
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# Torch's global generators and the numbers of threads belong to the whole process, and layers
# such as dropout draw from the former: fits in several threads take turns.
process_state_lock = threading.RLock()


@contextmanager
def forked_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch inside the block and restore its global state; other threads wait."""
    devices = [device] if device.type == "cuda" else []
    with process_state_lock, torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@contextmanager
def name_memory_errors(owner: str, mend: str) -> Iterator[None]:
    """Raise OutOfMemoryError, with the owner and the mend, where memory runs out in the block."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, OutOfMemoryError) or not _is_out_of_memory(error):
            raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise OutOfMemoryError(
            f"{owner}: a batch needs more memory than there is ({reason}). {mend}"
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether NumPy, torch or a GPU ran out of memory; torch's CPU error has no class."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return "DefaultCPUAllocator" in str(error) or "MPS backend out of memory" in str(error)
