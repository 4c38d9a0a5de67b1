"""Choose the windows of one case, and read the vital signs before each."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecgsk.exceptions import ECGError
from ecgsk.io.vital_file import Numbers, VitalRecording, read_vital_file
from ecgsk.signals.record_quality import describe_signals

#: Sampling rate of the ECG tracks in Hz, and length of a window in seconds.
RATE, DURATION_S = 500, 10
#: Track of each lead.
LEAD_TRACKS = {"II": "SNUADC/ECG_II", "V5": "SNUADC/ECG_V5"}
#: Tracks, the first with a value wins; lowest and highest plausible value.
VITALS: dict[str, tuple[Sequence[str], float, float]] = {
    "heart_rate": (["Solar8000/HR"], 10, 350),
    "systolic_bp": (["Solar8000/ART_SBP", "Solar8000/NIBP_SBP"], 20, 350),
    "diastolic_bp": (["Solar8000/ART_DBP", "Solar8000/NIBP_DBP"], 5, 250),
    "respiratory_rate": (["Solar8000/RR_CO2", "Solar8000/RR"], 1, 100),
    "temperature": (["Solar8000/BT"], 25, 45),
    "oxygen_saturation": (["Solar8000/PLETH_SPO2"], 20, 100),
}
_STEP_S = 1  # between the starts of candidates
_CANDIDATES_AT_ONCE = 16  # the first ones are mostly clean


class WindowRules(NamedTuple):
    """Which window follows a draw; times in seconds, amplitude in mV."""

    leads: tuple[str, ...]
    tolerance: float
    max_amplitude: float
    vitals_window: tuple[float, float]


class CaseWindows(NamedTuple):
    """Windows of one case, in order of time, and numbers of draws without one."""

    draws: np.ndarray  # seconds from the start of the case
    starts: np.ndarray  # first sample of each window
    signals: np.ndarray  # mV, of shape (n_windows, n_leads, n_samples)
    vitals: dict[str, np.ndarray]
    n_unclean: int
    n_overlapping: int
    problem: str = ""  # why the whole case is left out


def read_case(path: Path, draws: Sequence[float], rules: WindowRules, name: str) -> CaseWindows:
    """Read a file and choose a window for each draw; a file that cannot be read is a problem."""
    tracks = [LEAD_TRACKS[lead] for lead in rules.leads]
    numbers = [track for names, *_ in VITALS.values() for track in names]
    try:
        recording = read_vital_file(path, tracks, numbers, name=name)
        signals = _lead_signals(recording, rules.leads, path, name)
    except ECGError as error:
        nothing = np.empty((0, len(rules.leads), DURATION_S * RATE), np.float32)
        return CaseWindows(np.empty(0), np.empty(0, int), nothing, {}, 0, 0, str(error))
    found: list[tuple[float, int]] = []
    n_unclean = n_overlapping = 0
    for draw in sorted(draws):
        start = first_clean_window(signals, draw, rules)
        if start is None:
            n_unclean += 1
        elif found and start < found[-1][1] + DURATION_S * RATE:
            n_overlapping += 1
        else:
            found.append((draw, start))
    starts = np.array([start for _, start in found], dtype=np.int64)
    windows = [signals[:, start : start + DURATION_S * RATE] for start in starts]
    shape = (0, len(rules.leads), DURATION_S * RATE)
    return CaseWindows(
        np.array([draw for draw, _ in found], dtype=np.float64),
        starts,
        np.stack(windows) if windows else np.empty(shape, np.float32),
        _vital_signs(recording.numbers, starts / RATE, rules.vitals_window),
        n_unclean,
        n_overlapping,
    )


def first_clean_window(signals: np.ndarray, draw: float, rules: WindowRules) -> int | None:
    """Return the first sample of the first clean window that begins within the tolerance."""
    n_samples = DURATION_S * RATE
    first = int(np.ceil(max(draw, 0) * RATE))
    last = min(int((draw + rules.tolerance) * RATE), signals.shape[1] - n_samples)
    starts = np.arange(first, last + 1, _STEP_S * RATE)
    for begin in range(0, len(starts), _CANDIDATES_AT_ONCE):
        some = starts[begin : begin + _CANDIDATES_AT_ONCE]
        windows = np.stack([signals[:, start : start + n_samples] for start in some])
        quality = describe_signals(windows, rules.leads, RATE)
        clean = (quality["problem"] == "") & (quality["max_abs_mv"] <= rules.max_amplitude)
        if clean.any():
            return int(some[clean.to_numpy().argmax()])
    return None


def _lead_signals(
    recording: VitalRecording, leads: Sequence[str], path: Path, name: str
) -> np.ndarray:
    """Return the leads as one array, as long as the shortest."""
    waves = []
    for lead in leads:
        wave = recording.waves.get(LEAD_TRACKS[lead])
        if wave is None:
            raise ECGError(f"{name}: {path} has no track {LEAD_TRACKS[lead]}, lead {lead}.")
        if wave.sampling_rate != RATE:
            raise ECGError(
                f"{name}: {path}: expected {RATE} Hz in the track {LEAD_TRACKS[lead]}, got "
                f"{wave.sampling_rate:g} Hz."
            )
        waves.append(wave.samples)
    n_samples = min(len(samples) for samples in waves)
    return np.stack([samples[:n_samples] for samples in waves])


def _vital_signs(
    numbers: dict[str, Numbers], starts: np.ndarray, window: tuple[float, float]
) -> dict[str, np.ndarray]:
    """Return the latest plausible value of each vital sign in a window that ends by the start."""
    signs = {}
    for name, (tracks, low, high) in VITALS.items():
        values = np.full(len(starts), np.nan)
        for track in tracks:
            if track not in numbers:
                continue
            seconds, known = numbers[track]
            plausible = (known >= low) & (known <= high)
            seconds, known = seconds[plausible], known[plausible]
            place = np.searchsorted(seconds, starts + window[1], side="right") - 1
            there = place >= 0
            there[there] = seconds[place[there]] >= starts[there] + window[0]
            there &= np.isnan(values)
            values[there] = known[place[there]]
        signs[name] = values
    return signs
