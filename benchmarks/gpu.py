"""Training, feeding and predicting on a GPU, each beside its peer or a measured limit.

    python benchmarks/gpu.py [--out gpu.json] [--minutes 6]

At most six minutes on one GPU with 12 GB or more. Each part has a time limit; one that fails
is recorded with its error, and the next one starts. The results are written after every part.

* rates: device memory copies, copies to the device, and products of matrices.
* feed: records/s of batches that arrive on the device as float32 in mV, without a network.
* training: records/s of ``fit`` after its first epoch, against a plain loop (float32 with
  torch's settings for TF32, DataLoader with workers, AdamW), on the same records. Idle is 1 -
  the time in which a kernel ran / the time of a step: kernels are those of a profiled short
  fit, the time of a step that of the fit that was measured, which no profiler slows down.
* predictions: the probabilities of one model on the GPU and on the CPU.
* precision: macro AUROC of held-out patients in bfloat16 and float32, paired by seed.
* compile: ``Trainer(compile=True)`` against False.

Without a GPU, or with --small, sizes are small, and the figures show only that the script runs.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, strftime
from typing import Any

import gpu_parts as parts
import torch
from gpu_parts import SMALL, Run, Sizes

import ecgsk

NO_GPU = "no GPU: CPU, small sizes; the figures say nothing about a GPU"
RESERVE = 15.0  # seconds of the run that are kept for its start and end
SMALL_CARD = 20 * 2**30  # bytes of memory below which batches are halved


def parts_of(run: Run) -> Iterator[tuple[str, float, Callable[[], dict[str, Any]]]]:
    """Yield name, limit in seconds and call of each part, the important ones first."""
    yield "rates", 20, lambda: parts.device_rates(run)
    for length in run.sizes.lengths:
        yield f"feed 12 x {length}", 20, lambda length=length: parts.feed(run, length)
    for length in run.sizes.lengths:
        for encoder in run.sizes.encoders:
            name = f"training {encoder} 12 x {length}"
            yield name, 30, lambda e=encoder, length=length: parts.training(run, e, length)
    yield "predictions", 30, lambda: parts.predictions(run)
    yield "precision", 70, lambda: parts.precision(run)
    if run.is_gpu:  # for a CPU it takes half a minute, and shows nothing
        yield "compile", 75, lambda: parts.compilation(run)


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block after some seconds, where the system can."""
    is_main = threading.current_thread() is threading.main_thread()
    if not (hasattr(signal, "SIGALRM") and is_main):
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeoutError(f"took longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def measure(call: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return the result of a part, or its error."""
    if seconds < 1:
        return {"error": "no time left"}
    start = perf_counter()
    try:
        with limit(seconds):
            result = call()
    except Exception as error:  # the next part may succeed
        traceback.print_exc()
        result = {"error": f"{type(error).__name__}: {error}"}
    parts.free_memory()
    return result | {"seconds": perf_counter() - start}


def header(run: Run) -> dict[str, Any]:
    """Describe hardware, software and settings."""
    found = {
        "started": strftime("%Y-%m-%d %H:%M:%S"),
        "gpu": torch.cuda.get_device_name(run.device) if run.is_gpu else None,
        "gpu_memory_bytes": gpu_memory(run.device),
        "driver": first_line("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
        "cpu": cpu_name(),
        "cpu_cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if run.is_gpu else None,
        "ecgsk": ecgsk.__version__,
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "tf32_products": torch.backends.cuda.matmul.allow_tf32,
    }
    return found if run.is_gpu else {"note": NO_GPU, **found}


def gpu_memory(device: torch.device) -> int:
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0


def cpu_name() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def first_line(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(done.stdout.splitlines()), None)


def write(path: str | None, results: dict[str, Any]) -> None:
    """Replace the file as a whole, so that a kill leaves the last complete one."""
    if path is not None:
        temporary = Path(f"{path}.part")
        temporary.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)


def line(name: str, result: dict[str, Any]) -> str:
    numbers = {
        key: f"{value:,.4g}" if isinstance(value, float) else str(value)
        for key, value in result.items()
    }
    return f"{name}: " + ", ".join(f"{key} {value}" for key, value in numbers.items())


def main(arguments: list[str] | None = None) -> int:
    """Measure all parts; return 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", help="JSON file, rewritten after every part")
    parser.add_argument("--minutes", type=float, default=6.0, help="time limit of the run")
    parser.add_argument("--small", action="store_true", help="small sizes, as without a GPU")
    options = parser.parse_args(arguments)
    end = perf_counter() + 60 * options.minutes - RESERVE
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    is_small = options.small or device.type == "cpu"
    batch = Sizes.batch if gpu_memory(device) >= SMALL_CARD else Sizes.batch // 2
    run = Run(device, SMALL if is_small else Sizes(batch=batch))
    results: dict[str, Any] = {"header": header(run), "parts": {}}
    print(line("header", results["header"]), flush=True)
    for name, seconds, call in parts_of(run):
        result = measure(call, min(seconds, end - perf_counter()))
        results["parts"][name] = result
        print(line(name, result), flush=True)
        write(options.out, results)
    return int(any("error" in result for result in results["parts"].values()))


if __name__ == "__main__":
    sys.exit(main())
