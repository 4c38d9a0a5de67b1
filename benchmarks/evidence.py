"""Laboratory evidence on simulated patients, where causes and confounders are known.

    python benchmarks/evidence.py --seed 0 1 2 --folder FOLDER

For each cohort and number of training patients: how many links hold among pairs without a link
(planted confounders and chance, `evidence_data.py`) and among pairs of a diagnosis and a finding
of its own cause (`evidence_causes.py`); how often the first finding named is one of the cause;
whether deleting a link's direction changes the diagnosis more than deleting random ones.
Embeddings are read from FOLDER where they are there.
"""

import warnings

import numpy as np
import pandas as pd
import torch
from evidence_causes import find_causes
from evidence_data import CONFOUNDERS, argument_parser, fit_heads, load_or_embed, split
from evidence_naming import PICKS, VITALS, name_causes, rates

from ecgsk.explain import LabEvidence, deletion_faithfulness

OWN_CAUSE = "own cause"
ARGUMENTS = ("embedding", "labs", "diagnoses", "patients")


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--deletion", action="store_true", help="deletion of directions too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    causes, pairs, named = find_causes(), [], []
    for seed in args.seed:
        data = load_or_embed(seed, args.folder)
        for size in args.sizes:
            train, validation, test = split(data, size)
            evidence, heads = fit(train, validation)
            pairs.append(classify(evidence.links_, causes).assign(cohort=seed, size=size))
            predicted = predict(heads, validation, test)
            rows = name_causes(evidence, train, test, predicted, causes)
            named.append(rows.assign(cohort=seed, size=size))
            if args.deletion:
                print(f"\ncohort {seed}, {size} training patients: deletion")
                print(deletion(evidence, test, predicted))
    show_pairs(pd.concat(pairs))
    show_named(pd.concat(named))


def fit(train, validation):
    """Fit heads and links in training patients, and find which links hold in others."""
    heads = fit_heads(train)
    evidence = LabEvidence().fit(*arguments(train), weight=heads[0], **tables(train))
    return evidence.validate(*arguments(validation), **tables(validation)), heads


def arguments(part):
    return [part[name] for name in ARGUMENTS]


def tables(part):
    """Return values, and age, sex and vital signs as covariates."""
    covariates = part["X"][list(VITALS)].assign(male=part["X"]["sex"] == "male")
    return {"values": part["values"], "covariates": covariates}


def predict(heads, validation, test):
    """Predict each diagnosis as often as it is present in the validation patients."""
    weight, intercept = heads
    thresholds = [
        np.quantile(values, 1 - share)
        for values, share in zip(
            (validation["embedding"] @ weight.T + intercept).T,
            validation["diagnoses"].mean(),
            strict=True,
        )
    ]
    return test["embedding"] @ weight.T + intercept > thresholds


# -- pairs ----------------------------------------------------------------------------------


def classify(links, causes):
    """Return the pairs whose truth is known, with ``kind`` and ``holds``."""
    kinds = [
        kind_of(diagnosis, finding, causes)
        for diagnosis, finding in zip(links["diagnosis"], links["finding"], strict=True)
    ]
    pairs = links[["diagnosis", "finding", "holds"]].assign(kind=kinds)
    return pairs[pairs["kind"].notna()]


def kind_of(diagnosis, finding, causes):
    """Return the confounder of a pair without a link, `OWN_CAUSE`, or None if not known."""
    label, lab = confounder_of(diagnosis), confounder_of(finding)
    if label is None and lab is None:
        return OWN_CAUSE if finding in causes[diagnosis] else None
    if label == lab:
        return label
    # One column of the simulator: without a link if the planted one depends on age or nothing.
    planted = label if lab is None else lab if label is None else None
    return planted if planted in ("age", "none") else None


def confounder_of(name):
    """Return the confounder of a planted column, None for one of the simulator."""
    for kind in CONFOUNDERS:
        if name.startswith((f"{kind} label ", f"{kind} lab ")):
            return kind
    return None


def show_pairs(pairs):
    """Print the share of pairs that hold, and each cohort's."""
    print("\nshare of pairs whose link holds (each cohort)")
    for kind in (*CONFOUNDERS, OWN_CAUSE):
        cells = []
        for _, of_size in pairs[pairs["kind"] == kind].groupby("size"):
            cohorts = of_size.groupby("cohort")["holds"].mean()
            each = ", ".join(f"{share:.2f}" for share in cohorts)
            cells.append(f"{of_size['holds'].mean():.3f} ({each}) of {len(of_size)}")
        print(f"{kind:<18}" + "".join(f"{cell:<36}" for cell in cells))


def show_named(named):
    for size, rows in named.groupby("size"):
        print(f"\n{size} training patients: {len(rows)} true and predicted diagnoses with a known")
        print(f"cause; evidence for {rows['evidence'].notna().mean():.1%}; each cohort's in ()")
        print(rates(rows).to_string())
        print(rows.groupby("diagnosis")[list(PICKS)].mean().round(2).to_string())


def deletion(evidence, test, predicted):
    table = deletion_faithfulness(evidence, *arguments(test), predicted, random_state=0)
    return table.tail(1).round(3).to_string(index=False)


if __name__ == "__main__":
    main()
