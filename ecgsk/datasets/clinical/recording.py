"""Twelve-lead recording: heart vector of all beats, projection to leads, and noise."""

from __future__ import annotations

import numpy as np

from ecgsk.datasets.clinical.morphology import (
    LATE,
    P2,
    ST,
    Q,
    R,
    T,
    U,
    Waves,
    draw_waves,
    ecg_signs,
)
from ecgsk.datasets.clinical.patients import INDEPENDENT_LEADS, AnyState, standard_age
from ecgsk.datasets.clinical.rhythm import Beats, draw_beats

DURATION = 10.0  # s
GAIN = 1000  # digital units per millivolt
CHUNK = 256  # records computed at a time; bounds the memory of intermediate arrays

# Leads I, II, V1 ... V6 (rows) of a heart vector x, y, z (columns): the matrix of
# Dower et al. (1980), whose pseudo-inverse is the inverse Dower transform.
DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ],
    np.float32,
)

# A beat is computed from BEFORE its R peak until AFTER it, s.
BEFORE, AFTER = 0.30, 0.62
# Beats with an R peak up to this far outside the record extend into it, s.
EARLIEST, LATEST = 0.60, 0.35

# Factors of a premature beat on the R wave's y, x and z; direction of f waves.
PREMATURE_R = np.array([-1.2, 1.5, 1.8], np.float32)
FIBRILLATION_VECTOR = np.array([0.4, 0.7, -1.0], np.float32)

# White muscle noise, mV at the reference rate (Hz); other rates have the same power density.
MUSCLE_NOISE, REFERENCE_RATE = 0.022, 100.0
WANDER = 0.07  # mV
MAINS, MAINS_HZ = 0.012, 60.0  # mV; aliased to 40 Hz at 100 Hz


def record(state: AnyState, sampling_rate: float, rng: np.random.Generator) -> np.ndarray:
    """Simulate one recording of every state: int16 (n_records, 12, n_samples), 1 / GAIN mV.

    The number of draws depends on the number of records alone, so that two states
    recorded with the same seed share their noise.
    """
    n = len(state["age"])
    n_samples = round(DURATION * sampling_rate)
    single = {
        name: values if values.dtype.kind in "OUT" else values.astype(np.float32)
        for name, values in state.items()
    }
    signal = np.empty((n, 12, n_samples), np.int16)
    for first in range(0, n, CHUNK):
        rows = slice(first, first + CHUNK)
        chunk = {name: values[rows] for name, values in single.items()}
        signal[rows] = _digitise(_record_chunk(chunk, sampling_rate, n_samples, rng))
    return signal


def _record_chunk(
    state: AnyState, sampling_rate: float, n_samples: int, rng: np.random.Generator
) -> np.ndarray:
    """Simulate eight independent leads, mV, of shape (n, 8, n_samples)."""
    leads = lead_vectors(state, rng)
    beats = draw_beats(state, DURATION, rng)
    heart_vector = _sum_beats(beats, draw_waves(state, rng), sampling_rate, n_samples)
    time = np.arange(n_samples, dtype=np.float32) / np.float32(sampling_rate)
    _add_fibrillation(heart_vector, state["in_af"], time, rng)
    signal = np.matmul(leads, heart_vector)
    _add_noise(signal, time, sampling_rate, rng)
    return signal


def lead_vectors(s: AnyState, rng: np.random.Generator) -> np.ndarray:
    """Compute direction and gain of each lead for each heart, shape (n, 8, 3).

    The position of the heart is constant per patient, that of the electrodes varies.
    Age, weight and left ventricular hypertrophy turn the axis left, right ventricular
    strain turns it right.
    """
    n = len(s["age"])
    signs = ecg_signs(s)
    angle = np.stack([s[f"heart_rotation_{axis}"] for axis in "xyz"], axis=1)
    angle = angle + 0.08 * rng.standard_normal((n, 3), dtype=np.float32)
    angle[:, 2] += (
        -0.12 * standard_age(s)
        - 0.10 * (s["bmi"] - 28) / 5.5
        - 0.10 * signs["lv_hypertrophy"]
        + 0.18 * signs["copd_exacerbation"]
        + 0.20 * signs["pulmonary_embolism"]
    )
    gain = np.stack([s[f"gain_{lead}"] for lead in INDEPENDENT_LEADS], axis=1)
    gain = gain * np.exp(0.05 * rng.standard_normal((n, 8), dtype=np.float32))
    return gain[:, :, None] * (DOWER @ _rotation(angle))


def _rotation(angle: np.ndarray) -> np.ndarray:
    """Return rotation matrices (n, 3, 3) about x, then y, then z for angles (n, 3)."""
    turn = np.broadcast_to(np.eye(3, dtype=np.float32), (len(angle), 3, 3))
    for axis, (i, j) in enumerate(((1, 2), (2, 0), (0, 1))):
        about = np.zeros((len(angle), 3, 3), np.float32)
        about[:, axis, axis] = 1
        about[:, i, i] = about[:, j, j] = np.cos(angle[:, axis])
        about[:, j, i] = np.sin(angle[:, axis])
        about[:, i, j] = -about[:, j, i]
        turn = about @ turn
    return turn


def _sum_beats(beats: Beats, waves: Waves, sampling_rate: float, n_samples: int) -> np.ndarray:
    """Sum all beats of each record into its heart vector, mV, shape (n, 3, n_samples)."""
    n, n_beats = beats.peak.shape
    before = round(BEFORE * sampling_rate)
    length = before + round(AFTER * sampling_rate)
    margin = before + int(np.ceil(EARLIEST * sampling_rate)) + 1
    end = int(np.ceil(LATEST * sampling_rate)) + length
    padded = np.zeros((n, 3, margin + n_samples + end), np.float32)
    offsets = (np.arange(length, dtype=np.float32) - before) / np.float32(sampling_rate)
    for beat in range(n_beats):
        peak = beats.peak[:, beat]
        rows = np.flatnonzero((peak > -EARLIEST) & (peak < DURATION + LATEST))
        if len(rows) == 0:
            continue
        sample = np.floor(peak[rows] * sampling_rate).astype(int)
        fraction = peak[rows] - sample / sampling_rate
        time = (offsets - fraction[:, None]).astype(np.float32)
        shape = _beat_vector(time, rows, beats.rr[rows, beat], beats.premature[rows, beat], waves)
        columns = (sample - before + margin)[:, None] + np.arange(length)
        padded[rows[:, None, None], np.arange(3)[None, :, None], columns[:, None, :]] += shape
    return padded[:, :, margin : margin + n_samples]


def _beat_vector(
    time: np.ndarray, rows: np.ndarray, rr: np.ndarray, premature: np.ndarray, waves: Waves
) -> np.ndarray:
    """Compute the heart vector of one beat of each record, shape (n, 3, n_times).

    QT depends on the interval before the beat. A premature ventricular beat has no P
    wave, a wide QRS complex of another direction and an opposite T wave.
    """
    height, width, centre = waves.height[rows], waves.width[rows], waves.centre[rows]
    rr = np.clip(rr, 0.45, 1.4).astype(np.float32)
    t_peak = waves.qt[rows] * rr ** np.float32(0.36) - 0.075
    centre[:, T] = t_peak
    centre[:, U] = t_peak + 0.15
    centre[:, ST] = 0.5 * t_peak + 0.02
    width[:, T : ST + 1] *= 0.5 + 0.5 * np.sqrt(rr)[:, None]
    if premature.any():
        height[premature, : P2 + 1] = 0
        turned = height[premature, R][:, [1, 0, 2]]
        height[premature, R] = turned * PREMATURE_R
        height[premature, T] *= np.float32(-1.3)
        width[premature, Q : LATE + 1] *= np.float32(1.9)
    distance = (time[:, None, :] - centre[:, :, None]) / width[:, :, None]
    return np.matmul(height.transpose(0, 2, 1), np.exp(np.float32(-0.5) * distance**2))


def _add_fibrillation(
    heart_vector: np.ndarray, in_af: np.ndarray, time: np.ndarray, rng: np.random.Generator
) -> None:
    """Add fibrillatory waves of 4 to 8 Hz, largest in V1."""
    n = len(in_af)
    frequency = 5.5 + 0.9 * rng.standard_normal((n, 1), dtype=np.float32)
    amplitude = 0.05 * np.exp(0.35 * rng.standard_normal((n, 1), dtype=np.float32))
    phase = 2 * np.pi * rng.random((n, 1), dtype=np.float32)
    rows = np.flatnonzero(in_af > 0)
    angle = 2 * np.pi * frequency[rows] * time + phase[rows] + 1.2 * np.sin(2 * np.pi * 0.4 * time)
    waves = amplitude[rows] * (np.sin(angle) + 0.4 * np.sin(2 * angle + 0.7))
    heart_vector[rows] += waves[:, None, :] * FIBRILLATION_VECTOR[:, None]


def _add_noise(
    signal: np.ndarray, time: np.ndarray, sampling_rate: float, rng: np.random.Generator
) -> None:
    """Add muscle noise, baseline wander and mains interference to the eight leads."""
    n = len(signal)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal((n, *shape), dtype=np.float32)

    muscle = MUSCLE_NOISE * np.exp(0.55 * normal(1, 1) + 0.25 * normal(8, 1))
    muscle *= np.sqrt(sampling_rate / REFERENCE_RATE)
    signal += muscle.astype(np.float32) * normal(8, len(time))

    breathing = 0.15 + 0.2 * rng.random((n, 1), dtype=np.float32)  # Hz
    phase = 2 * np.pi * rng.random((2, n, 1), dtype=np.float32)
    courses = np.stack(
        [
            np.sin(2 * np.pi * breathing * time + phase[0]),
            np.cos(np.pi * breathing * time + phase[1]),
            np.broadcast_to(-np.sin(2 * np.pi * MAINS_HZ * time), (n, len(time))),
        ],
        axis=1,
    )
    wander = WANDER * normal(8, 2) * np.exp(0.5 * normal(1, 1))
    mains = MAINS * np.abs(normal(8, 1))
    signal += np.matmul(np.concatenate([wander, mains], axis=2), courses)


def _digitise(independent: np.ndarray) -> np.ndarray:
    """Convert eight leads in mV to twelve in units of 1 / GAIN mV.

    I and II are rounded to even numbers, so that the leads derived from them are
    integers and Einthoven's law (I + III = II) and Goldberger's hold exactly.
    """
    one, two = (2 * np.rint(independent[:, lead] * (GAIN / 2)) for lead in (0, 1))
    limb = np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2], axis=1)
    counts = np.concatenate([limb, np.rint(independent[:, 2:] * GAIN)], axis=1)
    largest = np.iinfo(np.int16).max
    return np.clip(counts, -largest, largest).astype(np.int16)
