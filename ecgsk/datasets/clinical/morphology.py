"""Shape of one beat: nine Gaussian waves of the heart vector.

Each wave is a Gaussian in time whose height is a vector in the body (x to the
left, y to the feet, z to the back), as in the ECGSYN model of McSharry et al.
(2003), extended to three dimensions as by Sameni et al. (2007). Disease changes
heights, times and widths in the directions described in textbooks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ecgsk.datasets.clinical.patients import DISEASE_EFFECT, AnyState, State, relu, standard_age

N_WAVES = 9
# Two halves of the P wave, septal Q, main R, basal S, late R', T, U, and the ST segment.
P1, P2, Q, R, S, LATE, T, U, ST = range(N_WAVES)
WAVE_SPREAD = 0.06  # relative SD of each component of each wave; constant within a record


@dataclass(frozen=True)
class Waves:
    """Waves of n records, relative to the R peak, at an RR interval of one second."""

    height: np.ndarray  # (n, 9, 3), heart vector at the peak of each wave, mV
    centre: np.ndarray  # (n, 9), s after R; zero for T, U and ST, whose time depends on QT
    width: np.ndarray  # (n, 9), standard deviation in time, s
    qt: np.ndarray  # (n,), QT interval, s


def draw_waves(state: AnyState, rng: np.random.Generator) -> Waves:
    """Shape the waves of each record, with random variation of every component."""
    signs = ecg_signs(state)
    n = len(state["age"])
    height = np.zeros((n, N_WAVES, 3), np.float32)
    centre = np.zeros((n, N_WAVES), np.float32)
    width = np.empty((n, N_WAVES), np.float32)
    _shape_p_wave(height, centre, width, state, signs)
    _shape_qrs(height, centre, width, state, signs)
    _shape_t_and_u(height, width, state, signs)
    _shape_st(height, width, state, signs)
    height *= 1 + WAVE_SPREAD * rng.standard_normal(height.shape, dtype=np.float32)
    return Waves(height, centre, width, qt_interval(state, signs))


def ecg_signs(state: AnyState) -> State:
    """Scale disease severities to their effect on the ECG."""
    shown = {
        name: state[name]
        for name in (
            "lv_hypertrophy",
            "decompensation",
            "copd_exacerbation",
            "pulmonary_embolism",
            "infection",
            "hypothyroidism",
            "diabetes",
        )
    }
    shown["high_potassium"] = relu(state["potassium"] - 5.0)
    shown["very_high_potassium"] = relu(state["potassium"] - 5.8)
    shown["low_potassium"] = relu(3.7 - state["potassium"])
    shown["low_calcium"] = np.clip(9.3 - state["calcium"], -2, 3)  # shortens QT where negative
    shown["low_magnesium"] = relu(1.9 - state["magnesium"])
    shown["anaemia"] = relu(12 - state["haemoglobin"])
    shown["severe_anaemia"] = relu(11 - state["haemoglobin"])
    for age, infarct in (("old", "old_infarct"), ("acute", "acute_infarct")):
        for territory in ("anterior", "inferior", "lateral"):
            here = state[f"{infarct}_territory"] == territory
            shown[f"{age}_{territory}"] = state[infarct] * here
    return {name: np.float32(DISEASE_EFFECT) * value for name, value in shown.items()}


def qt_interval(s: AnyState, signs: AnyState) -> np.ndarray:
    """Compute the QT interval at an RR interval of one second, s."""
    return (
        0.405
        + 0.014 * s["shape_qtc"]
        + 0.010 * (1 - s["male"])
        + 0.022 * signs["low_calcium"]
        + 0.020 * signs["low_magnesium"]
        + 0.010 * signs["decompensation"]
        + 0.018 * signs["low_potassium"]
        + 0.012 * signs["hypothyroidism"]
        + 0.030 * s["lbbb"]
        + 0.006 * s["acute_infarct"]
        - 0.008 * signs["high_potassium"]
    )


def _vector(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.stack([x, y, z], axis=1)


def _shape_p_wave(
    height: np.ndarray, centre: np.ndarray, width: np.ndarray, s: AnyState, signs: AnyState
) -> None:
    """Shape the P wave from the right and the left atrium.

    It is absent in fibrillation and flat with high potassium. Lung disease raises the
    first half (P pulmonale), heart failure the second (P mitrale).
    """
    amplitude = (
        0.11
        * np.exp(0.25 * s["shape_p_amplitude"] - 0.35 * signs["high_potassium"])
        * (1 - s["in_af"])
    )
    height[:, P1] = _vector(
        0.45 * amplitude,
        (0.8 + 0.35 * signs["copd_exacerbation"]) * amplitude,
        -0.4 * amplitude,
    )
    height[:, P2] = _vector(
        0.6 * amplitude, 0.5 * amplitude, (0.5 + 0.35 * signs["decompensation"]) * amplitude
    )
    pr = (
        0.155
        + 0.018 * s["shape_pr_interval"]
        + 0.010 * standard_age(s)
        + 0.012 * signs["high_potassium"]
        + 0.006 * signs["hypothyroidism"]
    )
    p_width = 0.022 * np.exp(0.12 * s["shape_p_width"]) * (1 + 0.18 * signs["decompensation"])
    centre[:, P1] = 0.035 - pr
    centre[:, P2] = 0.035 - pr + 1.5 * p_width
    width[:, P1] = p_width
    width[:, P2] = 1.1 * p_width


def _shape_qrs(
    height: np.ndarray, centre: np.ndarray, width: np.ndarray, s: AnyState, signs: AnyState
) -> None:
    """Shape the QRS complex: septum, main mass, base and late activation.

    An old infarct removes the vector of its wall (Q waves); left bundle branch block
    widens the complex and turns its late part to the left and back, right bundle
    branch block to the right and front.
    """
    left_block, right_block, septum = s["lbbb"], s["rbbb"], s["shape_septum"]
    stretch = np.exp(0.10 * s["shape_qrs_width"]) * (
        1 + 0.22 * signs["very_high_potassium"] + 0.06 * signs["decompensation"] + 0.04 * s["male"]
    )
    stretch *= 1 + 0.55 * left_block + 0.35 * right_block
    voltage = np.exp(
        0.16 * s["shape_voltage"]
        - 0.07 * (s["bmi"] - 28) / 5.5
        - 0.08 * signs["copd_exacerbation"]
        - 0.06 * signs["hypothyroidism"]
        - 0.03 * signs["decompensation"]
    ) * (1 + 0.22 * signs["lv_hypertrophy"])
    height[:, Q] = _vector(
        -0.12 + 0.02 * septum - 0.25 * signs["old_lateral"],
        -0.08 - 0.38 * signs["old_inferior"] - 0.1 * signs["acute_inferior"],
        -0.28 + 0.35 * signs["old_anterior"] + 0.10 * signs["acute_anterior"],
    )
    height[:, R] = _vector(
        1.05
        - 0.15 * signs["old_lateral"]
        - 0.1 * signs["old_anterior"]
        + 0.15 * left_block
        + 0.12 * signs["lv_hypertrophy"],
        0.75 + 0.12 * septum - 0.30 * signs["old_inferior"] - 0.1 * left_block,
        0.15 + 0.35 * signs["old_anterior"] + 0.25 * left_block + 0.10 * signs["lv_hypertrophy"],
    )
    strain = 0.18 * (signs["copd_exacerbation"] + signs["pulmonary_embolism"])
    height[:, S] = _vector(-0.25 - strain, -0.15 - 0.05 * standard_age(s), 0.55 + 0.05 * septum)
    height[:, LATE] = _vector(
        0.55 * left_block - 0.30 * right_block,
        0.10 * left_block - 0.05 * right_block,
        0.45 * left_block - 0.55 * right_block,
    )
    height[:, Q : LATE + 1] *= voltage[:, None, None]
    for wave, when, breadth in (
        (Q, -0.024, 0.009),
        (R, 0.0, 0.0115),
        (S, 0.026, 0.011),
        (LATE, 0.055, 0.017),
    ):
        centre[:, wave] = when * stretch
        width[:, wave] = breadth * stretch


def _shape_t_and_u(height: np.ndarray, width: np.ndarray, s: AnyState, signs: AnyState) -> None:
    """Shape the T and U waves.

    High potassium peaks the T wave, low potassium flattens it and raises U;
    hypertrophy and bundle branch block turn T away from the main vector.
    """
    t = (
        0.30 * np.exp(0.22 * s["shape_t_amplitude"]) * (1 + 0.08 * s["male"])
        + 0.13 * signs["high_potassium"]
        - 0.17 * signs["low_potassium"]
        - 0.045 * signs["decompensation"]
        - 0.03 * signs["lv_hypertrophy"]
        - 0.02 * signs["diabetes"]
        - 0.02 * signs["anaemia"]
        - 0.02 * signs["infection"]
        - 0.05 * signs["hypothyroidism"]
    )
    u = 0.015 + 0.09 * signs["low_potassium"] + 0.02 * signs["low_magnesium"]
    height[:, T] = _vector(
        0.85 * t
        - 0.10 * signs["lv_hypertrophy"]
        - 0.35 * s["lbbb"]
        - 0.10 * signs["acute_lateral"]
        - 0.08 * signs["old_lateral"],
        0.55 * t
        - 0.06 * signs["pulmonary_embolism"]
        - 0.12 * signs["old_inferior"]
        - 0.05 * signs["acute_inferior"],
        -0.55 * t
        - 0.25 * s["lbbb"]
        + 0.09 * signs["old_anterior"]
        + 0.075 * s["rbbb"]
        + 0.10 * signs["pulmonary_embolism"],
    )
    height[:, U] = _vector(0.8 * u, 0.5 * u, -0.6 * u)
    peaking = np.minimum(signs["high_potassium"], 2.5)
    width[:, T] = (
        0.045
        * np.exp(0.10 * s["shape_t_width"])
        * (1 - 0.10 * peaking + 0.10 * signs["low_potassium"] + 0.02 * signs["decompensation"])
    )
    width[:, U] = 0.035


def _shape_st(height: np.ndarray, width: np.ndarray, s: AnyState, signs: AnyState) -> None:
    """Shape the ST segment: elevated by infarction, depressed by strain and low potassium."""
    st = (
        -0.05 * signs["low_potassium"]
        - 0.035 * signs["lv_hypertrophy"]
        - 0.03 * signs["decompensation"]
        - 0.02 * signs["severe_anaemia"]
    )
    height[:, ST] = _vector(
        st + 0.13 * signs["acute_lateral"] - 0.05 * signs["acute_inferior"],
        0.6 * st + 0.16 * signs["acute_inferior"] - 0.03 * signs["acute_anterior"],
        -0.4 * st
        - 0.20 * signs["acute_anterior"]
        - 0.02 * signs["acute_lateral"]
        + 0.06 * signs["acute_inferior"]
        + 0.05 * s["lbbb"],
    )
    width[:, ST] = 0.040
