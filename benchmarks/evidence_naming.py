"""Share of diagnoses whose first named finding belongs to their own cause.

Ways of naming are compared on the records where the diagnosis is true and predicted. The
references use patients' tables alone: they are equal for all patients and need no ECG.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

PICKS = {
    "evidence": "first supporting link of the record",
    "first link": "first held link, for all patients the same",
    "sensitivity": "held link of the largest sensitivity, for all patients the same",
    "correlation": "value of the largest correlation in training",
    "regression": "value of the largest coefficient: values, masks, age, sex, vitals",
    "phi": "finding of the largest correlation in training",
}
VITALS = (
    "age", "bmi", "heart_rate", "systolic_bp", "diastolic_bp", "respiratory_rate", "temperature",
    "oxygen_saturation",
)  # fmt: skip


def name_causes(evidence, train, test, predicted, causes):
    """Return one row per record and diagnosis that is true, predicted and has a known cause.

    Each column of `PICKS` is 1 if that way of naming picks a cause's finding, else 0; NaN if
    there is nothing to name.
    """
    links, contributions = evidence.held_links_, evidence.contributions(test["embedding"])
    references = name_by_table(train, causes)
    rows = []
    for number, diagnosis in enumerate(evidence.diagnoses_):
        if not causes.get(diagnosis):
            continue
        # Findings of the simulator that support: planted ones have no cause.
        held = np.flatnonzero(
            (links["diagnosis"] == diagnosis)
            & (links["odds_ratio"] > 1)
            & ~links["finding"].str.contains(" lab ")
        )
        causal = links["finding"].iloc[held].isin(causes[diagnosis]).to_numpy()
        largest = links["sensitivity"].iloc[held].to_numpy()
        same = {
            "first link": causal[0] if len(held) else np.nan,
            "sensitivity": causal[largest.argmax()] if len(held) else np.nan,
            **references[diagnosis],
        }
        true = (test["diagnoses"][diagnosis] == 1).to_numpy() & predicted[:, number]
        for record in np.flatnonzero(true):
            supports = np.flatnonzero(contributions[record, held] > 0)
            first = causal[supports[0]] if len(supports) else np.nan
            patient = test["patients"][record]
            rows.append({"diagnosis": diagnosis, "patient": patient, "evidence": first, **same})
    return pd.DataFrame(rows)


def name_by_table(train, causes):
    """Return for each diagnosis whether the references name a cause's finding."""
    values = train["values"][[name for name in train["values"] if " lab " not in name]]
    findings = train["labs"][[name for name in train["labs"] if " lab " not in name]]
    z = (values - values.mean()) / values.std()
    vitals = train["X"][list(VITALS)]
    vitals = ((vitals - vitals.mean()) / vitals.std()).assign(male=train["X"]["sex"] == "male")
    table = np.hstack([z.fillna(0), values.isna(), vitals.fillna(0)]).astype(float)
    found = {}
    for diagnosis, own in causes.items():
        label = train["diagnoses"][diagnosis]
        phi = findings.corrwith(label).fillna(0)
        heads = LogisticRegression(C=1.0, tol=1e-3, max_iter=500).fit(table, label)
        effects = {
            "correlation": values.corrwith(label).fillna(0),
            "regression": pd.Series(heads.coef_[0, : len(values.columns)], values.columns),
        }
        found[diagnosis] = {
            name: finding_of(effect, findings.columns) in own for name, effect in effects.items()
        } | {"phi": phi.abs().idxmax() in own}
    return found


def finding_of(effect, findings):
    """Return the finding on the side of the largest effect that has one."""
    sides = effect.index + np.where(effect > 0, " high", " low")
    effect = effect.abs().to_numpy() * np.isin(sides, findings)
    return sides[effect.argmax()]


def rates(rows):
    """Return how often each way names a cause, over records and over diagnoses.

    Intervals are bootstraps of the patients; each cohort's rate follows in brackets. Rows
    without evidence count as not named.
    """
    rows = rows.fillna(dict.fromkeys(PICKS, 0))
    patient = rows["cohort"].astype(str) + " " + rows["patient"].astype(str)
    patients, diagnoses = pd.factorize(patient)[0], pd.factorize(rows["diagnosis"])[0]
    values = rows[list(PICKS)].to_numpy(float)
    rng, n = np.random.default_rng(0), patients.max() + 1
    drawn = [np.bincount(rng.integers(n, size=n), minlength=n)[patients] for _ in range(500)]
    weights = [np.ones(len(rows)), *drawn]
    table = {}
    for name, score in (("records", over_records), ("diagnoses", over_diagnoses)):
        found = np.array([score(values, diagnoses, w) for w in weights])
        cohorts = [
            score(values, diagnoses, (rows["cohort"] == seed).to_numpy(float))
            for seed in rows["cohort"].unique()
        ]
        table[f"over {name}"] = [
            f"{with_interval(column)} ({', '.join(f'{x:.2f}' for x in each)})"
            for column, each in zip(found.T, np.array(cohorts).T, strict=True)
        ]
        table[f"evidence less it, over {name}"] = [
            with_interval(column) for column in (found[:, :1] - found).T
        ]
    return pd.DataFrame(table, index=list(PICKS.values()))


def over_records(values, diagnoses, weight):
    return weight @ values / weight.sum()


def over_diagnoses(values, diagnoses, weight):
    counts = np.bincount(diagnoses, weights=weight)
    sums = np.array([np.bincount(diagnoses, weights=weight * v) for v in values.T])
    return (sums[:, counts > 0] / counts[counts > 0]).mean(axis=1)


def with_interval(values):
    """Format the estimate (the first value) and the interval of its resamples."""
    low, high = np.quantile(values[1:], [0.025, 0.975])
    return f"{values[0]:.3f} [{low:.3f}, {high:.3f}]"
