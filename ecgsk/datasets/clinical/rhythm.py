"""Beat times: RR intervals, premature beats, atrial fibrillation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ecgsk.datasets.clinical.patients import DISEASE_EFFECT, AnyState, logistic, relu, standard_age

MIN_RR, MAX_RR = 0.3, 2.2  # s
MIN_MEAN_RR = 0.33  # s; 60 s / 175 is the shortest mean interval, and beats must fill a record
SINUS_VARIABILITY = 0.035  # relative SD of the RR interval
AF_VARIABILITY = 0.20  # SD of the log RR interval; independent between beats
BREATHING_RATE = 0.25  # Hz


@dataclass(frozen=True)
class Beats:
    """Beats of n records, padded to the same number; arrays of shape (n, n_beats)."""

    peak: np.ndarray  # R peak, s from the start of the record; some lie outside it
    rr: np.ndarray  # interval before the beat, s
    premature: np.ndarray  # bool, premature ventricular beats


def draw_beats(state: AnyState, duration: float, rng: np.random.Generator) -> Beats:
    """Draw the times of all beats of each record.

    Sinus rhythm varies with breathing (respiratory sinus arrhythmia), less so with
    age, diabetes, infection and heart failure. A premature ventricular beat is early
    and followed by a pause.
    """
    n = len(state["heart_rate"])
    n_beats = int(np.ceil(duration / MIN_MEAN_RR)) + 3
    mean_rr = (60 / state["heart_rate"])[:, None]

    variability = SINUS_VARIABILITY * np.exp(
        0.35 * _normal(rng, n)
        - 0.25 * standard_age(state)
        - DISEASE_EFFECT
        * (0.25 * state["diabetes"] + 0.3 * state["infection"] + 0.15 * state["decompensation"])
    )
    phase = 2 * np.pi * rng.random((n, 1), dtype=np.float32)
    breathing = BREATHING_RATE + 0.05 * _normal(rng, n, 1)
    elapsed = mean_rr * np.arange(n_beats, dtype=np.float32)
    modulation = np.sin(2 * np.pi * breathing * elapsed + phase) + 0.6 * _normal(rng, n, n_beats)
    sinus = mean_rr * (1 + variability[:, None] * modulation)
    fibrillating = mean_rr * np.exp(AF_VARIABILITY * _normal(rng, n, n_beats) - 0.02)
    rr = np.where(state["in_af"][:, None] > 0, fibrillating, sinus)

    chance = premature_probability(state)[:, None]
    premature = rng.random((n, n_beats), dtype=np.float32) < chance
    pause = 0.35 * rr * np.roll(premature, 1, axis=1)
    rr = np.clip(np.where(premature, 0.62 * rr, rr) + pause, MIN_RR, MAX_RR)
    start = mean_rr * (0.2 + rng.random((n, 1), dtype=np.float32))
    return Beats(peak=np.cumsum(rr, axis=1) - start, rr=rr, premature=premature)


def premature_probability(state: AnyState) -> np.ndarray:
    """Compute the probability of a premature ventricular beat."""
    irritation = (
        0.9 * relu(3.7 - state["potassium"])
        + 0.8 * relu(1.9 - state["magnesium"])
        + 0.45 * state["decompensation"]
        + 0.4 * state["acute_infarct"]
    )
    return logistic(-4.6 + DISEASE_EFFECT * irritation + 0.5 * state["shape_ectopy"])


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)
