"""Latency of one record on one core: torch against ONNX, warm and cold, beside MiniRocket.

    python benchmarks/latency.py [--repeats 200] [--minirocket PYTHON]

The pipeline is SelectLeads, Resample(100), BandpassFilter(0.5, 40) and a LabAbnormalityExplainer
on 10 s of 12 leads at 500 Hz. Warm: calls in one process, torch and ONNX in turns, on records
that differ; median and 99th percentile. Cold: a new process, from its start to the first answer.
``--minirocket`` names a Python with aeon, whose MiniRocket transforms records of 100 Hz.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"

import platform
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np

N_RECORDS = 50

COLD_TORCH = """
import numpy as np, pandas as pd, sys
import ecgsk
from ecgsk.signals import ECGArray, STANDARD_12_LEADS
model = ecgsk.load(sys.argv[1] + "/model", device="cpu")
x = np.load(sys.argv[1] + "/x.npy")[:1]
ecg = ECGArray.from_numpy(x, leads=STANDARD_12_LEADS, sampling_rate=500)
model.predict_proba(pd.DataFrame({"ecg": ecg}))
"""
COLD_ONNX = """
import numpy as np, onnxruntime as ort, sys
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(sys.argv[1] + "/model.onnx", options)
session.run(None, {"ecg": np.load(sys.argv[1] + "/x.npy")[:1]})
"""
MINIROCKET = """
import os, sys, time
import numpy as np
from aeon.transformations.collection.convolution_based import MiniRocket
x = np.ascontiguousarray(np.load(sys.argv[1] + "/x.npy")[:, :, ::5])
model = MiniRocket(random_state=0).fit(x)
model.transform(x[:1])
seconds = []
for i in range(int(sys.argv[2])):
    start = time.perf_counter()
    model.transform(x[i % len(x)][None])
    seconds.append(time.perf_counter() - start)
low, high = np.percentile(seconds, [50, 99])
print(f"{'MiniRocket of aeon, transform':34s} {low * 1e3:8.2f} {high * 1e3:8.2f}")
"""


def fit_pipeline(encoder):
    """Return a fitted pipeline and records at 500 Hz."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.pipeline import make_pipeline

    from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
    from ecgsk.datasets import make_clinical_ecg
    from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads

    cohort = make_clinical_ecg(N_RECORDS, sampling_rate=500, random_state=0)
    steps = make_pipeline(SelectLeads(), Resample(100), BandpassFilter(0.5, 40))
    X = steps.fit_transform(cohort.X)
    classifier = ECGDiagnosisClassifier(encoder, max_epochs=1, random_state=0, verbose=0)
    classifier.fit(X, cohort.Y)
    explainer = LabAbnormalityExplainer(
        FrozenEstimator(classifier), reference_ranges=cohort.reference_ranges
    )
    explainer.fit(X, cohort.labs)
    return make_pipeline(*(step for _, step in steps.steps), explainer), cohort.X[["ecg"]]


def warm(calls, n_records, repeats):
    """Return seconds of each call: each in turn, on one record after another."""
    seconds = {name: [] for name in calls}
    for i in range(repeats + 10):
        for name, call in calls.items():
            start = perf_counter()
            call(i % n_records)
            if i >= 10:
                seconds[name].append(perf_counter() - start)
    return seconds


def cold(code, folder, repeats):
    """Return seconds of new processes, from start to end."""
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        subprocess.run([sys.executable, "-W", "ignore", "-c", code, folder], check=True)
        seconds.append(perf_counter() - start)
    return seconds


def measure(name, encoder, options, folder):
    """Print the latencies of one encoder; keep model, graph and records in a folder."""
    import onnxruntime

    import ecgsk

    pipeline, X = fit_pipeline(encoder)
    ecgsk.save(pipeline, f"{folder}/model", overwrite=True)
    start = perf_counter()
    size = ecgsk.export(pipeline, f"{folder}/model.onnx").stat().st_size
    print(f"\n{name}: exported in {perf_counter() - start:.0f} s, {size / 1e6:.1f} MB")
    x = X["ecg"].array.read()
    np.save(f"{folder}/x.npy", x)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{folder}/model.onnx", settings)
    rows = [X.iloc[[i]] for i in range(len(X))]
    calls = {
        "ONNX Runtime": lambda i: session.run(None, {"ecg": x[i : i + 1]}),
        "predict_proba": lambda i: pipeline.predict_proba(rows[i]),
        "explain, without attribution": lambda i: pipeline[-1].explain(
            pipeline[:-1].transform(rows[i])
        ),
    }
    print(f"{'milliseconds, one record':34s} {'p50':>8s} {'p99':>8s}")
    for call, seconds in warm(calls, len(x), options.repeats).items():
        show(call, seconds)
    for call, code in (("ONNX Runtime", COLD_ONNX), ("predict_proba", COLD_TORCH)):
        show(f"{call}, cold", cold(code, folder, options.cold))


def show(name, seconds):
    """Print median and 99th percentile; of a few values the latter is the largest."""
    low, high = np.percentile(seconds, [50, 99], method="higher")
    print(f"{name:34s} {low * 1e3:8.2f} {high * 1e3:8.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--cold", type=int, default=5)
    parser.add_argument("--minirocket", type=Path, help="Python of an environment with aeon")
    parser.add_argument("--encoder", choices=("small", "resnet18"), nargs="*")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")

    import torch

    from ecgsk.encoders import ResNet1d

    torch.set_num_threads(1)
    print(
        f"{platform.processor() or platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
    )
    encoders = {"small": ResNet1d(10, width=8), "resnet18": ResNet1d()}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.encoder or encoders:
            measure(repr(encoders[name]), encoders[name], options, folder)
        if options.minirocket is None:
            print("\nMiniRocket: left out, as --minirocket names no Python with aeon")
        else:
            command = [options.minirocket, "-c", MINIROCKET, folder, str(options.repeats)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
