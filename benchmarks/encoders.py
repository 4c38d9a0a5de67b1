"""Training time per record of each registered encoder, by instruction set and precision.

    python benchmarks/encoders.py [--encoders resnet10 resnet18] [--threads 2]

Fits ECGDiagnosisClassifier on 12 x 1000 records, whole records, and prints milliseconds per
record of an epoch: reading, augmentation, forward, backward and optimiser. The first epoch is
left out. Each instruction set has a process of its own, since torch, oneDNN
and MKL read their limits when they start: AVX2 in float32, which most laptops have, and this
processor's own in float32, and in bfloat16 where it multiplies in it. With one thread the
times are CPU seconds, which other programs disturb less; with more they are wall seconds.
"""

import argparse
import json
import os
import subprocess
import sys
from itertools import pairwise
from statistics import median
from time import perf_counter, process_time

AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
COLUMNS = {  # of the table: limits of the instruction set, precision
    "AVX2, float32": (AVX2, "float32"),
    "own, float32": ({}, "float32"),
    "own, bfloat16": ({}, "bfloat16"),
}


def milliseconds(name: str, precision: str, options) -> list[float]:
    """Return milliseconds per record, one for each epoch."""
    import torch
    from skorch.callbacks import Callback

    from ecgsk import ECGDiagnosisClassifier
    from ecgsk.datasets import make_clinical_ecg
    from ecgsk.encoders.registry import resolve_encoder
    from ecgsk.training import Augmentation, Trainer

    torch.set_num_threads(options.threads)
    clock = process_time if options.threads == 1 else perf_counter
    n_records = options.batch_size * options.steps
    X, Y = make_clinical_ecg(n_records, random_state=0, return_X_y=True)
    X, Y = X[["ecg"]].iloc[:n_records], Y.iloc[:n_records]
    ends: list[float] = []

    class Clock(Callback):
        def on_epoch_end(self, net, **kwargs):
            ends.append(clock())

    def fit(encoder) -> None:
        ECGDiagnosisClassifier(
            encoder,
            augmentation=Augmentation(crop=1.0),
            max_epochs=options.epochs + 1,
            batch_size=options.batch_size,
            early_stopping=False,
            trainer=Trainer(precision=precision, callbacks=[Clock()]),
            device="cpu",
            random_state=0,
            verbose=0,
        ).fit(X, Y)

    encoder = resolve_encoder(name)
    if not encoder.trains:  # its features are computed once
        ends.append(clock())
        for _ in range(options.epochs):
            fit(encoder)
            ends.append(clock())
    else:
        fit(encoder)
    return [1e3 * (b - a) / n_records for a, b in pairwise(ends)]


def measure_all(column: str, names: list[str], options) -> None:
    """Print the times of one column as JSON, a line per encoder."""
    for name in names:
        print(json.dumps([name, milliseconds(name, COLUMNS[column][1], options)]), flush=True)


def run_column(column: str, names: list[str], options) -> dict[str, list[float]]:
    """Measure one column of the table in a process with its instruction set."""
    given = {k: v for k, v in vars(options).items() if k not in ("encoders", "column")}
    command = [sys.executable, __file__, "--column", column, "--encoders", *names]
    command += [f"--{key.replace('_', '-')}={value}" for key, value in given.items()]
    environment = os.environ | COLUMNS[column][0]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        found = {}
        for line in process.stdout or ():
            name, times = json.loads(line)
            found[name] = times
            print(f"{column} {name}: {show(times)}", file=sys.stderr, flush=True)
    if process.returncode:
        sys.exit(process.returncode)
    return found


def show(times: list[float] | None) -> str:
    if times is None:
        return "not measured here"
    return f"{median(times):.2f} ({min(times):.2f}-{max(times):.2f})"


def multiplies_bfloat16() -> bool:
    import torch

    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return probe is not None and bool(probe())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoders", nargs="+", metavar="NAME", help="all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1, help="steps of an epoch")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--column", choices=COLUMNS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    from ecgsk.encoders.registry import ENCODERS

    names = options.encoders or list(ENCODERS)
    if options.column:
        measure_all(options.column, names, options)
        return
    columns = [c for c in COLUMNS if "bfloat16" not in c or multiplies_bfloat16()]
    found = {column: run_column(column, names, options) for column in columns}
    print(f"ms per record, median (range) of {options.epochs} epochs, {options.threads} thread(s)")
    print("| encoder | " + " | ".join(COLUMNS) + " |")
    print("|---|" + "--:|" * len(COLUMNS))
    for name in names:
        cells = [show(found.get(column, {}).get(name)) for column in COLUMNS]
        print(f"| `{name}` | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
