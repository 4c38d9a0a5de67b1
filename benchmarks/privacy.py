"""What an attacker learns of training patients from a saved model.

    python benchmarks/privacy.py
    python benchmarks/privacy.py --patients 1000 --subjects 1000 --epochs 20

1. Listing: all 8-digit identifiers (as in MIMIC-IV) are tried against the filter of a model's
   training patients, and a sample of all 10-digit ones. For comparison, against a list of
   64-bit hashes, as models held before.
2. Membership inference: a classifier is fitted on half of the patients of a synthetic cohort.
   The attack ranks ECGs with known labels by the model's loss (Yeom et al. 2018). Prints
   the area under its ROC curve and its true-positive rate at 1 % false positives.
"""

import argparse
import time

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from ecgsk import ECGDiagnosisClassifier
from ecgsk._leakage import hash_patients, remember_patients
from ecgsk.datasets import make_clinical_ecg

_BLOCK = 500_000


def list_patients(n_patients: int) -> None:
    rng = np.random.default_rng(0)
    patients = rng.choice(10_000_000, n_patients, replace=False) + 10_000_000
    start = time.process_time()
    seen = remember_patients(patients, np.arange(n_patients))
    seconds = time.process_time() - start
    print(f"{n_patients:,} patients: filter of {seen.bits.nbytes:,} bytes in {seconds:.2f} s,")
    print(f"  {1e6 * seconds / n_patients:.1f} us per patient; false positives", end=" ")
    print(f"{seen.false_positive_rate:.3f}")
    known, start, n_reported, n_listed = hash_patients(patients), time.process_time(), 0, 0
    for first in range(10_000_000, 20_000_000, _BLOCK):
        hashes = hash_patients(np.arange(first, first + _BLOCK))
        n_reported += int(seen.reports(hashes).sum())
        n_listed += int(np.isin(hashes, known).sum())
    seconds = time.process_time() - start
    print(f"all 8-digit identifiers, {seconds:.0f} s: {n_reported:,} reported, of whom", end=" ")
    print(f"{n_patients / n_reported:.2%} are patients (before: {n_listed:,}, all patients)")
    start = time.process_time()
    n_reported = int(seen.reports(hash_patients(rng.integers(10**9, 10**10, _BLOCK))).sum())
    hours = (time.process_time() - start) / _BLOCK * 9e9 / 3600
    n = n_reported / _BLOCK * 9e9
    print(f"all 10-digit identifiers, {hours:.1f} h: {n:.2g} reported,", end=" ")
    print(f"one of {n / n_patients:,.0f} is a patient")


def infer_membership(n_subjects: int, epochs: int, seed: int) -> None:
    cohort = make_clinical_ecg(n_subjects, random_state=seed)
    X, Y = cohort.X[["ecg", "subject_id"]], cohort.Y
    member = (X["subject_id"] % 2 == 0).to_numpy()
    model = ECGDiagnosisClassifier(max_epochs=epochs, random_state=seed, verbose=0)
    P = np.clip(model.fit(X[member], Y[member]).predict_proba(X), 1e-9, 1 - 1e-9)
    y = Y.to_numpy(dtype=float)
    loss = -np.nanmean(y * np.log(P) + (1 - y) * np.log(1 - P), axis=1)
    false, true, _ = roc_curve(member, -loss)
    print(f"membership, {n_subjects:,} subjects, {epochs} epochs, seed {seed}:", end=" ")
    print(f"AUROC {roc_auc_score(member, -loss):.3f}, {np.interp(0.01, false, true):.1%} at 1 %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=160_000)
    parser.add_argument("--subjects", type=int, default=400)
    parser.add_argument("--epochs", type=int, nargs="+", default=[20])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    options = parser.parse_args()
    list_patients(options.patients)
    for epochs in options.epochs:
        for seed in options.seeds:
            infer_membership(options.subjects, epochs, seed)


if __name__ == "__main__":
    main()
