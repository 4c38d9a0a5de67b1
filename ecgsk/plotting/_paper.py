"""ECG on ECG paper at true scale, as a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ecgsk.plotting import _sheet as paper
from ecgsk.plotting._shade import HALF_HEIGHT_MM, opacity, shade_rectangles
from ecgsk.plotting._sheet import Sheet, Strip, lay_out
from ecgsk.plotting.figures import BLUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MM_PER_INCH = 25.4


def plot_ecg(
    signal: Any,
    leads: Sequence[str],
    sampling_rate: float,
    *,
    title: str | None = None,
    layout: str = "auto",
    start: float = 0.0,
    shade: Any = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw one ECG on ECG paper at true scale.

    The sheet has the usual 1 mm and 5 mm grid, 25 mm/s, 10 mm/mV and a calibration
    pulse of 1 mV and 0.2 s before each row. Saved and printed at its own size, the
    figure has the scale of ECG paper.

    .. versionadded:: 0.1

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
        draws each lead in its own row. ``"auto"`` takes ``"3x4"`` for the twelve
        standard leads and ``"rows"`` otherwise.
    start : float, default=0.0
        Start of the sheet in s from the start of the record. The sheet shows at
        most 10 s.
    shade : array-like of shape (n_leads, n_steps), optional
        Values of 0 or more, evenly spaced over the whole record at any rate, such as the
        absolute values of an attribution. Their means over 40 ms are shown behind the trace
        in five levels, scaled to the largest mean on the sheet. NaN counts as 0.
    ax : matplotlib Axes, optional
        Axes to draw into. They get the proportions of ECG paper; their size sets
        the scale. By default, a new figure at true scale.

    Returns
    -------
    matplotlib.figure.Figure
        Figure with one axes, whose data coordinates are mm from the lower left
        corner of the sheet.

    Raises
    ------
    LeadMismatchError
        If ``leads`` does not name each row of ``signal`` once, ``shade`` does not match
        ``signal``, or a standard lead is missing for ``layout="3x4"``.
    SamplingRateError
        If the sampling rate is not a positive number.
    DurationError
        If the record has no sample after ``start``.

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
    sheet = lay_out(signal, leads, sampling_rate, name="plot_ecg", layout=layout, start=start)
    if ax is None:
        ax = _new_sheet(sheet.width, sheet.height)
    _draw_grid(ax, sheet.width, sheet.height)
    if shade is not None:
        _draw_shade(ax, sheet, shade, start)
    for strip in sheet.strips:
        _draw_strip(ax, sheet, strip)
    for baseline in sheet.baselines:
        x, y = zip(*sheet.calibration_pulse(baseline), strict=True)
        ax.plot(
            x,
            y,
            color=paper.TRACE_COLOUR,
            linewidth=0.8,
            solid_joinstyle="miter",
            gid="calibration",
        )
    if title:
        ax.text(paper.PULSE_START, sheet.height - 4, title, va="top", fontsize=9, fontweight="bold")
    ax.text(paper.PULSE_START, paper.CAPTION_ABOVE_EDGE, sheet.caption, va="bottom", fontsize=7)
    return cast("Figure", ax.figure)


def _new_sheet(width: float, height: float) -> Axes:
    from ecgsk.plotting._figure import new_figure

    figure = new_figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH), dpi=150)
    return figure.add_axes((0.0, 0.0, 1.0, 1.0))


def _draw_grid(ax: Axes, width: float, height: float) -> None:
    from matplotlib.collections import LineCollection

    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal", xticks=[], yticks=[])
    ax.set_facecolor("white")
    for spine in ax.spines.values():
        spine.set_visible(False)
    for step, colour, points in (
        (paper.FINE_GRID_MM, paper.FINE_GRID_COLOUR, 0.4),
        (paper.COARSE_GRID_MM, paper.COARSE_GRID_COLOUR, 0.7),
    ):
        vertical = [[(x, 0), (x, height)] for x in np.arange(0, width + step / 2, step)]
        horizontal = [[(0, y), (width, y)] for y in np.arange(0, height + step / 2, step)]
        ax.add_collection(
            LineCollection(vertical + horizontal, colors=colour, linewidths=points, zorder=0)
        )


def _draw_shade(ax: Axes, sheet: Sheet, shade: Any, start: float) -> None:
    from matplotlib.patches import Rectangle

    for level, strip, left, width in shade_rectangles(sheet, shade, name="plot_ecg", start=start):
        if level:
            bottom = sheet.baselines[strip.row] - HALF_HEIGHT_MM
            ax.add_patch(
                Rectangle(
                    (left, bottom),
                    width,
                    2 * HALF_HEIGHT_MM,
                    facecolor=BLUE,
                    alpha=opacity(level),
                    linewidth=0,
                    zorder=-1,
                    gid="shade",
                )
            )


def _draw_strip(ax: Axes, sheet: Sheet, strip: Strip) -> None:
    from matplotlib.patheffects import withStroke

    ax.plot(
        *sheet.trace(strip),
        color=paper.TRACE_COLOUR,
        linewidth=0.8,
        solid_joinstyle="round",
        gid=f"lead-{strip.label}-row{strip.row}",
    )
    ax.text(
        *sheet.label_position(strip),
        sheet.label(strip),
        fontsize=8,
        fontweight="bold",
        va="bottom",
        # A white outline keeps the label readable over tall waves.
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )
    if strip.opens_column:
        for x, low, high in sheet.separator(strip):
            ax.plot([x, x], [low, high], color=paper.TRACE_COLOUR, linewidth=0.8)
