"""Reading WFDB records against wfdb, one record at a time, in one run.

    taskset -c 0 python benchmarks/read_wfdb.py --records 2000

The records are in MIMIC-IV-ECG's format: 12 leads, 10 s at 500 Hz, format 16, gain 200.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import wfdb

from ecgsk.io import read_wfdb_folder

_LEADS = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")


def write(folder: Path, n_records: int) -> list[str]:
    rng = np.random.default_rng(0)
    paths = []
    for number in range(40_000_000, 40_000_000 + n_records):
        home = folder / f"p{number // 100}" / f"s{number}"
        home.mkdir(parents=True)
        walk = np.cumsum(rng.integers(-9, 10, (5000, 12)), axis=0)
        stored = np.clip(walk, -2000, 2000).astype("<i2")
        stored.tofile(home / f"{number}.dat")
        checksums = stored.sum(axis=0, dtype=np.int64) % 65536
        lines = [f"{number} 12 500 5000 09:54:32 23/07/2180"]
        lines += [
            f"{number}.dat 16 200.0(0)/mV 16 0 {first} {checksum} 0 {lead}"
            for first, checksum, lead in zip(stored[0], checksums, _LEADS, strict=True)
        ]
        text = "\n".join([*lines, f"# <subject_id>: {number // 10}", ""])
        (home / f"{number}.hea").write_text(text)
        paths.append(str(home / str(number)))
    return paths


def milliseconds(job: Callable[[], object], n_records: int) -> float:
    start = perf_counter()
    job()
    return (perf_counter() - start) / n_records * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2000)
    n_records = parser.parse_args().records
    with TemporaryDirectory() as folder:
        paths = write(Path(folder), n_records)
        ecg = read_wfdb_folder(folder, progress=False)["ecg"].array

        def read() -> None:
            for row in range(n_records):
                ecg[row : row + 1].read()

        jobs: dict[str, tuple[Callable, Callable]] = {
            "headers": (
                lambda: [wfdb.rdheader(path) for path in paths],
                lambda: read_wfdb_folder(folder, progress=False),
            ),
            "samples": (lambda: [wfdb.rdrecord(path).p_signal for path in paths], read),
        }
        for name, (theirs, ours) in jobs.items():
            wfdb_ms, our_ms = milliseconds(theirs, n_records), milliseconds(ours, n_records)
            ratio = wfdb_ms / our_ms
            print(f"{name}: wfdb {wfdb_ms:.3f} ms, ours {our_ms:.3f} ms a record; x {ratio:.0f}")


if __name__ == "__main__":
    main()
