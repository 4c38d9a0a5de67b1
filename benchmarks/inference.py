"""Do intervals and p-values by patient keep their word? Simulated patients, whose truth is known.

``python benchmarks/inference.py``: 300 patients with one to six records, whose errors are alike
within a patient, across labels and between models. How often the 95 % interval of the macro
AUROC holds the truth; how often two equally good models differ with p < 0.05, and two that are
not equally good.
"""

import argparse

import numpy as np
from scipy.stats import norm

from ecgsk.metrics import compare_labels, patient_bootstrap

N_PATIENTS = 300
AUROC = norm.cdf(1 / np.sqrt(2))  # of a label that adds 1 to a score of variance 1


def draw(rng, positives, gains=(1.0,)):
    """Labels of patients, scores of models that gain so much from a label, and patients."""
    groups = np.repeat(np.arange(N_PATIENTS), rng.integers(1, 7, N_PATIENTS))
    present = rng.permuted(np.arange(N_PATIENTS)[:, None] < positives, axis=0)
    Y = present[groups].astype(float)

    def error():
        """Of a record: half is its patient's, and a third of that all labels'."""
        of_patient = np.sqrt(1 / 3) * rng.normal(size=(N_PATIENTS, 1))
        of_patient = of_patient + np.sqrt(2 / 3) * rng.normal(size=present.shape)
        return np.sqrt(0.5) * (of_patient[groups] + rng.normal(size=Y.shape))

    shared = error()
    models = [gain * Y + np.sqrt(0.5) * (shared + error()) for gain in gains]
    return Y, models, groups


def main(repeats, n_labels):
    """Print both tables."""
    rng = np.random.default_rng(0)
    held = []
    for seed in range(repeats):
        Y, (P,), groups = draw(rng, np.array([10, 20, 40, 80, 150]))
        results = [
            patient_bootstrap(Y, P, by, n_resamples=400, random_state=seed)
            for by in (groups, np.arange(len(groups)))
        ]
        held.append([r.low <= AUROC <= r.high for r in results])
    by_patient, by_record = np.mean(held, axis=0)
    print(f"macro AUROC of 5 labels, {repeats} cohorts, 95 % intervals hold the truth:")
    print(f"  patients resampled {by_patient:.3f}, records resampled {by_record:.3f}\n")
    print("positive patients | interval excludes 0, p < 0.05, p < 0.01 | of unequal models")
    for n_positive in (3, 5, 10, 20, 40):
        shares = []
        for gains in ((1.0, 1.0), (1.0, 0.5)):
            Y, models, groups = draw(rng, np.full(n_labels, n_positive), gains)
            table = compare_labels(Y, *models, groups, min_patients=1, random_state=0)
            excludes = (table["low"] > 0) | (table["high"] < 0)
            p = table["p_value"]
            shares.append(" ".join(f"{x.mean():.3f}" for x in (excludes, p < 0.05, p < 0.01)))
        print(f"{n_positive:3d} | {shares[0]} | {shares[1]}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--labels", type=int, default=400)
    arguments = parser.parse_args()
    main(arguments.repeats, arguments.labels)
