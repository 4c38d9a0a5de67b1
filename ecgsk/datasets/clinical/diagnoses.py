"""Simulated coding of eighteen diagnoses from the latent state, not from the table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ecgsk.datasets.clinical.patients import AnyState, logistic

# Slope of coding over severity; set once and frozen.
CODING_SHARPNESS = 1.08
# Probabilities lie in (0.003, 0.923): clear disease may be uncoded, and health coded.
MIN_PROBABILITY, PROBABILITY_RANGE = 0.003, 0.92
CODING_HABIT = 0.5  # standard deviation of a coder's habit, on the logit scale


def severities(s: AnyState) -> dict[str, tuple[np.ndarray, float]]:
    """Return severity and threshold; at severity 1.55 / 1.9 * threshold about half are coded."""
    return {
        "atrial fibrillation": (3.4 * s["in_af"] + 0.7 * s["af_liability"], 3.0),
        "acute myocardial infarction": (2.4 * s["acute_infarct"], 2.5),
        "old myocardial infarction": (
            2.0 * (s["old_infarct"] > 0) + 0.5 * s["coronary_disease"],
            3.1,
        ),
        "left ventricular hypertrophy": (
            1.5 * s["lv_hypertrophy"] + 0.25 * s["hypertension"],
            3.0,
        ),
        "left bundle branch block": (4.2 * s["lbbb"], 4.3),
        "right bundle branch block": (3.8 * s["rbbb"], 4.2),
        "heart failure": (s["decompensation"] + 0.9 * s["heart_failure"], 2.9),
        "hyperkalaemia": (2.1 * (s["potassium"] - 5.1), 2.0),
        "hypokalaemia": (2.8 * (3.65 - s["potassium"]), 1.5),
        "hypocalcaemia": (2.4 * (8.8 - s["calcium"]), 1.7),
        "chronic kidney disease": (1.9 * s["chronic_kidney_disease"], 2.8),
        "acute kidney injury": (2.0 * s["acute_kidney_injury"], 2.2),
        "anaemia": (0.8 * (12.2 - s["haemoglobin"]), 1.4),
        "sepsis": (2.0 * s["infection"], 2.2),
        "diabetes": (3.0 * s["diabetes"] + 0.4 * s["diabetes_liability"], 2.5),
        "COPD": (1.8 * s["copd_exacerbation"], 2.4),
        "hyperthyroidism": (3.0 * s["hyperthyroidism"], 2.7),
        "acidosis": (1.5 * (s["acid_load"] - 0.9), 1.8),
    }


def diagnosis_probability(state: AnyState, habit: float | np.ndarray = 0.0) -> pd.DataFrame:
    """Compute the probability that each diagnosis is coded, strictly between 0 and 1.

    `habit` is each coder's tendency to write each code, in standard deviations.
    """
    found = severities(state)
    log_odds = np.column_stack(
        [1.9 * severity - 1.55 * threshold for severity, threshold in found.values()]
    )
    log_odds = CODING_SHARPNESS * log_odds + CODING_HABIT * np.asarray(habit)
    return pd.DataFrame(
        MIN_PROBABILITY + PROBABILITY_RANGE * logistic(log_odds), columns=list(found)
    )


def draw_diagnoses(state: AnyState, rng: np.random.Generator) -> pd.DataFrame:
    """Draw coded diagnoses, 0.0 or 1.0, of shape (n_records, 18)."""
    n_diagnoses = len(severities({name: values[:0] for name, values in state.items()}))
    shape = (len(state["age"]), n_diagnoses)
    probability = diagnosis_probability(state, rng.standard_normal(shape))
    coded = rng.random(shape) < probability.to_numpy()
    return pd.DataFrame(coded.astype(float), columns=probability.columns)
