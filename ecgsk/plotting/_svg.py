"""An ECG on ECG paper as SVG: small, measured in millimetres, and coloured by its page."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from ecgsk.exceptions import LeadMismatchError
from ecgsk.plotting._sheet import LEFT, MM_PER_SECOND, PULSE_START, Sheet, Strip, lay_out

_CELL = 1.0  # mm of paper that are shaded alike: 40 ms
_LEVELS = 5
_BAND = 10.0  # mm of shade on either side of a baseline
_STEPS = 100  # of a trace to the millimetre: short integers keep the page small


def ecg_svg(
    signal: Any,
    leads: Sequence[str],
    sampling_rate: float,
    *,
    title: str,
    layout: str = "auto",
    shade: Any = None,
) -> str:
    """Draw one ECG on ECG paper at true scale, as the text of an SVG element.

    The sheet is that of `plot_ecg`, at most 10 s long. Its size is given in
    millimetres, so that browsers draw and print it at 25 mm/s and 10 mm/mV. The CSS
    variables ``--ecg-paper``, ``--ecg-ink``, ``--ecg-fine``, ``--ecg-coarse`` and
    ``--ecg-shade`` of the page recolour it.

    Parameters
    ----------
    signal : array-like of shape (n_leads, n_samples)
        Voltages in millivolt. NaN is missing and leaves a gap.
    leads : sequence of str
        Name of each row of ``signal``, in any order.
    sampling_rate : float
        Samples per second, Hz.
    title : str
        Text above the ECG, and what a screen reader calls it.
    layout : {"auto", "3x4", "rows"}, default="auto"
        As in `plot_ecg`.
    shade : array-like of shape (n_leads, n_steps), optional
        Values from 0 up, evenly spread over the whole record at any rate. Their means
        over 40 ms are shown behind the trace in five steps, from none to that of the
        largest on the sheet. NaN counts as 0.

    Returns
    -------
    str
        One ``<svg>`` element without ids, safe to stand in an HTML page.

    Raises
    ------
    LeadMismatchError
        If ``leads`` or ``shade`` do not fit ``signal``, or ``layout="3x4"`` lacks one
        of the twelve standard leads.
    SamplingRateError
        If the sampling rate is not a positive number.
    DurationError
        If there is no sample.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.plotting import ecg_svg
    >>> svg = ecg_svg(np.zeros((1, 1000)), ["II"], 100, title="ECG <7>")
    >>> svg[:82]
    '<svg class="ecg" role="img" aria-label="ECG &lt;7&gt;" width="270mm" height="55mm"'
    """
    sheet = lay_out(signal, leads, sampling_rate, name="ecg_svg", layout=layout)
    size = f'width="{sheet.width:g}mm" height="{sheet.height:g}mm"'
    box = f'viewBox="0 0 {sheet.width:g} {sheet.height:g}"'
    name = escape(title)
    parts = [
        f'<svg class="ecg" role="img" aria-label="{name}" {size} {box} '
        'xmlns="http://www.w3.org/2000/svg" style="font:3px sans-serif;'
        'fill:var(--ecg-ink,#111)">',
        '<rect width="100%" height="100%" style="fill:var(--ecg-paper,#fff)"/>',
        *_shades(sheet, shade),
        _grid(sheet, "fine", 1.0, "stroke:var(--ecg-fine,#f9dcd8);stroke-width:.13"),
        _grid(sheet, "coarse", 5.0, "stroke:var(--ecg-coarse,#eeaaa2);stroke-width:.2"),
        '<g style="fill:none;stroke:var(--ecg-ink,#111);stroke-width:.28;stroke-linecap:round;'
        'stroke-linejoin:round">',
        *(_pulse(sheet, baseline) for baseline in sheet.baselines),
        *(_trace(sheet, strip) for strip in sheet.strips),
        *(_separator(sheet, strip) for strip in sheet.strips if strip.opens_column),
        "</g>",
        # Tall waves may run through the labels: keep them readable.
        '<g style="font-weight:bold;paint-order:stroke;stroke:var(--ecg-paper,#fff);'
        'stroke-width:.8;stroke-linejoin:round">',
        *(_label(sheet, strip) for strip in sheet.strips),
        f'<text x="{PULSE_START:g}" y="7">{name}</text>',
        "</g>",
        f'<text x="{PULSE_START:g}" y="{sheet.height - 2.5:g}" style="font-size:2.5px">'
        f"{escape(sheet.caption)}</text>",
        "</svg>",
    ]
    return "".join(parts)


def _grid(sheet: Sheet, name: str, step: float, style: str) -> str:
    upright = "".join(f"M{x:g} 0V{sheet.height:g}" for x in np.arange(0, sheet.width + 0.01, step))
    level = "".join(f"M0 {y:g}H{sheet.width:g}" for y in np.arange(0, sheet.height + 0.01, step))
    return f'<path class="grid-{name}" style="fill:none;{style}" d="{upright}{level}"/>'


def _pulse(sheet: Sheet, baseline: float) -> str:
    points = " ".join(f"{x:g},{sheet.height - y:g}" for x, y in sheet.pulse(baseline))
    return f'<polyline class="calibration" style="stroke-linejoin:miter" points="{points}"/>'


def _trace(sheet: Sheet, strip: Strip) -> str:
    """Draw each run of samples between gaps, as steps from sample to sample."""
    x, y = sheet.trace(strip)
    there = np.flatnonzero(np.isfinite(y))
    points = np.rint(_STEPS * np.stack([x, sheet.height - y], axis=1)[there]).astype(int)
    path = ""
    for run in np.split(points, np.flatnonzero(np.diff(there) > 1) + 1):
        if len(run):
            steps = " ".join(map(str, np.diff(run, axis=0).ravel()))
            path += f"M{run[0, 0]} {run[0, 1]}" + (f"l{steps}" if steps else "h0")
    return (
        f'<path class="trace" data-lead="{escape(strip.label)}" data-row="{strip.row}" '
        f'transform="scale({1 / _STEPS:g})" style="stroke-width:{0.28 * _STEPS:g}" d="{path}"/>'
    )


def _separator(sheet: Sheet, strip: Strip) -> str:
    x = LEFT + MM_PER_SECOND * strip.first
    y = sheet.height - sheet.baselines[strip.row]
    return f'<path d="M{x:g} {y - 4:g}v2M{x:g} {y + 2:g}v2"/>'


def _label(sheet: Sheet, strip: Strip) -> str:
    x = LEFT + MM_PER_SECOND * strip.first + 1.5
    y = sheet.height - sheet.baselines[strip.row] - 7.0
    return f'<text x="{x:g}" y="{y:g}">{escape(sheet.label(strip))}</text>'


def _shades(sheet: Sheet, shade: Any) -> list[str]:
    """Draw one path for each step of intensity."""
    if shade is None:
        return []
    shade = np.nan_to_num(np.asarray(shade, dtype=np.float64))
    if shade.ndim != 2 or len(shade) != len(sheet.signal) or shade.shape[1] == 0:
        raise LeadMismatchError(
            f"ecg_svg: shade must have one row for each of {len(sheet.signal)} leads; got an "
            f"array of shape {shade.shape}. Give the leads of signal, in its order."
        )
    cells = [_cells(sheet, strip, shade) for strip in sheet.strips]
    largest = max((values.max() for _, values in cells), default=0.0)
    paths = [""] * (_LEVELS + 1)
    for strip, (edges, values) in zip(sheet.strips, cells, strict=True):
        levels = np.rint(_LEVELS * values / largest).astype(int) if largest > 0 else 0 * edges[:-1]
        top = sheet.height - sheet.baselines[strip.row] - _BAND
        # Neighbours of one level are one rectangle.
        ends = np.flatnonzero(np.diff(levels, append=-1)) + 1
        for first, last in zip([0, *ends[:-1]], ends, strict=True):
            left = LEFT + MM_PER_SECOND * edges[first]
            width = MM_PER_SECOND * (edges[last] - edges[first])
            paths[int(levels[first])] += (
                f"M{left:.2f} {top:g}h{width:.2f}v{2 * _BAND:g}h-{width:.2f}z"
            )
    return [
        f'<path class="shade" style="fill:var(--ecg-shade,#0072b2);'
        f'fill-opacity:{0.75 * level / _LEVELS:g}" d="{path}"/>'
        for level, path in enumerate(paths)
        if level and path
    ]


def _cells(sheet: Sheet, strip: Strip, shade: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where a strip's cells begin and end, s, and the mean of its lead in each."""
    duration = sheet.signal.shape[1] / sheet.sampling_rate
    n_cells = max(1, round(MM_PER_SECOND * (strip.last - strip.first) / _CELL))
    edges = np.linspace(strip.first, strip.last, n_cells + 1)
    times = np.linspace(0, duration, shade.shape[1] + 1)
    area = np.concatenate([[0], np.cumsum(shade[strip.lead]) * times[1]])
    return edges, np.diff(np.interp(edges, times, area)) / np.diff(edges)
