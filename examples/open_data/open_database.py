"""
Describe an open database and write it as a cohort folder
=========================================================

    python examples/open_data/open_database.py challenge FOLDER [--out COHORT]
    python examples/open_data/open_database.py code15 FOLDER
    python examples/open_data/open_database.py ludb FOLDER
    python examples/open_data/open_database.py brugada FOLDER
    python examples/open_data/open_database.py music FOLDER
    python examples/open_data/open_database.py vitaldb FOLDER
    python examples/open_data/open_database.py ptbxl [FOLDER]

Without a folder, PTB-XL is downloaded. ``--out`` writes signals, table and labels as
plain files, on which every estimator trains without loading them into memory.
"""

import argparse
from functools import partial

from ecgsk.datasets import (
    Cohort,
    fetch_ptbxl,
    load_brugada_huca,
    load_challenge,
    load_code15,
    load_ludb,
    load_music,
    load_ptbxl,
    load_vitaldb,
    write_cohort,
)

LOADERS = {
    "brugada": load_brugada_huca,
    # Its sources differ in rate and length.
    "challenge": partial(load_challenge, sampling_rate=500, duration=10),
    "code15": load_code15,
    "ludb": partial(load_ludb, min_count=10),
    "music": load_music,
    "ptbxl": load_ptbxl,
    "vitaldb": load_vitaldb,
}


def describe(cohort: Cohort, n_records: int = 100) -> str:
    """Describe size, frequent labels and quality problems of the first records."""
    frequent = cohort.Y.sum().sort_values(ascending=False).head(5).astype(int)
    problems = cohort.X["ecg"].iloc[:n_records].ecg.quality()["problem"]
    return "\n".join(
        [
            str(cohort),
            f"  {cohort.DESCR}",
            "  most frequent: " + ", ".join(f"{name} {n}" for name, n in frequent.items()),
            f"  problems in {(problems != '').sum()} of the first {len(problems)} records",
            f"  {len(cohort.broken)} records that cannot be read",
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("database", choices=sorted(LOADERS))
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--out", help="folder of the cohort to write")
    options = parser.parse_args()
    if options.folder is None and options.database != "ptbxl":
        parser.error(f"give the folder of {options.database}")
    cohort = LOADERS[options.database](options.folder) if options.folder else fetch_ptbxl()
    print(describe(cohort))
    if options.out:
        print("written to", write_cohort(cohort, options.out))
