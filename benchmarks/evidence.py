"""Laboratory evidence on simulated patients, where the causes are known.

Fits a joint embedding and a diagnosis head on 4,000 patients, finds the links that hold, and
measures on other patients (a) whether deleting a link's direction changes the diagnosis more
than deleting random directions, (b) how often the first supporting finding is one that the
diagnosis' own cause moves. Run with

    python benchmarks/evidence.py --seed 0

Several seeds may be given. --embeddings FOLDER keeps the models' outputs for another run.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from evidence_causes import find_causes
from sklearn.frozen import FrozenEstimator

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.explain import LabEvidence, deletion_faithfulness
from ecgsk.preprocessing import LabAbnormality

TRAIN, VALIDATION, TEST = range(3)
ARGUMENTS = ("embedding", "labs", "diagnoses", "patients")
PICKS = {
    "evidence": "first supporting link, by sensitivity",
    "contribution": "supporting link of the largest contribution",
    "odds ratio": "finding of the largest odds ratio in training, for all patients the same",
    "phi": "finding of the largest correlation in training, for all patients the same",
    "lift": "finding the ECG raises most above its base rate",
    "held link": "any held link of the diagnosis",
    "measured": "any finding measured in the record",
}


def fit_and_embed(seed, n_subjects):
    """Return embedding, labels and outputs of each record, and its part of the split."""
    cohort = make_clinical_ecg(n_subjects, random_state=seed)
    train = (cohort.folds <= 6).to_numpy()
    model = ECGDiagnosisClassifier(
        JointEmbeddingPretrainer(verbose=False), random_state=seed, verbose=False
    ).fit(cohort.X[train], cohort.Y[train])
    heads = LabAbnormalityExplainer(
        FrozenEstimator(model), reference_ranges=cohort.reference_ranges
    ).fit(cohort.X[train], cohort.labs[train])
    return {
        "embedding": model.transform(cohort.X[["ecg"]]).astype(float),
        "labs": LabAbnormality(cohort.reference_ranges).fit_transform(cohort.labs),
        "diagnoses": cohort.Y,
        "patients": cohort.groups.to_numpy(),
        "lift": heads.predict_proba(cohort.X[["ecg"]]) / heads.base_rates_,
        "part": np.digitize(cohort.folds, [7, 9]),
        "weight": model.coef_.astype(float),
        "bias": model.intercept_.astype(float),
    }


def load_or_fit(seed, n_subjects, folder):
    """Read the outputs of an earlier run, or fit."""
    path = None if folder is None else Path(folder) / f"evidence-{n_subjects}-{seed}.pkl"
    if path is not None and path.exists():
        return pd.read_pickle(path)
    data = fit_and_embed(seed, n_subjects)
    if path is not None:
        pd.to_pickle(data, path)
    return data


def predict(data):
    """Predict each diagnosis as often as it is present in the validation patients."""
    log_odds = data["embedding"] @ data["weight"].T + data["bias"]
    there = data["part"] == VALIDATION
    share = data["diagnoses"][there].mean()
    thresholds = [np.quantile(log_odds[there, i], 1 - p) for i, p in enumerate(share)]
    return log_odds > thresholds


def name_causes(evidence, test, training, predicted, causes):
    """Return one row per record and diagnosis that is true, predicted and has a known cause.

    Each column of `PICKS` is 1 if that way of picking a finding picks a cause, else 0, or the
    probability of it; NaN if there is nothing to pick from.
    """
    links, rows = evidence.held_links_, []
    contributions = evidence.contributions(test["embedding"])
    for number, diagnosis in enumerate(evidence.diagnoses_):
        if not causes[diagnosis]:
            continue
        causal = np.isin(evidence.findings_, causes[diagnosis])
        held = np.flatnonzero((links["diagnosis"] == diagnosis) & (links["odds_ratio"] > 1))
        held_causal = links["finding"].iloc[held].isin(causes[diagnosis]).to_numpy()
        odds, phi = plain_association(evidence, training, diagnosis)
        true = (test["diagnoses"][diagnosis] == 1).to_numpy() & predicted[:, number]
        for record in np.flatnonzero(true):
            given = contributions[record, held]
            supports = np.flatnonzero(given > 0)
            measured = test["labs"].iloc[record].notna().to_numpy()
            picks = {
                # Links come by sensitivity, the largest first.
                "evidence": held_causal[supports[0]] if len(supports) else np.nan,
                "contribution": held_causal[given.argmax()] if len(supports) else np.nan,
                "odds ratio": causal[odds.argmax()],
                "phi": causal[phi.argmax()],
                "lift": causal[test["lift"][record].argmax()],
                "held link": held_causal.mean() if len(held) else np.nan,
                "measured": causal[measured].mean() if measured.any() else causal.mean(),
            }
            rows.append({"diagnosis": diagnosis, "patient": test["patients"][record], **picks})
    return pd.DataFrame(rows)


def plain_association(evidence, training, diagnosis):
    """Return absolute log odds ratios and correlations in training, per finding."""
    table = evidence.links_[evidence.links_["diagnosis"] == diagnosis].set_index("finding")
    odds = np.log(table["odds_ratio"].reindex(evidence.findings_)).abs().fillna(0)
    phi = training["labs"].corrwith(training["diagnoses"][diagnosis]).abs().fillna(0)
    return odds.to_numpy(), phi.to_numpy()


def rates(rows, n_resamples=1000):
    """Return how often each pick is a cause, over records and over diagnoses, with intervals.

    Rows without evidence are left out, so that all picks use the same records.
    """
    rows = rows[rows["evidence"].notna()]
    patients, diagnoses = (pd.factorize(rows[name])[0] for name in ("patient", "diagnosis"))
    values = rows[list(PICKS)].to_numpy(float)
    rng, n = np.random.default_rng(0), patients.max() + 1
    weights = [
        np.ones(n),
        *(np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(n_resamples)),
    ]
    over_records, over_diagnoses = [], []
    for weight in weights:
        w = weight[patients]
        over_records.append(w @ values / w.sum())
        counts = np.bincount(diagnoses, weights=w)
        sums = np.array([np.bincount(diagnoses, weights=w * v) for v in values.T])
        over_diagnoses.append((sums[:, counts > 0] / counts[counts > 0]).mean(axis=1))
    table = {}
    for name, found in (("records", over_records), ("diagnoses", over_diagnoses)):
        found = np.array(found)
        table[f"over {name}"] = [with_interval(column) for column in found.T]
        table[f"evidence less it, over {name}"] = [
            with_interval(column) for column in (found[:, :1] - found).T
        ]
    return pd.DataFrame(table, index=list(PICKS.values()))


def with_interval(values):
    """Format the estimate (the first value) and the interval of its resamples."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.3f} [{low:.3f}, {high:.3f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--subjects", type=int, default=4000)
    parser.add_argument("--embeddings", help="folder for the models' outputs")
    args = parser.parse_args()
    causes, named = find_causes(), []
    for seed in args.seed:
        data = load_or_fit(seed, args.subjects, args.embeddings)
        train, validation, test = (select(data, part) for part in (TRAIN, VALIDATION, TEST))
        evidence = LabEvidence(random_state=seed).fit(*arguments(train), weight=data["weight"])
        evidence.validate(*arguments(validation))
        predicted = predict(data)[data["part"] == TEST]
        describe(seed, evidence, causes)
        for directions in ("concepts", "isotropic"):
            table = deletion_faithfulness(
                evidence, *arguments(test), predicted, directions=directions
            )
            print(f"\nseed {seed}: deletion against random {directions}")
            print(table.tail(1).round(3).to_string(index=False))
        rows = name_causes(evidence, test, train, predicted, causes)
        print(f"\nseed {seed}: {len(rows)} true and predicted diagnoses with a known cause,")
        print(f"evidence for {rows['evidence'].notna().mean():.1%}; how often it names a cause")
        print(rows.groupby("diagnosis")[list(PICKS)].mean().round(2).to_string())
        print(rates(rows).to_string())
        named.append(rows.assign(patient=f"{seed} " + rows["patient"].astype(str)))
    if len(named) > 1:
        print("\nall seeds")
        print(rates(pd.concat(named)).to_string())


def select(data, part):
    """Return the records of one part."""
    chosen = data["part"] == part
    return {name: data[name][chosen] for name in (*ARGUMENTS, "lift")}


def arguments(part):
    return [part[name] for name in ARGUMENTS]


def describe(seed, evidence, causes):
    links, held = evidence.links_, evidence.held_links_
    named = zip(held["diagnosis"], held["finding"], strict=True)
    n_own = sum(finding in causes[diagnosis] for diagnosis, finding in named)
    print(
        f"\nseed {seed}: of {links['odds_ratio'].notna().sum()} pairs {len(held)} hold, "
        f"{(held['odds_ratio'] > 1).sum()} with an odds ratio above 1; {n_own} of "
        f"{sum(map(len, causes.values()))} pairs of a diagnosis and its cause's finding hold"
    )


if __name__ == "__main__":
    main()
