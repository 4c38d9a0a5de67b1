"""Import time of ecgsk and of its commands, in units of ``import torch``.

    python benchmarks/import_time.py
    python benchmarks/import_time.py --model MODEL --record RECORD   # explain and info too

Each row is the median of five fresh processes, interleaved with those of ``import torch``, from
the start of the process to its end; of a command also to its first printed line.
"""

import argparse
import statistics
import subprocess
import sys
import time

PACKAGES = (
    "calibration", "checks", "datasets", "encoders", "evaluation", "explain", "io", "metrics",
    "model_selection", "objectives", "persistence", "plotting", "preprocessing", "signals",
    "training",
)  # fmt: skip
BASELINE = "import torch"
STATEMENTS = (
    BASELINE,
    "import sklearn.base",
    "from ecgsk import ECGDiagnosisClassifier",
    "from ecgsk.encoders import ResNet1d",
    *(f"import ecgsk.{package}" for package in PACKAGES),
)


def measure(command):
    """Return seconds to the first printed line and to the end; the former is NaN without any."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        line = process.stdout.readline()
        first = time.perf_counter() - start
        process.stdout.read()
    if process.returncode:
        raise SystemExit(f"failed: {command}")
    return first if line else float("nan"), time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model")
    parser.add_argument("--record")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    options = parser.parse_args()
    rows = {statement: [sys.executable, "-c", statement] for statement in STATEMENTS}
    commands = [["--help"]]
    if options.model:
        commands.append(["info", options.model])
    if options.model and options.record:
        commands.append(["explain", options.record, "--model", options.model])
    for command in commands:
        rows[f"ecgsk {command[0]}"] = [sys.executable, "-m", "ecgsk", *command]
    rows = {name: row for name, row in rows.items() if name == BASELINE or options.only in name}
    times = {name: [] for name in rows}
    for _ in range(options.repeats):
        for name, command in rows.items():
            times[name].append(measure(command))
    medians = {
        name: [statistics.median(column) for column in zip(*found, strict=True)]
        for name, found in times.items()
    }
    unit = medians[BASELINE][1]
    print("| process | first line, s | end, s | end / import torch |\n|---|--:|--:|--:|")
    for name, (first, end) in medians.items():
        shown = "" if first != first else f"{first:.2f}"
        print(f"| `{name}` | {shown} | {end:.2f} | {end / unit:.2f} |")


if __name__ == "__main__":
    main()
