"""Teachers of distillation, and linear probes of the embedding of stage (i).

    python benchmarks/teachers.py --cohorts 0 1 2 --objectives clip

One patient split of each synthetic cohort, as in ``recipes.py``: every training record to
pre-train on, labels of a share of the training patients. Linear probes of the embedding, of
the table (values and masks, or values alone), of both in one head, and late fusion, the mean
of two probes' log odds. Macro AUROC over the diagnoses on the training patients without labels,
whose probabilities a teacher supplies, and on the test patients. Last the mean AUROC of the
laboratory heads on the test patients, fitted on every training record.
"""

import argparse
from collections.abc import Sequence
from time import process_time

import numpy as np
import pandas as pd
import torch
from recipes import SPECS
from scipy.special import expit, logit
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.metrics import masked_roc_auc
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import BandpassFilter, ClinicalScaler, LabAbnormality


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=5000)
    parser.add_argument("--label-fraction", type=float, default=0.1)
    parser.add_argument("--objectives", nargs="+", default=["clip"], choices=SPECS)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--cohorts", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for seed in options.cohorts:
        cohort = make_clinical_ecg(options.subjects, random_state=seed)
        X = BandpassFilter(0.5, 40).fit_transform(cohort.X)
        patients = cohort.groups.to_numpy()
        train, test = patient_split(patients, random_state=seed, Y=cohort.Y)
        order = np.random.default_rng(seed).permutation(np.unique(patients[train]))
        chosen = order[: max(round(options.label_fraction * len(order)), 1)]
        labelled = np.isin(patients[train], chosen)
        sides = {"unlabelled": train[~labelled], "test": test}
        for name in options.objectives:
            start = process_time()
            pretrainer = JointEmbeddingPretrainer(
                objective=SPECS[name],
                max_epochs=options.epochs,
                random_state=seed,
                verbose=False,
            ).fit(X.iloc[train])
            print(f"cohort {seed}, {name}: {labelled.sum()} labelled records, "
                  f"pre-training {process_time() - start:.0f} CPU s")  # fmt: skip
            scores = score_teachers(X, cohort.Y, pretrainer, train[labelled], sides)
            print(scores.to_string(float_format="{:.4f}".format))
            labs = LabAbnormality(cohort.reference_ranges).fit_transform(cohort.labs)
            heads = LabAbnormalityExplainer(FrozenEstimator(pretrainer), random_state=seed)
            heads.fit(X.iloc[train], labs.iloc[train])
            auroc = masked_roc_auc(labs.iloc[test].to_numpy(), heads.predict_proba(X.iloc[test]))
            print(f"laboratory heads, test: {auroc:.4f}", flush=True)


def score_teachers(
    X: pd.DataFrame,
    Y: pd.DataFrame,
    pretrainer: JointEmbeddingPretrainer,
    labelled: np.ndarray,
    sides: dict[str, np.ndarray],
) -> pd.DataFrame:
    """Return the macro AUROC of each teacher, one column for each side."""
    encoder = FrozenEstimator(pretrainer)

    def log_odds(X: pd.DataFrame, inputs: str) -> dict[str, np.ndarray]:
        used = "resnet18" if inputs == "clinical" else encoder
        model = ECGDiagnosisClassifier(
            used, inputs=inputs, fine_tune="probe", random_state=0, verbose=False
        ).fit(X.iloc[labelled], Y.iloc[labelled])
        return {
            side: logit(model.predict_proba(X.iloc[rows]).clip(1e-6, 1 - 1e-6))
            for side, rows in sides.items()
        }

    embedding = log_odds(X[["ecg", "subject_id"]], "ecg")
    table = log_odds(X, "clinical")
    values = values_log_odds(X.drop(columns=["ecg", "subject_id"]), Y, labelled, sides)
    teachers = {
        "embedding": embedding,
        "table, values and masks": table,
        "table, values": values,
        "one head: embedding; values, masks": log_odds(X, "ecg+clinical"),
        "late fusion: embedding; values, masks": _mean([embedding, table]),
        "late fusion: embedding; values": _mean([embedding, values]),
    }
    known = {side: Y.iloc[rows].to_numpy() for side, rows in sides.items()}
    rows = {
        name: {side: masked_roc_auc(known[side], expit(z[side])) for side in sides}
        for name, z in teachers.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def values_log_odds(
    table: pd.DataFrame, Y: pd.DataFrame, labelled: np.ndarray, sides: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the log odds of a probe of the values alone, the median where missing."""
    # Fill after scaling: a column full of medians has no normal scores.
    scaler = make_pipeline(
        ClinicalScaler(), SimpleImputer(strategy="constant", fill_value=0.0), StandardScaler()
    )
    fitted = scaler.fit_transform(table.iloc[labelled])
    scaled = {side: scaler.transform(table.iloc[rows]) for side, rows in sides.items()}
    z = {side: np.zeros((len(rows), Y.shape[1])) for side, rows in sides.items()}
    for i, name in enumerate(Y):
        y = Y[name].iloc[labelled].to_numpy()
        known = np.isfinite(y)
        if len(np.unique(y[known])) < 2:
            continue
        probe = LogisticRegression(C=0.03).fit(fitted[known], y[known])
        for side in sides:
            z[side][:, i] = probe.decision_function(scaled[side])
    return z


def _mean(members: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {side: np.mean([z[side] for z in members], axis=0) for side in members[0]}


if __name__ == "__main__":
    main()
