"""Measure seconds and peak memory of `load_mimic_iv` on many laboratory rows.

    python benchmarks/mimic_iv_labevents.py --demo FOLDER [--rows 20_000_000]

FOLDER holds ecg, hosp and ed in MIMIC-IV's layout, such as the demo's. Its tables are copied
many times to a temporary folder, each copy with other subjects and stays; the records of all
copies are the same files. The load runs in a process of its own; the peak is the resident
memory of that process.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import pandas as pd

OFFSET = 100_000_000  # above every identifier of the demo
IDENTIFIERS = ("subject_id", "hadm_id", "stay_id", "study_id", "labevent_id")

LOAD = """
import json, resource, sys
from pathlib import Path
from time import perf_counter
from ecgsk.datasets import load_mimic_iv
folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
start = perf_counter()
cohort = load_mimic_iv(
    folder / "ecg", folder / "hosp", folder / "ed", progress=False, **options
)
print(json.dumps({
    "records": len(cohort.X),
    "subjects": int(cohort.groups.nunique()),
    "input values": int(cohort.X.filter(list(cohort.lab_counts.index)).notna().sum().sum()),
    "labels": cohort.Y.shape[1],
    "seconds": round(perf_counter() - start, 1),
    "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
}))
"""


def multiply(source: Path, target: Path, copies: int) -> None:
    """Write a table `copies` times, each copy with other identifiers."""
    table = pd.read_csv(source, dtype=str)
    shifted = [name for name in IDENTIFIERS if name in table]
    numbers = table[shifted].astype("Int64")
    opener = gzip.open if target.suffix == ".gz" else open
    with opener(target, "wt", **({"compresslevel": 1} if target.suffix == ".gz" else {})) as file:
        for copy in range(copies):
            table[shifted] = numbers + copy * OFFSET
            table.to_csv(file, header=copy == 0, index=False)


def write_tree(demo: Path, folder: Path, copies: int) -> None:
    """Write all tables; link to the signals."""
    for module, names in (
        ("hosp", ("labevents", "patients", "omr", "admissions", "diagnoses_icd")),
        ("ed", ("edstays", "triage", "vitalsign")),
    ):
        (folder / module).mkdir()
        for name in names:
            multiply(demo / module / f"{name}.csv.gz", folder / module / f"{name}.csv.gz", copies)
    (folder / "hosp" / "d_labitems.csv.gz").symlink_to(demo / "hosp" / "d_labitems.csv.gz")
    (folder / "ecg").mkdir()
    (folder / "ecg" / "files").symlink_to(demo / "ecg" / "files")
    multiply(demo / "ecg" / "record_list.csv", folder / "ecg" / "record_list.csv", copies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--demo", type=Path, required=True, help="folder with ecg, hosp and ed")
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of labevents")
    parser.add_argument("--memory-limit", default="2GB", help="memory of the database")
    parser.add_argument("--threads", type=int, help="threads of the database")
    arguments = parser.parse_args()
    with gzip.open(arguments.demo / "hosp" / "labevents.csv.gz", "rt") as file:
        rows = sum(1 for _ in file) - 1
    copies = -(-arguments.rows // rows)
    options = {"memory_limit": arguments.memory_limit, "threads": arguments.threads}
    with tempfile.TemporaryDirectory(prefix="ecgsk-benchmark-") as folder:
        start = perf_counter()
        write_tree(arguments.demo.resolve(), Path(folder), copies)
        size = (Path(folder) / "hosp" / "labevents.csv.gz").stat().st_size
        print(
            f"labevents: {copies * rows:,} rows, {size / 1e6:,.0f} MB gzipped, written in "
            f"{perf_counter() - start:.0f} s",
            flush=True,
        )
        command = [sys.executable, "-c", LOAD, folder, json.dumps(options)]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(run.stdout)
    print(
        f"cohort: {found['records']:,} ECGs of {found['subjects']:,} subjects, "
        f"{found['input values']:,} laboratory inputs, {found['labels']} labels\n"
        f"{found['seconds']:.0f} s, peak resident memory {found['peak_mb']:,} MB"
    )


if __name__ == "__main__":
    main()
