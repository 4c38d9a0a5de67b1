"""Clinical table: measurements of the latent state, with missing values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ecgsk.datasets.clinical.patients import (
    AnyState,
    State,
    logistic,
    normal_noise,
    relu,
    standard_age,
)

Error = Callable[[float], np.ndarray]

# Factor on every SD of measurement; set once and frozen.
MEASUREMENT_NOISE = 1.4

# Laboratory: low, high (NaN: no bound), unit, share missing in a patient who is not ill.
LABORATORY = pd.DataFrame.from_dict(
    {
        "potassium": (3.5, 5.1, "mmol/L", 0.22),
        "sodium": (135, 145, "mmol/L", 0.22),
        "calcium": (8.5, 10.3, "mg/dL", 0.5),
        "magnesium": (1.7, 2.4, "mg/dL", 0.5),
        "bicarbonate": (22, 29, "mmol/L", 0.25),
        "ph": (7.33, 7.45, "", 0.75),
        "lactate": (np.nan, 2.2, "mmol/L", 0.72),
        "creatinine": (np.nan, 1.25, "mg/dL", 0.22),
        "urea_nitrogen": (np.nan, 22, "mg/dL", 0.24),
        "glucose": (np.nan, 140, "mg/dL", 0.24),
        "haemoglobin": (11.5, np.nan, "g/dL", 0.2),
        "white_cells": (4, 11, "10^9/L", 0.21),
        "platelets": (150, np.nan, "10^9/L", 0.22),
        "crp": (np.nan, 10, "mg/L", 0.82),
        "troponin": (np.nan, 0.04, "ng/mL", 0.55),
        "nt_probnp": (np.nan, 450, "pg/mL", 0.75),
        "tsh": (0.4, 4.5, "mIU/L", 0.85),
        "albumin": (3.5, np.nan, "g/dL", 0.62),
        "hba1c": (np.nan, 6.5, "%", 0.88),
        "d_dimer": (np.nan, 500, "ng/mL", 0.86),
    },
    orient="index",
    columns=["low", "high", "unit", "missing"],
)
REFERENCE_RANGES = LABORATORY[["low", "high", "unit"]]

# Share missing of each value that needs no blood sample.
MISSING_ELSEWHERE = {
    "age": 0.0,
    "male": 0.0,
    "bmi": 0.25,
    "height": 0.3,
    "weight": 0.25,
    "heart_rate": 0.06,
    "systolic_bp": 0.06,
    "diastolic_bp": 0.06,
    "respiratory_rate": 0.06,
    "temperature": 0.06,
    "oxygen_saturation": 0.06,
}
COLUMNS = (*MISSING_ELSEWHERE, *LABORATORY.index)
PANEL_NOISE = 1.2  # SD, over visits, of the log-odds that no blood is drawn


def draw_table(state: AnyState, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the observed table of shape (n_records, 31); NaN where nothing was measured."""
    n = len(state["age"])
    panel = PANEL_NOISE * rng.standard_normal(n)
    values = pd.DataFrame(measure(state, rng))[list(COLUMNS)]
    missing = rng.random(values.shape) < missing_probability(state, panel)
    return values.mask(missing)


def missing_probability(state: AnyState, panel: float | np.ndarray = 0.0) -> pd.DataFrame:
    """Compute the probability that a value is missing; it falls with acuity.

    `panel` is the log-odds, shared by all laboratory values, that no blood was drawn.
    """
    n = len(state["age"])
    probability = {name: np.full(n, share) for name, share in MISSING_ELSEWHERE.items()}
    indication = _indication(state)
    for name, share in LABORATORY["missing"].items():
        log_odds = 1.1 * np.log(share / (1 - share)) + 0.35 - 0.6 * state["acuity"]
        probability[str(name)] = logistic(log_odds - indication.get(str(name), 0.0) + panel)
    return pd.DataFrame(probability)


def _indication(s: AnyState) -> State:
    """Compute the log-odds that a disease adds to the order of its own test."""
    return {
        "ph": 0.5 * s["copd_exacerbation"] + 0.5 * relu(s["acid_load"]),
        "lactate": 0.9 * s["infection"],
        "crp": 0.5 * s["infection"],
        "troponin": 0.6 * (s["acute_infarct"] > 0) + 0.3 * s["decompensation"],
        "nt_probnp": 0.9 * s["decompensation"],
        "tsh": 0.4 * s["in_af"] + 0.4 * np.abs(s["thyroid"]),
        "hba1c": 1.0 * s["diabetes"],
        "d_dimer": 0.9 * s["pulmonary_embolism"],
        "magnesium": 0.3 * s["in_af"],
    }


def measure(state: AnyState, rng: np.random.Generator) -> State:
    """Measure every column once, with measurement errors, in the units of the table."""
    error = normal_noise(rng, len(state["age"]), MEASUREMENT_NOISE)
    return {
        **_biometrics(state, error),
        **_vital_signs(state, error),
        **_electrolytes_and_gases(state, error),
        **_organs_and_blood(state, error),
    }


def _biometrics(s: AnyState, error: Error) -> State:
    bmi = s["bmi"] * np.exp(error(0.03))
    return {
        "age": s["age"],
        "male": s["male"],
        "bmi": bmi,
        "height": s["height"],
        "weight": bmi * (s["height"] / 100) ** 2,
    }


def _vital_signs(s: AnyState, error: Error) -> State:
    """Measure vital signs, per minute, mmHg, degrees Celsius and %."""
    systolic = (
        128
        + 9 * s["hypertension"]
        - 9 * s["infection"]
        - 5 * s["acute_infarct"]
        - 4 * s["bleeding"]
        - 3 * s["decompensation"]
        + error(13)
    )
    saturation = (
        97.3
        - 1.2 * s["copd_exacerbation"]
        - 0.9 * s["decompensation"]
        - 0.8 * s["infection"]
        - 1.0 * s["pulmonary_embolism"]
        + error(1.5)
    )
    return {
        "heart_rate": s["heart_rate"] + error(6),
        "systolic_bp": systolic,
        "diastolic_bp": 0.45 * systolic + 18 + error(8),
        "respiratory_rate": 16
        + 1.6 * s["infection"]
        + 1.6 * s["copd_exacerbation"]
        + 1.8 * s["decompensation"]
        + 1.5 * relu(s["acid_load"])
        + 1.5 * s["pulmonary_embolism"]
        + error(2.2),
        "temperature": 36.7 + 0.45 * s["infection"] + error(0.4),
        "oxygen_saturation": np.clip(saturation, 70, 100),
    }


def _electrolytes_and_gases(s: AnyState, error: Error) -> State:
    return {
        "potassium": s["potassium"] + error(0.15),
        "sodium": 139.5
        - 1.3 * s["decompensation"]
        - 0.8 * s["diuretics"]
        - 0.6 * s["infection"]
        - 1.0 * s["ketoacidosis"]
        + error(2.8),
        "calcium": s["calcium"] + error(0.2),
        "magnesium": s["magnesium"] + error(0.08),
        "bicarbonate": 25.5 - 2 * s["acid_load"] + 1.5 * s["copd"] + error(1.8),
        "ph": 7.40 - 0.035 * s["acid_load"] - 0.012 * s["copd_exacerbation"] + error(0.03),
        "lactate": np.exp(
            0.25
            + 0.35 * s["infection"]
            + 0.25 * s["bleeding"]
            + 0.15 * s["acute_infarct"]
            + 0.2 * s["ketoacidosis"]
            + error(0.35)
        ),
    }


def _organs_and_blood(s: AnyState, error: Error) -> State:
    """Measure kidney, glucose, blood count, heart, thyroid, liver and clotting values."""
    kidney = s["chronic_kidney_disease"], s["acute_kidney_injury"]
    return {
        "creatinine": np.exp(
            -0.15 + 0.12 * s["male"] + 0.38 * kidney[0] + 0.42 * kidney[1] + error(0.15)
        ),
        "urea_nitrogen": np.exp(
            2.7
            + 0.36 * kidney[0]
            + 0.35 * kidney[1]
            + 0.15 * s["decompensation"]
            + 0.15 * s["bleeding"]
            + error(0.2)
        ),
        "glucose": np.exp(
            4.62
            + 0.42 * s["diabetes"]
            + 0.45 * s["ketoacidosis"]
            + 0.07 * s["infection"]
            + error(0.18)
        ),
        "haemoglobin": s["haemoglobin"] + error(0.35),
        "white_cells": np.exp(2.0 + 0.3 * s["infection"] + 0.08 * s["acute_infarct"] + error(0.28)),
        "platelets": np.exp(5.4 - 0.08 * s["infection"] + error(0.3)),
        "crp": np.exp(1.2 + 0.95 * s["infection"] + 0.2 * s["acute_infarct"] + error(0.9)),
        "troponin": np.exp(
            -4.6
            + 1.9 * s["acute_infarct"]
            + 0.45 * s["decompensation"]
            + 0.4 * s["renal_impairment"]
            + 0.25 * s["infection"]
            + error(0.7)
        ),
        "nt_probnp": np.exp(
            4.7
            + 0.5 * standard_age(s)
            + 0.95 * s["decompensation"]
            + 0.4 * s["renal_impairment"]
            + 0.5 * s["in_af"]
            + error(0.6)
        ),
        "tsh": np.exp(0.6 - 1.3 * s["thyroid"] + error(0.35)),
        "albumin": 4.1
        - 0.2 * s["infection"]
        - 0.15 * s["frailty"]
        - 0.15 * s["chronic_kidney_disease"]
        + error(0.3),
        "hba1c": 5.5 + 1.9 * s["diabetes"] + error(0.5),
        "d_dimer": np.exp(
            5.7
            + 0.3 * standard_age(s)
            + 0.35 * s["infection"]
            + 1.0 * s["pulmonary_embolism"]
            + error(0.7)
        ),
    }
