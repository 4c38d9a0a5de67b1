"""Simulated patients, planted confounded pairs and an embedding, for `evidence.py`.

A planted label and a planted laboratory value depend on one confounder and on nothing else, so
that every link between them is false. So is a link of one that depends on age, or on nothing,
with a finding or a diagnosis of the simulator.
"""

from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ecgsk import JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.preprocessing import LabAbnormality

SIZES = (900, 2400, 10_000)
# A third as many patients as in training tell which links hold, as in a 60/20/20 split.
N_VALIDATION, N_TEST = 3334, 2000
N_SUBJECTS = max(SIZES) + N_VALIDATION + N_TEST
# The encoder is trained on the tables of these patients, who are in training at each size but
# the smallest.
N_PRETRAINING = 2400

CONFOUNDERS = (
    "age",
    "age and severity",
    "measured vital",
    "measured finding",
    "unmeasured",
    "none",
)
N_PLANTED = 3  # labels, and as many laboratory values, per confounder
PREVALENCE, ABNORMAL, UNMEASURED = 0.08, 0.15, 0.4
# Log odds of a label per standard deviation of its confounder; correlation of a value with it.
SLOPES, CORRELATIONS = (0.7, 1.0, 1.3), (0.3, 0.45, 0.6)


def argument_parser(description):
    """Make the options that the benchmarks of evidence share."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="training patients")
    parser.add_argument("--folder", help="folder for the embeddings")
    return parser


def simulate(n_subjects, seed):
    """Return a cohort's table, labels and reference ranges with planted columns, and its ECGs."""
    cohort = make_clinical_ecg(n_subjects, random_state=seed)
    labels, values = plant(cohort, np.random.default_rng([seed, 1]))
    low_and_high = pd.DataFrame(
        {"low": np.nan, "high": [np.nanquantile(values, 1 - ABNORMAL, axis=0)][0], "unit": ""},
        index=values.columns,
    )
    ranges = pd.concat([cohort.reference_ranges, low_and_high])
    labs = pd.concat([cohort.labs, values], axis=1)
    return {
        "ecg": cohort.X[["ecg"]],
        "X": pd.concat([cohort.X.drop(columns="ecg"), values], axis=1),
        "values": labs,
        "labs": LabAbnormality(ranges).fit_transform(labs),
        "diagnoses": pd.concat([cohort.Y, labels], axis=1),
        "patients": cohort.groups.to_numpy(),
    }


def plant(cohort, rng):
    """Return labels and laboratory values that depend on one confounder each."""
    labels, values = {}, {}
    for kind, confounder in confounders(cohort).items():
        n = len(confounder)
        for number, (slope, r) in enumerate(zip(SLOPES, CORRELATIONS, strict=True)):
            effect = slope * confounder
            start = brentq(lambda b, x=effect: expit(b + x).mean() - PREVALENCE, -20, 5)
            labels[f"{kind} label {number}"] = (rng.random(n) < expit(start + effect)) * 1.0
            value = r * confounder + np.sqrt(1 - r**2) * rng.standard_normal(n)
            missing = rng.random(n) < UNMEASURED
            values[f"{kind} lab {number}"] = np.where(missing, np.nan, value)
    return pd.DataFrame(labels), pd.DataFrame(values)


def confounders(cohort):
    """Return each confounder in standard deviations; 0 where a measurement is missing."""
    X, latent = cohort.X, cohort.latent
    found = {
        "age": X["age"],
        "age and severity": standardised(X["age"]) + standardised(latent["acuity"]),
        "measured vital": X["heart_rate"],
        "measured finding": np.log(X["creatinine"]),
        "unmeasured": latent["frailty"],
        "none": pd.Series(np.zeros(len(X))),
    }
    return {name: standardised(found[name]).fillna(0).to_numpy() for name in CONFOUNDERS}


def standardised(values):
    return (values - values.mean()) / (values.std() or 1)


def load_or_embed(seed, folder):
    """Return the simulated tables of a cohort with its embedding, from the folder if there."""
    path = None if folder is None else Path(folder) / f"evidence-{seed}.pkl"
    if path is not None and path.exists():
        return pd.read_pickle(path)
    data = simulate(N_SUBJECTS, seed)
    ecg = data.pop("ecg")
    train = data["patients"] < N_PRETRAINING
    # The table of stage (i) lacks the planted values.
    table = data["X"][[name for name in data["X"] if " lab " not in name]]
    encoder = pretrainer(seed).fit(pd.concat([ecg, table], axis=1)[train])
    data["embedding"] = encoder.transform(ecg).astype(np.float32)
    data["encoder"] = encoder
    if path is not None:
        pd.to_pickle(data, path)
    return data


def pretrainer(seed):
    return JointEmbeddingPretrainer(
        ResNet1d(depth=10, width=8), random_state=seed, verbose=False, device="cpu"
    )


def split(data, n_patients):
    """Return training, validation and test records for one number of training patients."""
    first = max(SIZES)
    ends = (0, n_patients), (first, first + n_patients // 3), (N_SUBJECTS - N_TEST, N_SUBJECTS)
    names = ("X", "values", "labs", "diagnoses", "patients", "embedding")
    parts = []
    for start, end in ends:
        rows = (data["patients"] >= start) & (data["patients"] < end)
        parts.append({name: data[name][rows] for name in names})
    return parts


def fit_heads(train):
    """Fit a logistic head per diagnosis; return weights and intercepts for the embedding."""
    scaler = StandardScaler().fit(train["embedding"])
    z = scaler.transform(train["embedding"]).astype(np.float64)
    weights, intercepts = [], []
    for _, label in train["diagnoses"].items():
        head = LogisticRegression(C=0.1, tol=1e-3, max_iter=200).fit(z, label)
        weight = head.coef_[0] / scaler.scale_
        weights.append(weight)
        intercepts.append(head.intercept_[0] - weight @ scaler.mean_)
    return np.array(weights), np.array(intercepts)
