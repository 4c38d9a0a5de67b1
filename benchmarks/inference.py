"""Coverage of patient-bootstrap intervals and level of p-values on simulated patients.

``python benchmarks/inference.py`` simulates 300 patients with one to six records. Errors
correlate within a patient, across labels and between models. It prints how often the 95 %
interval of the macro AUROC covers the true value, and how often p < 0.05 for two equally good
and for two different models.
"""

import argparse

import numpy as np
from scipy.stats import norm

from ecgsk.metrics import compare_labels, patient_bootstrap

N_PATIENTS = 300
TRUE_AUROC = norm.cdf(1 / np.sqrt(2))  # positives: mean 1, negatives: mean 0, variance 1


def simulate(rng, n_positive, gains=(1.0,)):
    """Return labels, scores of models that add `gains` for a positive label, and patients."""
    groups = np.repeat(np.arange(N_PATIENTS), rng.integers(1, 7, N_PATIENTS))
    present = rng.permuted(np.arange(N_PATIENTS)[:, None] < n_positive, axis=0)
    Y = present[groups].astype(float)

    def error():
        """Draw errors: half is shared by a patient's records, a third of that by all labels."""
        of_patient = np.sqrt(1 / 3) * rng.normal(size=(N_PATIENTS, 1))
        of_patient = of_patient + np.sqrt(2 / 3) * rng.normal(size=present.shape)
        return np.sqrt(0.5) * (of_patient[groups] + rng.normal(size=Y.shape))

    shared = error()
    models = [gain * Y + np.sqrt(0.5) * (shared + error()) for gain in gains]
    return Y, models, groups


def main(repeats, n_labels):
    """Print both tables."""
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(repeats):
        Y, (P,), groups = simulate(rng, np.array([10, 20, 40, 80, 150]))
        results = [
            patient_bootstrap(Y, P, groups=by, n_resamples=400, random_state=seed)
            for by in (groups, np.arange(len(groups)))
        ]
        covered.append([r.low <= TRUE_AUROC <= r.high for r in results])
    by_patient, by_record = np.mean(covered, axis=0)
    print(f"macro AUROC of 5 labels, {repeats} cohorts, coverage of 95 % intervals:")
    print(f"  patients resampled {by_patient:.3f}, records resampled {by_record:.3f}\n")
    print("positive patients | interval excludes 0, p < 0.05, p < 0.01 | for unequal models")
    for n_positive in (3, 5, 10, 20, 40):
        shares = []
        for gains in ((1.0, 1.0), (1.0, 0.5)):
            Y, models, groups = simulate(rng, np.full(n_labels, n_positive), gains)
            table = compare_labels(Y, *models, groups=groups, min_patients=1, random_state=0)
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
