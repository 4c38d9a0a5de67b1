"""Reading a folder of WFDB records against wfdb.rdrecord in a loop, side by side in one run.

    python benchmarks/read_wfdb.py FOLDER --sampling-rate 500

Files are read once before, so that both find them in memory. One process, one thread.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import wfdb

from ecgsk.io import read_wfdb_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sampling-rate", type=float, default=500)
    parser.add_argument("--duration", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    asked = {"sampling_rate": options.sampling_rate, "duration": options.duration}
    first = read_wfdb_folder(options.folder, **asked)
    records = [options.folder / name for name in first["record"]]

    ours, theirs = [], []
    for _ in range(options.repeats):
        start = perf_counter()
        signals = read_wfdb_folder(options.folder, **asked)["ecg"].ecg.to_numpy()
        ours.append(perf_counter() - start)
        start = perf_counter()
        read = [wfdb.rdrecord(record).p_signal for record in records]
        theirs.append(perf_counter() - start)
    assert len(read) == len(signals)
    ours_ms, theirs_ms = (1000 * np.median(times) / len(records) for times in (ours, theirs))
    print(
        f"{len(records)} records, milliseconds each: read_wfdb_folder, leads and units checked "
        f"{ours_ms:.2f}; wfdb.rdrecord {theirs_ms:.2f}; ratio {theirs_ms / ours_ms:.1f}"
    )


if __name__ == "__main__":
    main()
