"""Macro AUROC of a 12-lead model whose test records have fewer leads, on PTB-XL folds 1 to 9.

    python benchmarks/lead_subsets.py PTBXL_SUBSET --folder RESULTS

Three-fold cross-validation over patients. Each model is trained on twelve leads with one setting
of `Augmentation(lead_dropout=...)`, and predicts held-out patients from twelve leads and from
subsets, the other leads masked as missing. With --specialists, also models that are trained on
the subset alone: what a model for these leads only would reach. Out-of-fold probabilities are
kept in --folder, so that a stopped run goes on.
"""

import argparse
import warnings
from pathlib import Path
from time import process_time

import numpy as np
import torch
from ptbxl_subset import load_ptbxl_subset
from scipy.stats import rankdata

from ecgsk import ECGDiagnosisClassifier
from ecgsk.encoders.registry import ENCODERS
from ecgsk.exceptions import SignalQualityWarning
from ecgsk.metrics import masked_roc_auc, paired_difference
from ecgsk.preprocessing import SelectLeads
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.training import Augmentation

N_FOLDS = 3
SUBSETS = {
    "12": STANDARD_12_LEADS,
    "8: I, II, V1-V6": ("I", "II", *STANDARD_12_LEADS[6:]),
    "2: I, II": ("I", "II"),
    "1: II": ("II",),
    "1: I": ("I",),
}
DROPOUTS = {"0": 0.0, "0.1, the default": 0.1, "(0, 1)": (0.0, 1.0)}


def split_patients(groups, seed):
    patients = np.unique(groups)
    order = np.random.default_rng(1000 + seed).permutation(len(patients)) % N_FOLDS
    return order[np.searchsorted(patients, groups)]


def masked(X, leads):
    """Return X with only some leads present; the others are missing."""
    few = SelectLeads(leads).fit_transform(X)
    return SelectLeads(STANDARD_12_LEADS, missing="mask").fit_transform(few)


def fit(X, Y, encoder, lead_dropout, seed):
    start = process_time()
    augmentation = Augmentation(lead_dropout=lead_dropout)
    model = ECGDiagnosisClassifier(
        encoder, augmentation=augmentation, random_state=seed, verbose=0
    ).fit(X, Y)
    print(f"fit {process_time() - start:.0f} CPU s", flush=True)
    return model


def predict_subsets(cohort, folds, k, encoder, lead_dropout, seed, path):
    """Return held-out probabilities of one fold, (n_subsets, n_records, n_labels)."""
    if not path.exists():
        train, test = cohort.X[folds != k], cohort.X[folds == k]
        model = fit(train, cohort.Y[folds != k], encoder, lead_dropout, seed + k)
        P = [model.predict_proba(masked(test, leads)) for leads in SUBSETS.values()]
        np.save(path, np.stack(P))
    return np.load(path)


def predict_specialist(cohort, folds, k, encoder, leads, seed, path):
    if not path.exists():
        X = SelectLeads(leads).fit_transform(cohort.X)
        dropout = 0.1 if len(leads) > 2 else 0.0
        model = fit(X[folds != k], cohort.Y[folds != k], encoder, dropout, seed + k)
        np.save(path, model.predict_proba(X[folds == k]))
    return np.load(path)


def rank_in_folds(P, folds):
    """Rank probabilities in each fold: those of models with masked leads differ in their level."""
    ranks = np.empty_like(P)
    for k in range(N_FOLDS):
        ranks[folds == k] = rankdata(P[folds == k], axis=0) / (folds == k).sum()
    return ranks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder of the PTB-XL subset")
    parser.add_argument("--folder", type=Path, required=True, help="for probabilities")
    parser.add_argument("--specialists", action="store_true")
    parser.add_argument("--encoder", default="resnet18", choices=ENCODERS)
    parser.add_argument("--dropouts", nargs="+", default=list(DROPOUTS), choices=DROPOUTS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", SignalQualityWarning)  # of the masked leads
    options.folder.mkdir(parents=True, exist_ok=True)

    cohort = load_ptbxl_subset(options.data)
    Y, groups = cohort.Y.to_numpy(), cohort.groups.to_numpy()
    folds = split_patients(groups, options.seed)
    found = {}
    for number, (name, dropout) in enumerate(DROPOUTS.items()):
        if name not in options.dropouts:
            continue
        P = np.zeros((len(SUBSETS), *Y.shape))
        for k in range(N_FOLDS):
            path = options.folder / f"{options.encoder}-dropout{number}-{options.seed}-{k}.npy"
            P[:, folds == k] = predict_subsets(
                cohort, folds, k, options.encoder, dropout, options.seed, path
            )
        found |= {(name, subset): p for subset, p in zip(SUBSETS, P, strict=True)}
    for number, (subset, leads) in enumerate(SUBSETS.items()):
        if options.specialists and number:
            P = np.zeros(Y.shape)
            for k in range(N_FOLDS):
                name = f"{options.encoder}-specialist{number}-{options.seed}-{k}.npy"
                P[folds == k] = predict_specialist(
                    cohort, folds, k, options.encoder, leads, options.seed, options.folder / name
                )
            found["specialist", subset] = P
    print("AUROC: mean over folds; differences are of all out-of-fold ranks within their fold")
    ranks = {key: rank_in_folds(P, folds) for key, P in found.items()}
    for (name, subset), P in found.items():
        auroc = np.mean([masked_roc_auc(Y[folds == k], P[folds == k]) for k in range(N_FOLDS)])
        print(f"{name:<18}{subset:<16}{auroc:.4f}", end="")
        for what, key in (("12 leads", (name, "12")), ("0.1", ("0.1, the default", subset))):
            if key in found and key != (name, subset):
                gain = paired_difference(
                    Y, ranks[name, subset], ranks[key], groups=groups, random_state=0
                )
                interval = f"{gain.estimate:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
                print(f"  against {what} {interval}", end="")
        print(flush=True)


if __name__ == "__main__":
    main()
