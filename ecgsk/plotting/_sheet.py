"""Where everything stands on a sheet of ECG paper, in mm: 25 to the second, 10 to the millivolt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgsk.exceptions import DurationError, ECGError, LeadMismatchError, SamplingRateError

MM_PER_SECOND = 25.0
MM_PER_MILLIVOLT = 10.0

# The order in which cardiologists read twelve leads, column by column.
COLUMNS_OF_3X4 = (
    ("I", "II", "III"),
    ("aVR", "aVL", "aVF"),
    ("V1", "V2", "V3"),
    ("V4", "V5", "V6"),
)
RHYTHM_LEAD = "II"
LONGEST_STRIP = 10.0  # s on one sheet

# Margins of the sheet, mm. The left one holds the calibration pulse.
LEFT, RIGHT, TOP, BOTTOM = 15.0, 5.0, 15.0, 10.0
PULSE_START, PULSE_WIDTH = 5.0, 5.0  # mm: 0.2 s wide, 1 mV high
LOWEST_ROW, HIGHEST_ROW = 25.0, 50.0  # mm between baselines


@dataclass(frozen=True)
class Strip:
    """A stretch of one lead: where on the paper it goes, and which samples it shows."""

    lead: int
    label: str
    row: int
    first: float  # s after the start of the sheet
    last: float
    opens_column: bool = False

    def samples(self, sampling_rate: float) -> slice:
        """Return which samples it shows, one of the next strip's included."""
        # The end is shared, so that the trace joins across a separator.
        return slice(round(self.first * sampling_rate), round(self.last * sampling_rate) + 1)


@dataclass(frozen=True)
class Sheet:
    """A sheet of ECG paper: its size, its strips, and the height of each row's baseline in mm."""

    signal: np.ndarray
    sampling_rate: float
    width: float
    height: float
    strips: list[Strip]
    baselines: np.ndarray  # from the lower edge

    def trace(self, strip: Strip) -> tuple[np.ndarray, np.ndarray]:
        """Return where a strip's samples stand, mm from the lower left corner."""
        samples = strip.samples(self.sampling_rate)
        shown = self.signal[strip.lead, samples]
        time = (samples.start + np.arange(len(shown))) / self.sampling_rate
        return LEFT + MM_PER_SECOND * time, self.baselines[strip.row] + MM_PER_MILLIVOLT * shown

    def label(self, strip: Strip) -> str:
        """Return what is written at a strip."""
        shown = self.signal[strip.lead, strip.samples(self.sampling_rate)]
        return strip.label if np.isfinite(shown).any() else f"{strip.label} (no signal)"

    def pulse(self, baseline: float) -> list[tuple[float, float]]:
        """Return the corners of a row's yardstick, 1 mV high and 0.2 s wide, in mm."""
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
        """The scales."""
        return f"25 mm/s   10 mm/mV   {self.sampling_rate:g} Hz"


def lay_out(
    signal: Any,
    leads: Sequence[str],
    sampling_rate: float,
    *,
    name: str,
    layout: str = "auto",
    start: float = 0.0,
) -> Sheet:
    """Arrange one ECG, as `plot_ecg` describes; errors speak for the function of that name."""
    signal = _check_signal(signal, leads, sampling_rate, name)
    signal = signal[:, round(start * sampling_rate) :]
    if signal.shape[1] == 0 or start < 0:
        raise DurationError(
            f"{name}: start must lie within the record; got {start:g} s. "
            "Give the seconds from the start of the record, from 0."
        )
    seconds = min(signal.shape[1] / sampling_rate, LONGEST_STRIP)
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
            f"{name}: leads must be given and differ; got ({', '.join(leads)}). "
            "Name every row of signal once."
        )
    if not (np.isfinite(sampling_rate) and sampling_rate > 0):
        raise SamplingRateError(
            f"{name}: sampling_rate must be a positive number of Hz; got {sampling_rate!r}."
        )
    return signal


def _arrange(leads: Sequence[str], seconds: float, layout: str, name: str) -> list[Strip]:
    """Say which stretch of which lead stands in which row."""
    if layout not in ("auto", "3x4", "rows"):
        raise ECGError(f"{name}: layout must be 'auto', '3x4' or 'rows'; got {layout!r}.")
    position = {lead.upper(): index for index, lead in enumerate(leads)}
    wanted = [lead for column in COLUMNS_OF_3X4 for lead in column]
    lacking = [lead for lead in wanted if lead.upper() not in position]
    if layout == "3x4" and lacking:
        raise LeadMismatchError(
            f"{name}: layout='3x4' needs the twelve standard leads; {', '.join(lacking)} "
            f"lacking among ({', '.join(leads)}). Use layout='rows'."
        )
    if layout == "rows" or lacking:
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
    """Height of each baseline and of the sheet, mm, with room for the tallest waves."""
    n_rows = 1 + max(strip.row for strip in strips)
    above, below = np.full(n_rows, 0.5 * LOWEST_ROW), np.full(n_rows, 0.5 * LOWEST_ROW)
    for strip in strips:
        shown = signal[strip.lead, strip.samples(sampling_rate)]
        shown = MM_PER_MILLIVOLT * shown[np.isfinite(shown)]
        if shown.size:
            above[strip.row] = max(above[strip.row], shown.max())
            below[strip.row] = max(below[strip.row], -shown.min())
    above, below = (np.minimum(side, 0.5 * HIGHEST_ROW) for side in (above, below))
    # Baselines stand on coarse grid lines, as a reader measures from them.
    gaps = 5.0 * np.ceil((below[:-1] + above[1:]) / 5.0)
    lowest = 5.0 * np.ceil((BOTTOM + below[-1]) / 5.0)
    baselines = lowest + np.concatenate([np.cumsum(gaps[::-1])[::-1], [0.0]])
    return baselines, 5.0 * np.ceil((baselines[0] + above[0] + TOP) / 5.0)
