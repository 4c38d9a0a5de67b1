"""An ECG on ECG paper at true scale: 25 mm/s and 10 mm/mV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ecgsk.exceptions import DurationError, ECGError, LeadMismatchError, SamplingRateError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MM_PER_SECOND = 25.0
MM_PER_MILLIVOLT = 10.0
MM_PER_INCH = 25.4

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

TRACE = "#111111"
FINE_GRID = "#f9dcd8"
COARSE_GRID = "#eeaaa2"


@dataclass(frozen=True)
class _Strip:
    """A stretch of one lead: where on the paper it goes, and which samples it shows."""

    lead: int
    label: str
    row: int
    first: float  # s after the start of the sheet
    last: float
    opens_column: bool = False


def plot_ecg(
    signal: Any,
    leads: Sequence[str],
    sampling_rate: float,
    *,
    title: str | None = None,
    layout: str = "auto",
    start: float = 0.0,
    ax: Axes | None = None,
) -> Figure:
    """Draw one ECG on ECG paper at true scale.

    The sheet has the usual 1 mm and 5 mm grid, 25 mm to the second, 10 mm to the
    millivolt and a calibration pulse of 1 mV and 0.2 s before every row. Saved at
    its own size, one millimetre on paper is one millimetre in the figure.

    Parameters
    ----------
    signal : array-like of shape (n_leads, n_samples)
        Voltages in millivolt. NaN is missing and leaves a gap.
    leads : sequence of str
        Name of each row of ``signal``, in any order.
    sampling_rate : float
        Samples per second, Hz.
    title : str, optional
        Text above the ECG.
    layout : {"auto", "3x4", "rows"}, default="auto"
        ``"3x4"`` is the usual sheet of a 12-lead ECG: four columns of three leads,
        a quarter of the time each, above a rhythm strip of lead II. ``"rows"``
        gives every lead a row of its own. ``"auto"`` takes ``"3x4"`` where all
        twelve standard leads are there and ``"rows"`` elsewhere.
    start : float, default=0.0
        Where in the record the sheet starts, s. It shows at most 10 s from there.
    ax : matplotlib Axes, optional
        Axes to draw into. They get the proportions of ECG paper, but their size,
        and with it the scale, remains the caller's. By default, a new figure at
        true scale.

    Returns
    -------
    matplotlib.figure.Figure
        One axes whose data coordinates are millimetres from the lower left corner
        of the sheet.

    Raises
    ------
    LeadMismatchError
        If ``leads`` does not name each row of ``signal`` once, or ``layout="3x4"``
        lacks one of the twelve standard leads.
    SamplingRateError
        If the sampling rate is not a positive number.
    DurationError
        If no sample is left at ``start``.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.plotting import plot_ecg
    >>> seconds = np.arange(1000) / 100
    >>> figure = plot_ecg(np.sin(2 * np.pi * seconds)[None], ["II"], 100)
    >>> width, height = figure.get_size_inches() * 25.4
    >>> print(f"{width:.0f} mm x {height:.0f} mm")
    270 mm x 55 mm
    """
    signal = _check_signal(signal, leads, sampling_rate)
    signal = signal[:, round(start * sampling_rate) :]
    if signal.shape[1] == 0 or start < 0:
        raise DurationError(
            f"plot_ecg: start must lie within the record; got {start:g} s. "
            "Give the seconds from the start of the record, from 0."
        )
    seconds = min(signal.shape[1] / sampling_rate, LONGEST_STRIP)
    strips = _arrange(leads, seconds, layout)
    baselines, height = _stack_rows(signal, sampling_rate, strips)
    width = LEFT + MM_PER_SECOND * seconds + RIGHT

    if ax is None:
        ax = _new_sheet(width, height)
    _draw_grid(ax, width, height)
    for strip in strips:
        _draw_strip(ax, strip, signal[strip.lead], sampling_rate, baselines[strip.row])
    for baseline in baselines:
        _draw_pulse(ax, baseline)
    if title:
        ax.text(PULSE_START, height - 4, title, va="top", fontsize=9, fontweight="bold")
    caption = f"25 mm/s   10 mm/mV   {sampling_rate:g} Hz"
    ax.text(PULSE_START, 2.5, caption, va="bottom", fontsize=7)
    return cast("Figure", ax.figure)


def _check_signal(signal: Any, leads: Sequence[str], sampling_rate: float) -> np.ndarray:
    signal = np.asarray(signal, dtype=np.float64)
    if signal.ndim != 2 or len(signal) != len(leads):
        raise LeadMismatchError(
            f"plot_ecg: expected one row of signal for each of {len(leads)} leads "
            f"({', '.join(leads)}); got an array of shape {signal.shape}. "
            "Pass one record, shape (n_leads, n_samples)."
        )
    if len(leads) == 0 or len({lead.upper() for lead in leads}) != len(leads):
        raise LeadMismatchError(
            f"plot_ecg: leads must be given and differ; got ({', '.join(leads)}). "
            "Name every row of signal once."
        )
    if not (np.isfinite(sampling_rate) and sampling_rate > 0):
        raise SamplingRateError(
            f"plot_ecg: sampling_rate must be a positive number of Hz; got {sampling_rate!r}."
        )
    return signal


def _arrange(leads: Sequence[str], seconds: float, layout: str) -> list[_Strip]:
    """Say which stretch of which lead stands in which row."""
    if layout not in ("auto", "3x4", "rows"):
        raise ECGError(f"plot_ecg: layout must be 'auto', '3x4' or 'rows'; got {layout!r}.")
    position = {lead.upper(): index for index, lead in enumerate(leads)}
    wanted = [lead for column in COLUMNS_OF_3X4 for lead in column]
    lacking = [lead for lead in wanted if lead.upper() not in position]
    if layout == "3x4" and lacking:
        raise LeadMismatchError(
            f"plot_ecg: layout='3x4' needs the twelve standard leads; {', '.join(lacking)} "
            f"lacking among ({', '.join(leads)}). Use layout='rows'."
        )
    if layout == "rows" or lacking:
        return [_Strip(index, lead, index, 0.0, seconds) for index, lead in enumerate(leads)]
    strips = [
        _Strip(
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
    return [*strips, _Strip(position[RHYTHM_LEAD], RHYTHM_LEAD, 3, 0.0, seconds)]


def _stack_rows(
    signal: np.ndarray, sampling_rate: float, strips: list[_Strip]
) -> tuple[np.ndarray, float]:
    """Height of each baseline and of the sheet, mm, with room for the tallest waves."""
    n_rows = 1 + max(strip.row for strip in strips)
    above, below = np.full(n_rows, 0.5 * LOWEST_ROW), np.full(n_rows, 0.5 * LOWEST_ROW)
    for strip in strips:
        shown = signal[strip.lead, _samples(strip, sampling_rate)]
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


def _samples(strip: _Strip, sampling_rate: float) -> slice:
    # The end is shared with the next strip, so that the trace joins across a separator.
    return slice(round(strip.first * sampling_rate), round(strip.last * sampling_rate) + 1)


def _new_sheet(width: float, height: float) -> Axes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=150)
    return figure.add_axes((0.0, 0.0, 1.0, 1.0))


def _draw_grid(ax: Axes, width: float, height: float) -> None:
    from matplotlib.collections import LineCollection

    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal", xticks=[], yticks=[])
    ax.set_facecolor("white")
    for spine in ax.spines.values():
        spine.set_visible(False)
    for step, colour, points in ((1.0, FINE_GRID, 0.4), (5.0, COARSE_GRID, 0.7)):
        upright = [[(x, 0), (x, height)] for x in np.arange(0, width + step / 2, step)]
        level = [[(0, y), (width, y)] for y in np.arange(0, height + step / 2, step)]
        ax.add_collection(
            LineCollection(upright + level, colors=colour, linewidths=points, zorder=0)
        )


def _draw_strip(
    ax: Axes, strip: _Strip, lead: np.ndarray, sampling_rate: float, baseline: float
) -> None:
    from matplotlib.patheffects import withStroke

    samples = _samples(strip, sampling_rate)
    shown = lead[samples]
    time = (samples.start + np.arange(len(shown))) / sampling_rate
    x = LEFT + MM_PER_SECOND * time
    ax.plot(
        x,
        baseline + MM_PER_MILLIVOLT * shown,
        color=TRACE,
        linewidth=0.8,
        solid_joinstyle="round",
        gid=f"lead-{strip.label}-row{strip.row}",
    )
    left = LEFT + MM_PER_SECOND * strip.first
    label = strip.label if np.isfinite(shown).any() else f"{strip.label} (no signal)"
    ax.text(
        left + 1.5,
        baseline + 7.0,
        label,
        fontsize=8,
        fontweight="bold",
        va="bottom",
        # Tall waves may run through the label: keep it readable.
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )
    if strip.opens_column:
        for low in (-4.0, 2.0):
            ax.plot([left, left], [baseline + low, baseline + low + 2], color=TRACE, linewidth=0.8)


def _draw_pulse(ax: Axes, baseline: float) -> None:
    """Draw the yardstick of the row, 1 mV high and 0.2 s wide."""
    left, right = PULSE_START + 2.0, PULSE_START + 2.0 + PULSE_WIDTH
    top = baseline + MM_PER_MILLIVOLT
    ax.plot(
        [left - 2, left, left, right, right, right + 2],
        [baseline, baseline, top, top, baseline, baseline],
        color=TRACE,
        linewidth=0.8,
        solid_joinstyle="miter",
        gid="calibration",
    )
