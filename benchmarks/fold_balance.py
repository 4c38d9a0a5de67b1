"""Compare label balance across folds of MultilabelGroupKFold and scikit-learn's GroupKFold.

    python benchmarks/fold_balance.py [--data FOLDER]

FOLDER holds the real label sets: ptbxl_subset/labels.csv, ludb/ludb.csv and mimic_iv_demo/hosp.

The imbalance of a label is that of its worst fold: the relative difference between its
prevalence there (positives among measured records) and in all records. Without a positive it
is 1. "Folds without" counts the pairs of label and fold without a positive. Only labels with
at least as many positive patients as folds are counted. Both splitters depend on the order of
the patients: figures are means over several orders.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold

from ecgsk.datasets import make_clinical_ecg
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.preprocessing import LabAbnormality

LabelSet = tuple[pd.DataFrame, pd.Series]  # labels, patient of each row


class Balance(NamedTuple):
    worst: float
    mean: float
    folds_without: float
    size: float


def balance(Y: np.ndarray, patients: np.ndarray, cv) -> Balance:
    tests = [test for _, test in cv.split(Y, Y, patients)]
    counted = Y[:, patients_with(Y, patients) >= len(tests)]
    relative = np.array([prevalence(counted[test]) for test in tests]) / prevalence(counted)
    imbalance = np.abs(relative - 1).max(axis=0)
    sizes = np.array([len(test) for test in tests]) * len(tests) / len(Y)
    return Balance(
        imbalance.max(), imbalance.mean(), (relative == 0).sum(), np.abs(sizes - 1).max()
    )


def patients_with(Y: np.ndarray, patients: np.ndarray) -> np.ndarray:
    return pd.DataFrame(Y == 1).groupby(patients).any().sum().to_numpy()


def prevalence(Y: np.ndarray) -> np.ndarray:
    return np.nansum(Y, axis=0) / np.maximum((~np.isnan(Y)).sum(axis=0), 1)


def synthetic_sets(n_subjects: int = 2000, seed: int = 0) -> Iterator[tuple[str, LabelSet]]:
    cohort = make_clinical_ecg(n_subjects, random_state=seed)
    yield "synthetic, diagnoses", (cohort.Y, cohort.groups)
    abnormal = LabAbnormality(cohort.reference_ranges).fit_transform(cohort.labs)
    yield "synthetic, laboratory low / high", (abnormal, cohort.groups)


def real_sets(data: Path) -> Iterator[tuple[str, LabelSet]]:
    yield "PTB-XL subset, superclasses", ptbxl_superclasses(data / "ptbxl_subset")
    yield "LUDB, all statements", ludb_statements(data / "ludb")
    yield "MIMIC-IV demo, ICD of stays", mimic_diagnoses(data / "mimic_iv_demo/hosp")
    yield "MIMIC-IV demo, laboratory low / high", mimic_abnormalities(data / "mimic_iv_demo/hosp")


def ptbxl_superclasses(folder: Path) -> LabelSet:
    table = pd.read_csv(folder / "labels.csv", index_col="ecg_id")
    return table[["NORM", "MI", "STTC", "CD", "HYP"]], table["patient_id"]


def ludb_statements(folder: Path) -> LabelSet:
    """Load one ECG per patient with many rare statements, one per line of a cell."""
    table = pd.read_csv(folder / "ludb.csv", index_col="ID").drop(columns=["Sex", "Age"])
    cells = table.melt(ignore_index=False)["value"].dropna()
    cells = cells.str.strip().str.split(r"\s*\n\s*", regex=True).explode()
    Y = pd.crosstab(cells.index, cells).clip(upper=1).reindex(table.index, fill_value=0)
    return Y, Y.index.to_series()


def mimic_diagnoses(hosp: Path) -> LabelSet:
    """Load the code categories of each hospital stay, in ICD-9 or ICD-10."""
    codes = pd.read_csv(hosp / "diagnoses_icd.csv.gz", dtype={"icd_code": str})
    coded = [
        pd.crosstab([table["subject_id"], table["hadm_id"]], table["icd_code"].str[:3])
        for _, table in codes.groupby("icd_version")
    ]
    # Codes of the other version are unknown, not absent: NaN.
    return by_patient(pd.concat(coded, axis=1).clip(upper=1))


def mimic_abnormalities(hosp: Path) -> LabelSet:
    """Compare each value of every blood sample with the range delivered with it."""
    events = pd.read_csv(hosp / "labevents.csv.gz", low_memory=False).dropna(
        subset=["valuenum", "ref_range_lower", "ref_range_upper"]
    )
    events["low"] = (events["valuenum"] < events["ref_range_lower"]).astype(float)
    events["high"] = (events["valuenum"] > events["ref_range_upper"]).astype(float)
    sample = ["subject_id", "charttime"]
    return by_patient(events.pivot_table(["low", "high"], sample, "itemid", aggfunc="max"))


def by_patient(Y: pd.DataFrame) -> LabelSet:
    return Y, Y.index.get_level_values("subject_id").to_series(index=Y.index)


def compare(name: str, labels: LabelSet, n_splits: int, n_orders: int) -> str:
    Y = labels[0].to_numpy(dtype=float)
    patients, names = pd.factorize(labels[1])
    results = []
    for seed in range(n_orders):
        reordered = np.random.default_rng(seed).permutation(len(names))[patients]
        splitters = GroupKFold(n_splits), MultilabelGroupKFold(n_splits)
        results.append([balance(Y, reordered, cv) for cv in splitters])
    theirs, ours = (Balance(*mean) for mean in np.mean(results, axis=0))
    n_counted = (patients_with(Y, patients) >= n_splits).sum()
    cells = [
        name,
        *(f"{number:,}" for number in (len(Y), len(names))),
        f"{n_counted} of {Y.shape[1]}",
        *(f"{theirs[i]:.2f} / **{ours[i]:.2f}**" for i in range(2)),
        f"{theirs.folds_without:.1f} / **{ours.folds_without:.1f}** of {n_counted * n_splits}",
        f"{theirs.size:.1%} / **{ours.size:.1%}**",
    ]
    return "| " + " | ".join(cells) + " |"


def seconds(cv, n_patients: int = 20_000, n_labels: int = 100) -> float:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(n_patients), rng.geometric(0.4, n_patients))
    risk = np.geomspace(0.3, 0.001, n_labels) * rng.gamma(0.5, 2, (n_patients, 1))
    Y = (rng.random((len(patients), n_labels)) < risk[patients]).astype(float)
    start = perf_counter()
    list(cv.split(Y, Y, patients))
    return perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of the real label sets")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--orders", type=int, default=10)
    options = parser.parse_args()

    print("GroupKFold / **MultilabelGroupKFold**\n")
    print("| labels | records | patients | counted | worst | mean | folds without | fold size |")
    print("|---|---|---|---|---|---|---|---|")
    for sets in (real_sets(options.data) if options.data else (), synthetic_sets()):
        for name, labels in sets:
            print(compare(name, labels, options.splits, options.orders), flush=True)
    theirs, ours = (seconds(cv(options.splits)) for cv in (GroupKFold, MultilabelGroupKFold))
    print(f"\n20,000 patients x 100 labels: {theirs:.2f} s / **{ours:.2f} s**")


if __name__ == "__main__":
    main()
