"""Conditional association of values and diagnoses: false links and power, from tables alone.

    python benchmarks/evidence_conditional.py --seed 0 1 2 --folder FOLDER

One logistic regression per diagnosis on all laboratory values, their masks, age, sex and vital
signs, with a covariance that is robust to several records of a patient. A reference for
`evidence.py`, on the same patients and pairs, of a gate that controls for what was measured.
"""

import warnings

import numpy as np
import pandas as pd
import torch
from evidence import classify, show_pairs
from evidence_causes import find_causes
from evidence_data import argument_parser, load_or_embed, split
from evidence_naming import VITALS
from scipy.special import expit
from sklearn.preprocessing import QuantileTransformer

# Ridge of the regression, in records; it matters where a label has few records.
RIDGE = 1.0
Z = 1.96
# Smallest log odds ratio per standard deviation of a value, of the gates with an effect.
SMALLEST = np.log(1.15)


def main():
    args = argument_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    causes, gates = find_causes(), {}
    for seed in args.seed:
        data = load_or_embed(seed, args.folder)
        for size in args.sizes:
            train, validation, _ = split(data, size)
            here, there = (associate(part) for part in design(train, validation))
            links = here.merge(there, on=["diagnosis", "finding"], suffixes=("", "_held_out"))
            for name, holds in decide(links).items():
                pairs = classify(links.assign(holds=holds), causes)
                gates.setdefault(name, []).append(pairs.assign(cohort=seed, size=size))
    for name, pairs in gates.items():
        print(f"\n== {name}")
        show_pairs(pd.concat(pairs))


def decide(links):
    """Return which links hold under each gate."""
    beta, error = links["beta"], links["error"]
    shown = beta > Z * error
    again = links["beta_held_out"] > 0
    return {
        "interval above 0 in training": shown,
        "interval above 0 in training, above 0 in held-out patients": shown & again,
        "the same, and estimate above the smallest effect": shown & again & (beta > SMALLEST),
        "the same, and interval above the smallest effect": again & (beta - Z * error > SMALLEST),
    }


def design(*parts):
    """Yield each part with its table; values are ranked to normal deviates in the first."""
    first = parts[0]["values"]
    ranks = QuantileTransformer(
        n_quantiles=min(1000, len(first)), output_distribution="normal", random_state=0
    ).fit(first)
    mean, sd = (getattr(parts[0]["X"][list(VITALS)], name)() for name in ("mean", "std"))
    for part in parts:
        values = np.clip(np.nan_to_num(ranks.transform(part["values"])), -3, 3)
        vitals = ((part["X"][list(VITALS)] - mean) / sd).fillna(0)
        male = (part["X"]["sex"] == "male").to_numpy(float)
        table = np.column_stack(
            [values, part["values"].isna(), vitals, male, np.ones(len(male))]
        ).astype(float)
        yield part, table


def associate(part_and_table):
    """Return the coefficient and robust error of each finding and diagnosis."""
    part, table = part_and_table
    labs, rows = list(part["values"]), []
    patients = pd.factorize(part["patients"])[0]
    for diagnosis, label in part["diagnoses"].items():
        beta, error = regress(table, label.to_numpy(float), patients)
        for number, lab in enumerate(labs):
            for side, sign in (("low", -1), ("high", 1)):
                if f"{lab} {side}" in part["labs"]:
                    rows.append((diagnosis, f"{lab} {side}", sign * beta[number], error[number]))
    return pd.DataFrame(rows, columns=["diagnosis", "finding", "beta", "error"])


def regress(table, label, patients):
    """Fit a logistic regression by Newton's method; errors are robust to clusters."""
    beta = np.zeros(table.shape[1])
    ridge = RIDGE * np.eye(len(beta))
    for _ in range(12):
        p = expit(table @ beta)
        hessian = (table * (p * (1 - p))[:, None]).T @ table + ridge
        step = np.linalg.solve(hessian, table.T @ (label - p) - RIDGE * beta)
        beta += np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-4:
            break
    scores = table * (label - expit(table @ beta))[:, None]
    of_patient = np.zeros((patients.max() + 1, len(beta)))
    np.add.at(of_patient, patients, scores)
    inverse = np.linalg.inv(hessian)
    covariance = inverse @ (of_patient.T @ of_patient) @ inverse
    return beta, np.sqrt(np.diag(covariance))


if __name__ == "__main__":
    main()
