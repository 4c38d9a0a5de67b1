"""Measure CPU seconds and memory of `load_vitaldb`, and the share of clean windows of real strips.

    python benchmarks/vital_files.py VITALDB [--hours 1]

VITALDB holds clinical_data.csv, lab_parameters.csv and strips, minutes of real lead II at 500 Hz.
Each strip is repeated to a recording of four waves in packets of a second, as the monitors wrote
them, with a laboratory draw every 20 minutes.
"""

import argparse
import resource
import shutil
import tempfile
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

from ecgsk.datasets import load_vitaldb
from ecgsk.io.vital_file import load_vitaldb_package
from ecgsk.signals.record_quality import describe_signals

RATE, START = 500, 4e9
WAVES = {"ECG_II": "mV", "ECG_V5": "mV", "ART": "mmHg", "PLETH": ""}


def write_case(path: Path, strip: np.ndarray, hours: float) -> None:
    """Write one recording."""
    n_seconds = round(hours * 3600)
    samples = np.resize(strip, n_seconds * RATE)
    packets = samples.reshape(n_seconds, RATE)
    file = load_vitaldb_package().VitalFile()
    file.dtstart, file.dtend = START, START + n_seconds
    for wave, unit in WAVES.items():
        records = [{"dt": START + second, "val": packet} for second, packet in enumerate(packets)]
        file.add_track(f"SNUADC/{wave}", records, srate=RATE, unit=unit)
    file.to_vital(str(path), compresslevel=1, packed=False)


def clean_share(strips: list[np.ndarray]) -> str:
    """Count the windows of 10 s, one a second, in which the quality finds no problem."""
    windows = [
        strip[first : first + 10 * RATE]
        for strip in strips
        for first in range(0, len(strip) - 10 * RATE + 1, RATE)
    ]
    clean = describe_signals(np.stack(windows)[:, None], ("II",), RATE)["problem"] == ""
    return f"{int(clean.sum())} of {len(clean)} windows of the strips are clean"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vitaldb", type=Path)
    parser.add_argument("--hours", type=float, default=1.0)
    options = parser.parse_args()
    paths = sorted((options.vitaldb / "strips").glob("case_*_ECG_II_500hz.npy"))
    strips = [np.load(path) for path in paths]
    print(clean_share(strips))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for table in ("clinical_data.csv", "lab_parameters.csv"):
            shutil.copy(options.vitaldb / table, folder / table)
        results = []
        for path, strip in zip(paths, strips, strict=True):
            case = int(path.name.split("_")[1])
            write_case(folder / f"{case}.vital", strip, options.hours)
            times = range(0, round(options.hours * 3600) - 60, 1200)
            results += [(case, time, "k", 4.0) for time in times]
        table = pd.DataFrame(results, columns=["caseid", "dt", "name", "result"])
        table.to_csv(folder / "lab_data.csv", index=False)
        before = process_time()
        cohort = load_vitaldb(folder, progress=False)
        seconds = process_time() - before
    hours = options.hours * len(paths)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(cohort.X)} windows of {len(table)} draws in {hours:g} h of {len(WAVES)} waves")
    print(f"{seconds / hours:.2f} CPU seconds an hour of recording, peak memory {peak:.0f} MB")
