"""ECG on ECG paper at true scale, as SVG."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ecgsk._safe_text import to_html_text as escape
from ecgsk.plotting import _sheet as paper
from ecgsk.plotting._shade import HALF_HEIGHT_MM, LEVELS, opacity, shade_rectangles
from ecgsk.plotting._sheet import Sheet, Strip, lay_out
from ecgsk.plotting.figures import BLUE

_UNITS_PER_MM = 100  # integer coordinates keep the page small


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

    The sheet is that of `plot_ecg`, at most 10 s long. Its size is in millimetres, so
    browsers draw and print it at 25 mm/s and 10 mm/mV. The CSS variables
    ``--ecg-paper``, ``--ecg-ink``, ``--ecg-fine``, ``--ecg-coarse`` and ``--ecg-shade``
    of the page set the colours.

    .. versionadded:: 0.1

    Parameters
    ----------
    signal : array-like of shape (n_leads, n_samples)
        Voltages in millivolt. NaN is missing and leaves a gap.
    leads : sequence of str
        Name of each row of ``signal``, in any order.
    sampling_rate : float
        Samples per second, Hz.
    title : str
        Text above the ECG and label for screen readers.
    layout : {"auto", "3x4", "rows"}, default="auto"
        As in `plot_ecg`.
    shade : array-like of shape (n_leads, n_steps), optional
        Values of 0 or more, evenly spaced over the whole record at any rate. Their means
        over 40 ms are shown behind the trace in five levels, scaled to the largest mean
        on the sheet. NaN counts as 0.

    Returns
    -------
    str
        One ``<svg>`` element without ids, with escaped text.

    Raises
    ------
    LeadMismatchError
        If ``leads`` or ``shade`` do not match ``signal``, or a standard lead is missing
        for ``layout="3x4"``.
    SamplingRateError
        If the sampling rate is not a positive number.
    DurationError
        If the record has no samples.

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
        f'fill:var(--ecg-ink,{paper.TRACE_COLOUR})">',
        '<rect width="100%" height="100%" style="fill:var(--ecg-paper,#fff)"/>',
        *_shades(sheet, shade),
        _grid(sheet, "fine", paper.FINE_GRID_MM, paper.FINE_GRID_COLOUR, ".13"),
        _grid(sheet, "coarse", paper.COARSE_GRID_MM, paper.COARSE_GRID_COLOUR, ".2"),
        f'<g style="fill:none;stroke:var(--ecg-ink,{paper.TRACE_COLOUR});stroke-width:.28;'
        'stroke-linecap:round;stroke-linejoin:round">',
        *(_pulse(sheet, baseline) for baseline in sheet.baselines),
        *(_trace(sheet, strip) for strip in sheet.strips),
        *(_separator(sheet, strip) for strip in sheet.strips if strip.opens_column),
        "</g>",
        # An outline in the paper's colour keeps the labels readable over tall waves.
        '<g style="font-weight:bold;paint-order:stroke;stroke:var(--ecg-paper,#fff);'
        'stroke-width:.8;stroke-linejoin:round">',
        *(_label(sheet, strip) for strip in sheet.strips),
        f'<text x="{paper.PULSE_START:g}" y="7">{name}</text>',
        "</g>",
        f'<text x="{paper.PULSE_START:g}" y="{sheet.height - paper.CAPTION_ABOVE_EDGE:g}" '
        'style="font-size:2.5px">'
        f"{escape(sheet.caption)}</text>",
        "</svg>",
    ]
    return "".join(parts)


def _grid(sheet: Sheet, name: str, step: float, colour: str, width: str) -> str:
    xs, ys = (np.arange(0, side + 0.01, step) for side in (sheet.width, sheet.height))
    vertical = "".join(f"M{x:g} 0V{sheet.height:g}" for x in xs)
    horizontal = "".join(f"M0 {y:g}H{sheet.width:g}" for y in ys)
    style = f"fill:none;stroke:var(--ecg-{name},{colour});stroke-width:{width}"
    return f'<path class="grid-{name}" style="{style}" d="{vertical}{horizontal}"/>'


def _pulse(sheet: Sheet, baseline: float) -> str:
    points = " ".join(f"{x:g},{sheet.height - y:g}" for x, y in sheet.calibration_pulse(baseline))
    return f'<polyline class="calibration" style="stroke-linejoin:miter" points="{points}"/>'


def _trace(sheet: Sheet, strip: Strip) -> str:
    """Draw each run of samples between gaps, as relative steps."""
    x, y = sheet.trace(strip)
    finite = np.flatnonzero(np.isfinite(y))
    points = np.stack([x, sheet.height - y], axis=1)[finite]
    points = np.rint(_UNITS_PER_MM * points).astype(int)
    path = ""
    for run in np.split(points, np.flatnonzero(np.diff(finite) > 1) + 1):
        if len(run):
            steps = " ".join(map(str, np.diff(run, axis=0).ravel()))
            path += f"M{run[0, 0]} {run[0, 1]}" + (f"l{steps}" if steps else "h0")
    return (
        f'<path class="trace" data-lead="{escape(strip.label)}" data-row="{strip.row}" '
        f'transform="scale({1 / _UNITS_PER_MM:g})" style="stroke-width:{0.28 * _UNITS_PER_MM:g}" '
        f'd="{path}"/>'
    )


def _separator(sheet: Sheet, strip: Strip) -> str:
    strokes = [
        f"M{x:g} {sheet.height - high:g}v{high - low:g}" for x, low, high in sheet.separator(strip)
    ]
    return f'<path d="{"".join(strokes)}"/>'


def _label(sheet: Sheet, strip: Strip) -> str:
    x, y = sheet.label_position(strip)
    return f'<text x="{x:g}" y="{sheet.height - y:g}">{escape(sheet.label(strip))}</text>'


def _shades(sheet: Sheet, shade: Any) -> list[str]:
    """Draw one path for each level of shade."""
    if shade is None:
        return []
    paths = [""] * (LEVELS + 1)
    for level, strip, left, width in shade_rectangles(sheet, shade, name="ecg_svg"):
        top = sheet.height - sheet.baselines[strip.row] - HALF_HEIGHT_MM
        paths[level] += f"M{left:.2f} {top:g}h{width:.2f}v{2 * HALF_HEIGHT_MM:g}h-{width:.2f}z"
    return [
        f'<path class="shade" style="fill:var(--ecg-shade,{BLUE});'
        f'fill-opacity:{opacity(level):g}" d="{path}"/>'
        for level, path in enumerate(paths)
        if level and path
    ]
