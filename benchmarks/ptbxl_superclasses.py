"""Classify the five superclasses of the PTB-XL subset with default parameters.

    python benchmarks/ptbxl_superclasses.py FOLDER [--seeds 3]

Trains on folds 1 to 8 and scores fold 9: macro AUROC with its patient-bootstrap
95 % interval, CPU and wall seconds of the fit.
"""

import argparse
import time

from ptbxl_subset import load_ptbxl_subset

from ecgsk import ECGDiagnosisClassifier
from ecgsk.metrics import patient_bootstrap

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="folder with labels.csv and the signals")
parser.add_argument("--seeds", type=int, default=3)
arguments = parser.parse_args()

cohort = load_ptbxl_subset(arguments.folder)
train, test = cohort.folds < 9, cohort.folds == 9
print(f"{train.sum()} records to train on, {test.sum()} to score")
for seed in range(arguments.seeds):
    cpu, wall = time.process_time(), time.perf_counter()
    model = ECGDiagnosisClassifier(random_state=seed).fit(cohort.X[train], cohort.Y[train])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    auroc = patient_bootstrap(
        cohort.Y[test],
        model.predict_proba(cohort.X[test]),
        groups=cohort.groups[test],
        random_state=0,
    )
    print(f"seed {seed}: macro {auroc}; fit {cpu:.0f} CPU s, {wall:.0f} s")
