"""Latent causes: patients, their chronic diseases and their acute illness.

A *state* maps the names in :data:`MEANING` to arrays with one value per record.
Severities are zero in health and about one in clear disease; liabilities are in
population standard deviations, and disease begins above a threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

State = dict[str, np.ndarray]
AnyState = Mapping[str, np.ndarray]

# Factor on the effect of disease on the ECG; set once and frozen.
DISEASE_EFFECT = 1.4

TERRITORIES = np.array(["anterior", "inferior", "lateral"])
MAX_VISITS = 8
LAST_VISIT_PROBABILITY = 0.55

INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
SHAPES = (
    "qrs_width",
    "voltage",
    "p_amplitude",
    "pr_interval",
    "p_width",
    "qtc",
    "t_amplitude",
    "t_width",
    "septum",
    "ectopy",
)

MEANING = {
    "age": "years",
    "male": "1 for men, 0 for women",
    "height": "cm",
    "bmi": "true body mass index, kg/m^2",
    "hypertension": "liability",
    "diabetes_liability": "liability; threshold 0.8",
    "diabetes": "0 to 1",
    "chronic_kidney_disease": "severity",
    "coronary_disease": "liability",
    "old_infarct": "size, 0 for none",
    "old_infarct_territory": "anterior, inferior or lateral; means nothing without an infarct",
    "lv_hypertrophy": "severity",
    "heart_failure": "chronic severity",
    "copd": "chronic severity",
    "af_liability": "liability",
    "thyroid_drive": "thyroid function over years, standard deviations",
    "lbbb": "1 for left bundle branch block",
    "rbbb": "1 for right bundle branch block",
    "anaemia_tendency": "chronic severity",
    "frailty": "standard deviations",
    "infection": "acute severity",
    "acute_infarct": "acute size, 0 for none",
    "acute_infarct_territory": "anterior, inferior or lateral; means nothing without an infarct",
    "decompensation": "acute severity of heart failure",
    "acute_kidney_injury": "acute severity",
    "renal_impairment": "chronic and acute together",
    "ketoacidosis": "acute severity",
    "acid_load": "metabolic acidosis",
    "bleeding": "acute severity",
    "gastrointestinal_loss": "acute severity",
    "diuretics": "dose",
    "haemoglobin": "true value, g/dL",
    "potassium": "true value, mmol/L",
    "magnesium": "true value, mg/dL",
    "calcium": "true value, mg/dL",
    "thyroid": "thyroid function today, standard deviations",
    "hyperthyroidism": "severity",
    "hypothyroidism": "severity",
    "pulmonary_embolism": "severity",
    "copd_exacerbation": "severity",
    "in_af": "1 while in atrial fibrillation",
    "acuity": "how ill the patient looks; what makes a doctor order tests",
    "heart_rate": "true mean rate, beats per minute",
    "heart_rotation_x": "position of the heart about the left axis, rad",
    "heart_rotation_y": "position of the heart about the foot axis, rad",
    "heart_rotation_z": "position of the heart in the frontal plane, rad; positive to the right",
    **{
        f"gain_{lead}": f"electrode and chest wall, factor on lead {lead}"
        for lead in INDEPENDENT_LEADS
    },
    **{f"shape_{shape}": f"personal {shape}, standard deviations" for shape in SHAPES},
}

_UNBOUNDED = (-np.inf, np.inf)
# Range of each bounded cause, in which an intervention keeps it.
LIMITS = {
    "age": (18, 97),
    "heart_rate": (38, 175),
    "potassium": (2.2, 8.5),
    "magnesium": (0.9, 3.5),
    "calcium": (6, 13),
    **dict.fromkeys(["male", "diabetes", "lbbb", "rbbb", "in_af"], (0, 1)),
    **dict.fromkeys(
        [
            "chronic_kidney_disease", "old_infarct", "lv_hypertrophy", "heart_failure", "copd",
            "infection", "acute_infarct", "decompensation", "acute_kidney_injury",
            "renal_impairment", "ketoacidosis", "bleeding", "gastrointestinal_loss", "diuretics",
            "hyperthyroidism", "hypothyroidism", "pulmonary_embolism", "copd_exacerbation",
        ],
        (0, np.inf),
    ),
}  # fmt: skip


class _IntervenedState(dict[str, np.ndarray]):
    """State in which each shifted cause moves as it is set, before anything depends on it."""

    def __init__(self, shifts: Mapping[str, float]) -> None:
        self._shifts = shifts

    def __setitem__(self, name: str, values: np.ndarray) -> None:
        if name in self._shifts:
            values = np.clip(values + self._shifts[name], *LIMITS.get(name, _UNBOUNDED))
        super().__setitem__(name, values)


def relu(x: np.ndarray) -> np.ndarray:
    """Return the part of x above zero."""
    return np.maximum(x, 0)


def logistic(x: np.ndarray) -> np.ndarray:
    """Return the probability of log-odds x."""
    return 1 / (1 + np.exp(-x))


def normal_noise(
    rng: np.random.Generator, n: int, factor: float = 1.0
) -> Callable[[float], np.ndarray]:
    """Return a function that draws n normal deviates of a given standard deviation."""

    def noise(scale: float) -> np.ndarray:
        return factor * scale * rng.standard_normal(n)

    return noise


def standard_age(state: AnyState) -> np.ndarray:
    """Return age in standard deviations (18 years) from the mean of 62 years."""
    return (state["age"] - 62) / 18


def draw_state(
    n_subjects: int, rng: np.random.Generator, interventions: Mapping[str, float] | None = None
) -> State:
    """Draw subjects and their visits, which are consecutive; return their latent causes.

    `interventions` adds a number to a cause of every record. The number of draws depends on
    the number of subjects alone, so only descendants of the cause change.
    """
    shifts = interventions or {}
    subjects = _draw_subjects(n_subjects, rng, shifts)
    visits = np.minimum(rng.geometric(LAST_VISIT_PROBABILITY, n_subjects), MAX_VISITS)
    subject_id = np.repeat(np.arange(n_subjects), visits)
    state = _IntervenedState(shifts)
    # `update` copies the causes of subjects, which have been shifted, without a second shift.
    state.update({name: values[subject_id] for name, values in subjects.items()})
    _draw_acute_events(state, rng)
    _draw_chemistry(state, rng)
    _draw_rhythm(state, rng)
    return {"subject_id": subject_id, **{name: state[name] for name in MEANING}}


def _draw_subjects(n: int, rng: np.random.Generator, shifts: Mapping[str, float]) -> State:
    """Draw the causes that are constant over the visits of a subject."""
    noise = normal_noise(rng, n)
    s = _IntervenedState(shifts)
    s["age"] = np.clip(62 + noise(18), 18, 97)
    age = standard_age(s)
    s["male"] = (rng.random(n) < 0.5).astype(float)
    s["height"] = 163 + 13 * s["male"] + noise(6.5)
    s["bmi"] = 27.5 * np.exp(noise(0.2))
    weight = (s["bmi"] - 28) / 5.5
    s["hypertension"] = 0.5 * age + 0.3 * weight + noise(0.8)
    s["diabetes_liability"] = 0.35 * age + 0.5 * weight + noise(0.8)
    s["diabetes"] = logistic(4 * (s["diabetes_liability"] - 0.8))
    s["chronic_kidney_disease"] = relu(
        0.45 * age + 0.5 * relu(s["hypertension"]) + 0.6 * s["diabetes"] + noise(0.75) - 0.7
    )
    s["coronary_disease"] = (
        0.5 * age + 0.35 * s["male"] + 0.5 * s["diabetes"] + 0.25 * s["hypertension"] + noise(0.8)
    )
    s["old_infarct"] = (s["coronary_disease"] > 1.45) * np.exp(noise(0.3))
    s["old_infarct_territory"] = TERRITORIES[rng.integers(0, 3, n)]
    s["lv_hypertrophy"] = relu(
        0.7 * s["hypertension"] + 0.35 * s["chronic_kidney_disease"] + noise(0.6) - 0.5
    )
    s["heart_failure"] = relu(
        0.35 * age
        + 0.8 * s["old_infarct"]
        + 0.5 * s["lv_hypertrophy"]
        + 0.25 * s["diabetes"]
        + noise(0.7)
        - 0.8
    )
    s["copd"] = relu(0.4 * age + noise(0.9) - 0.8)
    s["af_liability"] = (
        0.8 * age + 0.6 * s["heart_failure"] + 0.2 * s["lv_hypertrophy"] + noise(0.9)
    )
    s["thyroid_drive"] = noise(1.0)
    s["lbbb"] = (0.3 * age + 0.5 * s["heart_failure"] + noise(1.0) > 1.95).astype(float)
    right_block = 0.35 * age + 0.3 * s["copd"] + noise(1.0) > 1.7
    s["rbbb"] = (right_block & (s["lbbb"] == 0)).astype(float)
    s["anaemia_tendency"] = (
        0.3 * s["chronic_kidney_disease"] + 0.2 * age + 0.3 * (1 - s["male"]) + noise(0.6)
    )
    s["frailty"] = (
        0.3 * age + 0.3 * s["heart_failure"] + 0.3 * s["chronic_kidney_disease"] + noise(0.5)
    )
    # Anatomy: position of the heart, conduction of the chest, shape of the waves.
    for axis in "xyz":
        s[f"heart_rotation_{axis}"] = noise(0.28)
    for lead in INDEPENDENT_LEADS:
        s[f"gain_{lead}"] = np.exp(noise(0.18))
    for shape in SHAPES:
        s[f"shape_{shape}"] = noise(1.0)
    return s


def _draw_acute_events(s: State, rng: np.random.Generator) -> None:
    """Add acute illness: infection, infarction, heart and kidney failure."""
    n = len(s["age"])
    noise = normal_noise(rng, n)
    s["infection"] = relu(0.3 * s["frailty"] + noise(1.0) - 0.9)
    occluded = 0.5 * s["coronary_disease"] + noise(1.0) > 1.75
    s["acute_infarct"] = occluded * np.exp(noise(0.35))
    s["acute_infarct_territory"] = TERRITORIES[rng.integers(0, 3, n)]
    s["decompensation"] = relu(
        s["heart_failure"]
        + 0.4 * s["acute_infarct"]
        + 0.3 * s["infection"] * (s["heart_failure"] > 0.3)
        + noise(0.5)
        - 0.25
    )
    s["acute_kidney_injury"] = relu(
        0.5 * s["chronic_kidney_disease"]
        + 0.5 * s["infection"]
        + 0.4 * s["decompensation"]
        + noise(0.7)
        - 0.9
    )
    s["renal_impairment"] = s["chronic_kidney_disease"] + 0.8 * s["acute_kidney_injury"]
    s["ketoacidosis"] = relu(s["diabetes"] * (noise(1.0) - 0.8))
    s["acid_load"] = (
        0.5 * s["renal_impairment"] + 0.6 * s["infection"] + 1.2 * s["ketoacidosis"] + noise(0.35)
    )
    s["bleeding"] = relu(noise(1.0) - 1.2)
    s["gastrointestinal_loss"] = relu(noise(1.0) - 1.1)
    s["pulmonary_embolism"] = relu(0.2 * s["frailty"] + noise(1.0) - 1.7)
    s["copd_exacerbation"] = relu(
        s["copd"] + 0.3 * s["infection"] * (s["copd"] > 0) + noise(0.4) - 0.1
    )


def _draw_chemistry(s: State, rng: np.random.Generator) -> None:
    """Add true values of blood chemistry and hormones."""
    n = len(s["age"])
    noise = normal_noise(rng, n)
    s["diuretics"] = relu(0.5 * s["heart_failure"] + 0.3 * s["hypertension"] + noise(0.7) - 0.4)
    s["haemoglobin"] = (
        14.2
        + 0.7 * s["male"]
        - 1.3 * s["anaemia_tendency"]
        - 0.7 * s["chronic_kidney_disease"]
        - 0.3 * s["infection"]
        - 2.2 * s["bleeding"]
        + noise(0.6)
    )
    potassium = (
        4.15
        + 0.55 * s["renal_impairment"]
        + 0.3 * relu(s["acid_load"] - 0.3)
        + 0.15 * s["heart_failure"]
        - 0.3 * s["diuretics"]
        - 0.8 * s["gastrointestinal_loss"]
        + noise(0.33)
    )
    s["potassium"] = np.clip(potassium, 2.2, 8.5)
    magnesium = (
        2.0
        - 0.12 * s["diuretics"]
        - 0.15 * s["gastrointestinal_loss"]
        + 0.12 * s["renal_impairment"]
        + noise(0.18)
    )
    s["magnesium"] = np.clip(magnesium, 0.9, 3.5)
    calcium = (
        9.35
        - 0.25 * s["renal_impairment"]
        - 0.2 * s["infection"]
        + 0.4 * (s["magnesium"] - 2)
        + noise(0.42)
    )
    s["calcium"] = np.clip(calcium, 6, 13)
    s["thyroid"] = 0.9 * s["thyroid_drive"] + noise(0.45)
    s["hyperthyroidism"] = relu(s["thyroid"] - 1.1)
    s["hypothyroidism"] = relu(-s["thyroid"] - 1.1)


def _draw_rhythm(s: State, rng: np.random.Generator) -> None:
    """Add rhythm, heart rate and acuity of the visit."""
    n = len(s["age"])
    noise = normal_noise(rng, n)
    fibrillates = (
        s["af_liability"]
        + 0.5 * s["hyperthyroidism"]
        + 0.25 * s["infection"]
        + 0.2 * s["decompensation"]
        + noise(0.7)
        > 1.75
    )
    s["in_af"] = fibrillates.astype(float)
    s["acuity"] = (
        0.6 * s["infection"]
        + 0.6 * s["decompensation"]
        + 0.6 * (s["acute_infarct"] > 0)
        + 0.5 * s["acute_kidney_injury"]
        + 0.4 * s["ketoacidosis"]
        + 0.4 * s["bleeding"]
        + 0.3 * s["copd_exacerbation"]
        + 0.3 * s["pulmonary_embolism"]
        + noise(0.4)
    )
    heart_rate = (
        72
        + 9 * s["infection"]
        + 5 * s["decompensation"]
        + 10 * s["hyperthyroidism"]
        - 6 * s["hypothyroidism"]
        + 2.6 * relu(12.5 - s["haemoglobin"])
        + 3 * s["copd_exacerbation"]
        + 9 * s["pulmonary_embolism"]
        + 4 * s["acute_infarct"]
        + 14 * s["in_af"]
        + 5 * s["ketoacidosis"]
        - 3 * relu(s["potassium"] - 6)
        - 2 * s["diuretics"] * (1 - s["in_af"])
        + noise(8)
    )
    s["heart_rate"] = np.clip(heart_rate, 38, 175)
