"""Make a cohort from a NumPy array and a table: the prepared PTB-XL subset.

    python benchmarks/ptbxl_subset.py FOLDER [COHORT]

With a second folder, the cohort is written there: ``ecgsk evaluate COHORT --arm "signal only"``
trains on folds 1 to 8 and tests on fold 9.

Signals of the subset are z-scored per lead, band-passed and resampled to 100 Hz:
amplitudes are standard deviations, not millivolts, and I + III = II does not hold.
"""

import sys
from pathlib import Path

import pandas as pd

from ecgsk.datasets import Cohort, write_cohort
from ecgsk.signals import STANDARD_12_LEADS, ECGArray

SUPERCLASSES = ["NORM", "MI", "STTC", "CD", "HYP"]


def load_ptbxl_subset(folder: str | Path) -> Cohort:
    """Load the subset; its "millivolts" are standard deviations."""
    folder = Path(folder)
    labels = pd.read_csv(folder / "labels.csv", index_col="ecg_id")
    ecg = ECGArray.from_npy(
        folder / "signals_100hz_zscored_float16.npy", sampling_rate=100, leads=STANDARD_12_LEADS
    )
    folds = labels["strat_fold"].rename("fold")
    return Cohort(
        pd.DataFrame({"ecg": ecg, "subject_id": labels["patient_id"]}, index=labels.index),
        labels[SUPERCLASSES].astype("float64"),
        folds=folds,
        split=folds.lt(9).map({True: "train", False: "test"}).rename("split"),
        DESCR="Subset of PTB-XL (CC BY 4.0), 100 Hz, z-scored per lead: not millivolts.",
    )


if __name__ == "__main__":
    cohort = load_ptbxl_subset(sys.argv[1])
    print(cohort)
    if len(sys.argv) > 2:
        write_cohort(cohort, sys.argv[2])
