"""Rectangles behind the traces of a sheet, in steps of intensity."""

from typing import Any

import numpy as np

from ecgsk.exceptions import LeadMismatchError
from ecgsk.plotting import _sheet as paper
from ecgsk.plotting._sheet import Sheet, Strip

LEVELS = 5
HALF_HEIGHT_MM = 10.0  # above and below a baseline
_CELL_MM = 1.0  # 40 ms


def shade_rectangles(
    sheet: Sheet, shade: Any, *, name: str, start: float = 0.0
) -> list[tuple[int, Strip, float, float]]:
    """Return the level (0 to `LEVELS`), strip, left edge and width in mm of each rectangle.

    `start` is that of the sheet in s; `name` is the function that errors name.
    """
    shade = np.nan_to_num(np.asarray(shade, dtype=np.float64))
    if shade.ndim != 2 or len(shade) != len(sheet.signal) or shade.shape[1] == 0:
        raise LeadMismatchError(
            f"{name}: expected one row of shade for each of {len(sheet.signal)} leads; got an "
            f"array of shape {shade.shape}. Pass the leads of signal in the same order."
        )
    cells = [_cells(sheet, strip, shade, start) for strip in sheet.strips]
    largest = max((values.max() for _, values in cells), default=0.0)
    rectangles = []
    for strip, (edges, values) in zip(sheet.strips, cells, strict=True):
        levels = np.zeros(len(values), dtype=int)
        if largest > 0:
            levels = np.rint(LEVELS * values / largest).astype(int)
        # Neighbouring cells of one level form one rectangle.
        ends = np.flatnonzero(np.diff(levels, append=-1)) + 1
        for first, last in zip([0, *ends[:-1]], ends, strict=True):
            left = paper.LEFT + paper.MM_PER_SECOND * edges[first]
            width = paper.MM_PER_SECOND * (edges[last] - edges[first])
            rectangles.append((int(levels[first]), strip, left, width))
    return rectangles


def opacity(level: int) -> float:
    """Return the opacity of a level, in [0, 0.75]."""
    return 0.75 * level / LEVELS


def _cells(
    sheet: Sheet, strip: Strip, shade: np.ndarray, start: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of a strip's cells in s, and the mean shade of its lead in each cell."""
    duration = start + sheet.signal.shape[1] / sheet.sampling_rate
    n_cells = max(1, round(paper.MM_PER_SECOND * (strip.last - strip.first) / _CELL_MM))
    edges = np.linspace(strip.first, strip.last, n_cells + 1)
    times = np.linspace(0, duration, shade.shape[1] + 1)
    area = np.concatenate([[0], np.cumsum(shade[strip.lead]) * times[1]])
    return edges, np.diff(np.interp(start + edges, times, area)) / np.diff(edges)
