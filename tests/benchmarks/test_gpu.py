"""The benchmark of a GPU runs without one, and loses nothing where a part fails."""

import importlib
import json
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
gpu = importlib.import_module("gpu")
parts = importlib.import_module("gpu_parts")
plain_loop = importlib.import_module("plain_loop")
sys.path.pop(0)

CPU = torch.device("cpu")
TINY = replace(parts.SMALL, encoders=("resnet18",), subjects=20, records=32)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu, "SMALL", TINY)


def test_without_a_gpu_all_parts_run_and_are_marked_as_small(no_gpu, tmp_path, capsys):
    out = tmp_path / "gpu.json"
    assert gpu.main(["--out", str(out)]) == 0
    results = json.loads(out.read_text())
    assert results["header"]["note"] == gpu.NO_GPU
    assert gpu.NO_GPU in capsys.readouterr().out
    assert list(results["parts"]) == [
        "rates",
        "feed 12 x 250",
        "training resnet18 12 x 250",
        "predictions",
        "precision",
    ]
    training = results["parts"]["training resnet18 12 x 250"]
    assert training["ratio"] == training["fit_records_per_s"] / training["plain_records_per_s"] > 0
    assert training["idle_share"] is training["fit_peak_mb"] is None  # nothing measured them
    assert results["parts"]["predictions"]["default_max_abs_difference"] < 1e-5


def test_a_part_that_fails_or_takes_too_long_is_recorded_and_the_next_one_runs(
    no_gpu, monkeypatch, tmp_path, capsys
):
    out, written = tmp_path / "gpu.json", []

    def fail():
        raise RuntimeError("CUDA error")

    def look():
        written.append(json.loads(out.read_text())["parts"])
        return {"value": 1.0}

    monkeypatch.setattr(
        gpu,
        "parts_of",
        lambda run: [("a", 5, fail), ("b", 1, lambda: time.sleep(9)), ("c", 5, look)],
    )
    handler = signal.getsignal(signal.SIGALRM)
    assert gpu.main(["--out", str(out)]) == 1
    assert written[0]["a"]["error"] == "RuntimeError: CUDA error"
    assert written[0]["b"]["error"] == "TimeoutError: took longer than 1 s"
    assert json.loads(out.read_text())["parts"]["c"]["value"] == 1.0
    assert "RuntimeError: CUDA error" in capsys.readouterr().err  # with its traceback
    assert signal.getsignal(signal.SIGALRM) is handler


def test_parts_start_only_while_there_is_time(no_gpu, tmp_path):
    out = tmp_path / "gpu.json"
    assert gpu.main(["--out", str(out), "--minutes", "0"]) == 1
    results = json.loads(out.read_text())["parts"]
    assert {result["error"] for result in results.values()} == {"no time left"}


def test_busy_time_is_the_union_of_kernels():
    events = [
        {"cat": "kernel", "ts": 10.0, "dur": 5.0},
        {"cat": "kernel", "ts": 12.0, "dur": 6.0},  # on another stream
        {"cat": "kernel", "ts": 13.0, "dur": 1.0},
        {"cat": "gpu_memset", "ts": 30.0, "dur": 2.0},
        {"cat": "cuda_runtime", "ts": 0.0, "dur": 100.0},
        {"cat": "gpu_user_annotation", "ts": 0.0, "dur": 100.0},
        {"ph": "M"},
    ]
    assert parts.busy_seconds(events) == pytest.approx(10e-6)


@pytest.mark.parametrize("encoder", parts.Sizes.encoders)
def test_the_plain_loop_has_each_encoder(encoder):
    model = plain_loop.Plain(encoder, 250, 25.0, n_labels=3, scale=1.0).eval()
    with torch.inference_mode():
        assert model(torch.randn(2, 12, 250)).shape == (2, 3)
    has_images = any(isinstance(layer, torch.nn.Conv2d) for layer in model.modules())
    assert has_images is not model.is_1d


def test_operations_are_those_of_a_forward_and_backward_pass(monkeypatch):
    class OneProduct(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(250, 7)

        def forward(self, x):
            return self.layer(x.flatten(0, 1))

    class Spec:
        def build(self, n_leads, n_times):
            return OneProduct()

    monkeypatch.setattr(parts, "resolve_encoder", lambda name: Spec())
    forward = 2 * 12 * 250 * 7
    run = parts.Run(CPU, TINY)
    # The gradient of the weights; none of the signals.
    assert parts.flop_per_record(run, "any", 250) == 2 * forward


def test_compilation_is_measured_from_the_second_epoch(monkeypatch):
    built_in = torch.nn.Module.compile  # without machine code: half a minute
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda module: built_in(module, backend="eager")
    )
    result = parts.compilation(parts.Run(CPU, replace(TINY, epochs=3)))
    torch._dynamo.reset()
    assert all(np.isfinite(value) and value > 0 for value in result.values())


def test_a_gpu_run_has_all_parts_and_the_peak_memory(monkeypatch):
    """Names and order only: a CPU cannot show more of it."""
    run = parts.Run(torch.device("cuda", 0), parts.Sizes())
    names = [name for name, *_ in gpu.parts_of(run)]
    assert names[0] == "rates"
    assert names[-1] == "compile"
    assert sum(name.startswith("training") for name in names) == 8
    for name in ("empty_cache", "reset_peak_memory_stats", "synchronize"):
        monkeypatch.setattr(torch.cuda, name, lambda *device: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 5e6)
    result = {}
    with run.peak_memory(result, "peak_mb"):
        pass
    assert result == {"peak_mb": 5.0}
