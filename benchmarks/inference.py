"""Coverage of patient-bootstrap intervals and level of p-values on simulated patients.

``python benchmarks/inference.py`` simulates 300 patients with one to six records. Errors
correlate within a patient, across labels and between models. It prints how often the 95 %
interval of the macro AUROC covers the true value, and how often p < 0.05 for two equally good
and for two different models. A second table has models of equal AUROC whose errors differ, and
60 patients of whom one has 50 records with the label.
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


# Share of the errors' variance that a patient's records have in common; factor on the errors of
# records with and without the label. Both keep the AUROC.
SECOND_MODEL = {
    "alike": (0.5, 1.0, 1.0),
    "differ between records, not patients": (0.05, 1.0, 1.0),
    "larger with the label": (0.5, np.sqrt(1.9), np.sqrt(0.1)),
}


def simulate_unlike(rng, n_patients, n_positive, n_labels, most_records, second, gain):
    """Return labels, scores of two models whose errors may differ, and patients.

    The second model adds `gain` for the label. Patient 0 has the label and `most_records`.
    """
    visits = rng.integers(1, 7, n_patients)
    visits[0] = most_records or visits[0]
    groups = np.repeat(np.arange(n_patients), visits)
    Y = (groups < n_positive)[:, None] * np.ones(n_labels)

    def error(share):
        """Draw errors of variance 1; patients have a share of it in common."""
        of_patient = rng.normal(size=(n_patients, n_labels))[groups]
        return np.sqrt(share) * of_patient + np.sqrt(1 - share) * rng.normal(size=Y.shape)

    shared = error(0.5)
    first, other = (
        np.sqrt(0.5) * (shared + error(share))
        for share in (0.95 if second[0] < 0.5 else 0.5, second[0])
    )
    return Y, [Y + first, gain * Y + other * np.where(Y == 1, *second[1:])], groups


def show_coverage(repeats):
    """Print how often the interval of a macro AUROC covers the true value."""
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


def show_few_positives(n_labels):
    """Print how often a label's interval excludes 0 and its p-value is small."""
    rng = np.random.default_rng(1)
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


def show_unlike_errors(n_labels):
    """Print size and power where errors differ, and where one patient has most records."""
    rng = np.random.default_rng(0)
    print("\nequal AUROC: p <= 0.05, p <= 0.01; second model worse: p <= 0.05")
    for n_patients, most_records, n_positive in ((300, 0, 40), (60, 50, 30), (60, 50, 12)):
        print(f"{n_patients} patients, {n_positive} with the label, most records of one: "
              f"{most_records or 6}")  # fmt: skip
        for name, second in SECOND_MODEL.items():
            shares = []
            for gain in (1.0, 0.3):
                p = []  # other numbers of records every 20 labels
                for seed in range(n_labels // 20):
                    Y, models, groups = simulate_unlike(
                        rng, n_patients, n_positive, 20, most_records, second, gain
                    )
                    table = compare_labels(
                        Y, *models, groups=groups, n_resamples=400, random_state=seed
                    )
                    p.append(table["p_value"])
                shares += [np.mean(np.concatenate(p) <= level) for level in (0.05, 0.01)]
            size, small, power, _ = (f"{share:.3f}" for share in shares)
            print(f"  errors {name}: {size} {small} | {power}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=["coverage", "few", "unlike"],
                        help="coverage, few (positives), unlike (errors)")  # fmt: skip
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--labels", type=int, default=400)
    arguments = parser.parse_args()
    if "coverage" in arguments.tables:
        show_coverage(arguments.repeats)
    if "few" in arguments.tables:
        show_few_positives(arguments.labels)
    if "unlike" in arguments.tables:
        show_unlike_errors(arguments.labels)
