"""Coverage of intervals over three cohorts: a comparison's own spread, and combine_cohorts.

    python benchmarks/cohort_intervals.py

Simulated differences of 14 arms from one baseline. Each cohort has new trainings of baseline and
arms and a new test set, whose standard error the patient bootstrap knows.
"""

import argparse

import numpy as np
from scipy import stats

from ecgsk.metrics import BootstrapResult, combine_cohorts

N_COHORTS, N_ARMS, PATIENTS = 3, 14, 0.004
# Standard deviation of the baseline's trainings, of each arm's, and of a pre-training that the
# first seven arms share.
CASES = {
    "baseline .003, arms .003": (0.003, 0.003, 0),
    "baseline .005, arms .003, half of them share a pre-training (.004)": (0.005, 0.003, 0.004),
    "baseline .008, arms .002": (0.008, 0.002, 0),
    "baseline .003, ten arms .002, four arms .008": (0.003, [0.002] * 10 + [0.008] * 4, 0),
}


def difference(estimate):
    """Return a difference whose bootstrap distribution has the standard error of the patients."""
    distribution = estimate + PATIENTS * np.array([-1.0, 1.0])
    of_label = np.array([estimate])
    return BootstrapResult(
        "difference of roc_auc", estimate, *distribution, distribution, ("y",), of_label,
        of_label, of_label, distribution[:, None], 0.95, 1000, "same",
    )  # fmt: skip


def simulate(rng, base, arms, shared):
    """Return the differences of each arm and cohort; all true differences are 0."""
    shape = (N_ARMS, N_COHORTS)
    drawn = np.broadcast_to(arms, N_ARMS)[:, None] * rng.normal(size=shape)
    drawn[: N_ARMS // 2] += shared * rng.normal(size=N_COHORTS)
    drawn -= base * rng.normal(size=N_COHORTS)
    test = rng.normal(size=shape) + rng.normal(size=N_COHORTS)
    return drawn + PATIENTS * test / np.sqrt(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    options = parser.parse_args()
    quantile = stats.t.ppf(0.975, N_COHORTS - 1)
    print("coverage of the 95 % interval, lowest of the arms; share of runs with a false call")
    for name, case in CASES.items():
        rng, own, combined, calls = np.random.default_rng(0), [], [], []
        for _ in range(options.runs):
            drawn = simulate(rng, *case)
            table = combine_cohorts(
                {str(arm): [[difference(x)] for x in row] for arm, row in enumerate(drawn)}
            )
            error = table["sd_cohorts"] / np.sqrt(N_COHORTS)
            own.append(np.abs(table["estimate"]) < quantile * error)
            combined.append((table["low"] < 0) & (table["high"] > 0))
            calls.append((table["p_adjusted"] < 0.05).any())
        lowest = [np.mean(held, axis=0).min() for held in (own, combined)]
        print(f"{name:<70} own spread {lowest[0]:.3f}  combine_cohorts {lowest[1]:.3f}  "
              f"false call {np.mean(calls):.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
