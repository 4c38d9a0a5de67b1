"""Parts that all figures share: colours, panels, axes style, text and notebook display."""

from __future__ import annotations

import io
from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from ecgsk._files import replace_file
from ecgsk.exceptions import ECGError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

# Okabe and Ito (2008): distinct with any colour vision. Markers keep them distinct in print.
VERMILION, BLUE = "#d55e00", "#0072b2"
HIGHLIGHT_STYLE: dict[str, Any] = {"color": VERMILION, "marker": "D"}
OTHER_STYLE: dict[str, Any] = {"color": BLUE, "marker": "o"}


class NotebookFigure:
    """Base class that shows ``figure_`` as the last line of a notebook's cell."""

    figure_: Figure | SubFigure

    def _repr_png_(self) -> bytes | None:
        """Return the figure as PNG; None for pyplot's figures, which notebooks show anyway."""
        if not hasattr(self, "figure_") or self.figure_.canvas.manager is not None:
            return None
        picture = io.BytesIO()
        self.figure_.canvas.figure.savefig(picture, format="png")
        return picture.getvalue()


def write_figure(figure: Figure, path: str | PathLike) -> None:
    """Write a figure for a report at 150 dots per inch, whole or not at all."""
    with replace_file(path) as new:
        figure.savefig(new, dpi=150)
    figure.set_layout_engine("none")  # drawn again in a page, it keeps this layout


def panel_axes(
    caller: str,
    ax: Axes | Sequence[Axes] | None,
    panels: Sequence[str],
    *,
    width: float = 3.8,
    height: float = 3.0,
) -> list[Axes]:
    """Return the given axes, one for each panel, or axes of a new figure.

    A new figure has at most three panels in a row, of this size in inches. Raise ECGError if the
    number of axes differs from the number of panels.
    """
    if ax is None:
        return _new_axes(len(panels), width, height)
    axes = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(axes) != len(panels):
        raise ECGError(
            f"{caller}: expected one axes for each of {', '.join(panels)}; got {len(axes)}. "
            f"Pass ax=figure.subplots(1, {len(panels)}), or leave out ax."
        )
    return axes


def _new_axes(n_panels: int, width: float, height: float) -> list[Axes]:
    from ecgsk.plotting._figure import new_figure

    across = min(n_panels, 3)
    down = -(-n_panels // across)
    figure = new_figure(figsize=(width * across, height * down), layout="constrained", dpi=150)
    axes = list(figure.subplots(down, across, squeeze=False).ravel())
    for ax in axes[n_panels:]:
        ax.remove()
    return axes[:n_panels]


def style_axes(ax: Axes, *, title: str = "", x: str = "", y: str = "", grid: str = "y") -> None:
    """Label axes in small type, with a light grid and no frame."""
    ax.set_title(escape_dollar(title), fontsize=9)
    ax.set_xlabel(x, fontsize=8)
    ax.set_ylabel(y, fontsize=8)
    ax.tick_params(labelsize=8)
    ax.grid(axis=grid, color="0.9")  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def escape_dollar(name: object) -> str:
    """Escape dollar signs, which matplotlib takes for a formula."""
    return str(name).replace("$", r"\$")


def format_probability(p: float) -> str:
    """Format a probability with two digits, never as 0 or 1."""
    return "<0.01" if p < 0.005 else ">0.99" if p >= 0.995 else f"{p:.2f}"
