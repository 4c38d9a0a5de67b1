"""Coverage of prediction sets and error of calibrated probabilities over many splits.

    python benchmarks/coverage.py

A model is fitted on a third of the patients of a synthetic cohort. For each seed the others
are split in halves, for calibration and test. Coverage is that of a random record of each test
patient with (or without) the label, averaged over labels. A simulation of patients with many
records shows the undercoverage of conformal prediction over records.
"""

import argparse
import warnings

import numpy as np
import pandas as pd

from ecgsk import ECGDiagnosisClassifier
from ecgsk.calibration import ConformalSets, MultilabelCalibrator
from ecgsk.datasets import make_clinical_ecg
from ecgsk.exceptions import CalibrationWarning
from ecgsk.metrics import masked_roc_auc, paired_difference, patient_bootstrap
from ecgsk.model_selection import patient_split

COVERAGES = (0.8, 0.9, 0.95)
METHODS = ("sigmoid", "beta", "isotonic")


def share(hits: np.ndarray, groups: np.ndarray) -> float:
    """Return the mean over patients of the share among their records."""
    return pd.Series(hits).groupby(groups).mean().mean()


def rates(sets: np.ndarray, Y: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return coverage of negatives and positives, and shares of sets with one and no answer."""
    n_answers = sets.sum(axis=2)
    labels = [
        [
            *(share(sets[y == c, j, c], groups[y == c]) for c in (0, 1)),
            share(n_answers[:, j] == 1, groups),
            share(n_answers[:, j] == 0, groups),
        ]
        for j, y in enumerate(Y.T)
    ]
    return np.mean(labels, axis=0)


def over_seeds(values: list[float]) -> str:
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def calibrate(
    P: np.ndarray, Y: np.ndarray, groups: np.ndarray, method: str = "sigmoid"
) -> MultilabelCalibrator:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)  # of rare labels
        return MultilabelCalibrator(method=method).fit(P, Y, groups=groups)


def print_coverage(P: np.ndarray, Y: np.ndarray, groups: np.ndarray, n_seeds: int) -> None:
    print(f"\n{'aimed':>5}  {'negatives':<23}{'positives':<23}{'one answer':<23}none")
    results: dict[float, list[np.ndarray]] = {coverage: [] for coverage in COVERAGES}
    for seed in range(n_seeds):
        calibration, test = patient_split(groups, 0.5, random_state=seed)
        calibrator = calibrate(P[calibration], Y[calibration], groups[calibration])
        for coverage, found in results.items():
            sets = calibrator.predict_sets(P[test], coverage)
            found.append(rates(sets, Y[test], groups[test]))
    for coverage, found in results.items():
        columns = [over_seeds(column) for column in np.transpose(found)]
        print(f"{coverage:5}  {columns[0]:<23}{columns[1]:<23}{columns[2]:<23}{columns[3]}")


def print_calibration(P: np.ndarray, Y: np.ndarray, groups: np.ndarray) -> None:
    calibration, test = patient_split(groups, 0.5, random_state=0)
    of_test = {"groups": groups[test], "random_state": 0}
    for statistic in ("brier", "calibration_error"):
        before = patient_bootstrap(Y[test], P[test], statistic=statistic, **of_test)
        print(f"\n{statistic}: {before.estimate:.4f} [{before.low:.4f}, {before.high:.4f}] before")
        for method in METHODS:
            calibrator = calibrate(P[calibration], Y[calibration], groups[calibration], method)
            after = calibrator.predict_proba(P[test])
            change = paired_difference(Y[test], after, P[test], statistic=statistic, **of_test)
            print(
                f"{before.estimate + change.estimate:.4f} {method}: change {change.estimate:+.4f} "
                f"[{change.low:+.4f}, {change.high:+.4f}], "
                f"{calibrator.calibrated_.sum()} of {len(calibrator.calibrated_)} labels"
            )


def draw_patients(rng: np.random.Generator, n_patients: int, *, plain_come_often: bool):
    """Return probabilities of positives, and patients, who vary more than their records."""
    ease = rng.normal(size=n_patients)
    n_records = np.full(n_patients, 20)
    if plain_come_often:
        n_records = np.where(ease > 0, 40, 2)
    groups = np.repeat(np.arange(n_patients), n_records)
    return 1 / (1 + np.exp(-ease[groups] - 0.3 * rng.normal(size=len(groups)))), groups


def print_simulation(n_runs: int, coverage: float = 0.9) -> None:
    print(f"\n{n_runs} simulated calibration sets of 30 patients, aimed {coverage}")
    print(f"{'':<44}{'over records':<15}over patients")
    for name, plain_come_often in (
        ("20 records each", False),
        ("2 records of doubtful cases, 40 of plain ones", True),
    ):
        hits = []
        for run in range(n_runs):
            rng = np.random.default_rng(run)
            P, groups = draw_patients(rng, 30, plain_come_often=plain_come_often)
            P_test, test_groups = draw_patients(rng, 300, plain_come_often=plain_come_often)
            truth = np.ones(len(P))
            hits.append(
                [
                    share(
                        ConformalSets(coverage).fit(P, truth, by).predict_sets(P_test)[:, 0, 1],
                        test_groups,
                    )
                    for by in (None, groups)
                ]
            )
        mean, error = np.mean(hits, axis=0), np.std(hits, axis=0) / np.sqrt(n_runs)
        records, patients = (f"{m:.3f} ± {2 * e:.3f}" for m, e in zip(mean, error, strict=True))
        print(f"{name:<46}{records:<15}{patients}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=3000)
    parser.add_argument("--encoder", default="random_convolution")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--patients", type=int, default=40, help="a label must have, held out")
    parser.add_argument("--runs", type=int, default=500, help="of the simulation")
    options = parser.parse_args()

    print_simulation(options.runs)
    cohort = make_clinical_ecg(options.subjects, random_state=0)
    kept, held_out = patient_split(cohort.groups, 2 / 3, random_state=0, Y=cohort.Y)
    model = ECGDiagnosisClassifier(options.encoder, random_state=0, verbose=False)
    P = model.fit(cohort.X.iloc[kept], cohort.Y.iloc[kept]).predict_proba(cohort.X.iloc[held_out])
    groups = cohort.groups.to_numpy()[held_out]
    Y = cohort.Y.iloc[held_out].to_numpy(dtype=float)
    enough = pd.DataFrame(Y).groupby(groups).max().sum().to_numpy() >= options.patients
    P, Y = P[:, enough], Y[:, enough]
    print(
        f"\n{options.encoder} on {len(kept)} records; {len(held_out)} records of "
        f"{len(np.unique(groups))} patients held out, {enough.sum()} labels, macro AUROC "
        f"{masked_roc_auc(Y, P):.3f}"
    )
    print_coverage(P, Y, groups, options.seeds)
    print_calibration(P, Y, groups)


if __name__ == "__main__":
    main()
