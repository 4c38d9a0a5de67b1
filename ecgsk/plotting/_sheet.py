"""Layout of a sheet of ECG paper in millimetres: 25 mm/s and 10 mm/mV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgsk.exceptions import DurationError, ECGError, LeadMismatchError, SamplingRateError

MM_PER_SECOND = 25.0
MM_PER_MILLIVOLT = 10.0
FINE_GRID_MM, COARSE_GRID_MM = 1.0, 5.0
FINE_GRID_COLOUR, COARSE_GRID_COLOUR, TRACE_COLOUR = "#f9dcd8", "#eeaaa2", "#111"

# The usual order of twelve leads on paper, by column.
COLUMNS_OF_3X4 = (
    ("I", "II", "III"),
    ("aVR", "aVL", "aVF"),
    ("V1", "V2", "V3"),
    ("V4", "V5", "V6"),
)
RHYTHM_LEAD = "II"
MAX_SHEET_SECONDS = 10.0

# Millimetres from here on. The left margin holds the calibration pulse of 1 mV and 0.2 s.
LEFT, RIGHT, TOP, BOTTOM = 15.0, 5.0, 15.0, 10.0
PULSE_START, PULSE_WIDTH = 5.0, 5.0
MIN_ROW_HEIGHT, MAX_ROW_HEIGHT = 25.0, 50.0
CAPTION_ABOVE_EDGE = 2.5


@dataclass(frozen=True)
class Strip:
    """Time range of one lead and its row on the sheet."""

    lead: int
    label: str
    row: int
    first: float  # s after the start of the sheet
    last: float
    opens_column: bool = False

    def samples(self, sampling_rate: float) -> slice:
        """Return the samples of the strip and the first sample of the next strip."""
        # The shared sample joins the traces across a separator.
        return slice(round(self.first * sampling_rate), round(self.last * sampling_rate) + 1)


@dataclass(frozen=True)
class Sheet:
    """Size in mm, strips and baselines of a sheet of ECG paper."""

    signal: np.ndarray
    sampling_rate: float
    width: float
    height: float
    strips: list[Strip]
    baselines: np.ndarray  # mm above the lower edge, for each row

    def trace(self, strip: Strip) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of a strip's samples, mm from the lower left corner."""
        samples = strip.samples(self.sampling_rate)
        shown = self.signal[strip.lead, samples]
        time = (samples.start + np.arange(len(shown))) / self.sampling_rate
        return LEFT + MM_PER_SECOND * time, self.baselines[strip.row] + MM_PER_MILLIVOLT * shown

    def label(self, strip: Strip) -> str:
        """Return the name of a strip's lead, marked if it has no signal."""
        shown = self.signal[strip.lead, strip.samples(self.sampling_rate)]
        return strip.label if np.isfinite(shown).any() else f"{strip.label} (no signal)"

    def label_position(self, strip: Strip) -> tuple[float, float]:
        """Return x and y of the lower left corner of a strip's label in mm."""
        return LEFT + MM_PER_SECOND * strip.first + 1.5, self.baselines[strip.row] + 7.0

    def separator(self, strip: Strip) -> list[tuple[float, float, float]]:
        """Return x, lower end and upper end in mm of the two strokes before a column."""
        x, baseline = LEFT + MM_PER_SECOND * strip.first, self.baselines[strip.row]
        return [(x, baseline + low, baseline + low + 2.0) for low in (2.0, -4.0)]

    def calibration_pulse(self, baseline: float) -> list[tuple[float, float]]:
        """Return the corners of a row's calibration pulse in mm."""
        left, right = PULSE_START + 2.0, PULSE_START + 2.0 + PULSE_WIDTH
        top = baseline + MM_PER_MILLIVOLT
        return [
            (left - 2, baseline),
            (left, baseline),
            (left, top),
            (right, top),
            (right, baseline),
            (right + 2, baseline),
        ]

    @property
    def caption(self) -> str:
        """Text with the scales and the sampling rate."""
        scales = f"{MM_PER_SECOND:g} mm/s   {MM_PER_MILLIVOLT:g} mm/mV"
        return f"{scales}   {self.sampling_rate:g} Hz"


def lay_out(
    signal: Any,
    leads: Sequence[str],
    sampling_rate: float,
    *,
    name: str,
    layout: str = "auto",
    start: float = 0.0,
) -> Sheet:
    """Lay out one ECG as `plot_ecg` describes; `name` is the function that errors name."""
    signal = _check_signal(signal, leads, sampling_rate, name)
    signal = signal[:, round(start * sampling_rate) :]
    if signal.shape[1] == 0 or start < 0:
        raise DurationError(
            f"{name}: expected start within the record; got {start:g} s. "
            "Pass seconds from the start of the record, 0 or more."
        )
    seconds = min(signal.shape[1] / sampling_rate, MAX_SHEET_SECONDS)
    strips = _arrange(leads, seconds, layout, name)
    baselines, height = _stack_rows(signal, sampling_rate, strips)
    width = LEFT + MM_PER_SECOND * seconds + RIGHT
    return Sheet(signal, sampling_rate, width, height, strips, baselines)


def _check_signal(signal: Any, leads: Sequence[str], sampling_rate: float, name: str) -> np.ndarray:
    signal = np.asarray(signal, dtype=np.float64)
    if signal.ndim != 2 or len(signal) != len(leads):
        raise LeadMismatchError(
            f"{name}: expected one row of signal for each of {len(leads)} leads "
            f"({', '.join(leads)}); got an array of shape {signal.shape}. "
            "Pass one record, shape (n_leads, n_samples)."
        )
    if len(leads) == 0 or len({lead.upper() for lead in leads}) != len(leads):
        raise LeadMismatchError(
            f"{name}: expected distinct leads; got ({', '.join(leads)}). "
            "Name each row of signal once."
        )
    if not (np.isfinite(sampling_rate) and sampling_rate > 0):
        raise SamplingRateError(
            f"{name}: expected sampling_rate to be a positive number; got {sampling_rate!r}. "
            "Pass samples per second in Hz."
        )
    return signal


def _arrange(leads: Sequence[str], seconds: float, layout: str, name: str) -> list[Strip]:
    """Assign a time range and a row to each lead."""
    if layout not in ("auto", "3x4", "rows"):
        raise ECGError(f"{name}: expected layout 'auto', '3x4' or 'rows'; got {layout!r}.")
    position = {lead.upper(): index for index, lead in enumerate(leads)}
    wanted = [lead for column in COLUMNS_OF_3X4 for lead in column]
    missing = [lead for lead in wanted if lead.upper() not in position]
    if layout == "3x4" and missing:
        raise LeadMismatchError(
            f"{name}: expected the twelve standard leads for layout='3x4'; got "
            f"({', '.join(leads)}) without {', '.join(missing)}. Use layout='rows'."
        )
    if layout == "rows" or missing:
        return [Strip(index, lead, index, 0.0, seconds) for index, lead in enumerate(leads)]
    strips = [
        Strip(
            position[lead.upper()],
            lead,
            row,
            seconds * column / 4,
            seconds * (column + 1) / 4,
            opens_column=column > 0,
        )
        for column, names in enumerate(COLUMNS_OF_3X4)
        for row, lead in enumerate(names)
    ]
    return [*strips, Strip(position[RHYTHM_LEAD], RHYTHM_LEAD, 3, 0.0, seconds)]


def _stack_rows(
    signal: np.ndarray, sampling_rate: float, strips: list[Strip]
) -> tuple[np.ndarray, float]:
    """Return the baselines and the height of the sheet in mm, with room for tall waves."""
    n_rows = 1 + max(strip.row for strip in strips)
    above, below = np.full((2, n_rows), 0.5 * MIN_ROW_HEIGHT)
    for strip in strips:
        shown = signal[strip.lead, strip.samples(sampling_rate)]
        shown = MM_PER_MILLIVOLT * shown[np.isfinite(shown)]
        if shown.size:
            above[strip.row] = max(above[strip.row], shown.max())
            below[strip.row] = max(below[strip.row], -shown.min())
    above, below = (np.minimum(side, 0.5 * MAX_ROW_HEIGHT) for side in (above, below))
    gaps = _ceil_to_grid(below[:-1] + above[1:])
    lowest = _ceil_to_grid(BOTTOM + below[-1])
    baselines = lowest + np.concatenate([np.cumsum(gaps[::-1])[::-1], [0.0]])
    return baselines, float(_ceil_to_grid(baselines[0] + above[0] + TOP))


def _ceil_to_grid(mm: np.ndarray | float) -> np.ndarray:
    """Round up to a coarse grid line, so that baselines are easy to measure from."""
    return COARSE_GRID_MM * np.ceil(mm / COARSE_GRID_MM)
