"""What all displays share: panels to draw into, and showing themselves in a notebook."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ecgsk.exceptions import ECGError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


class NotebookPicture:
    """Whatever has drawn ``figure_`` is its picture as the last line of a notebook's cell."""

    figure_: Figure | SubFigure

    def _repr_png_(self) -> bytes | None:
        """Return the picture for a notebook, which shows pyplot's figures by itself."""
        if not hasattr(self, "figure_") or self.figure_.canvas.manager is not None:
            return None
        picture = io.BytesIO()
        self.figure_.canvas.figure.savefig(picture, format="png")
        return picture.getvalue()


def new_axes(n_panels: int, *, width: float = 3.8, height: float = 3.0) -> list[Axes]:
    """Return panels of this size in inches in a new figure, three in a row at most."""
    from matplotlib.figure import Figure

    across = min(n_panels, 3)
    down = -(-n_panels // across)
    figure = Figure(figsize=(width * across, height * down), layout="constrained", dpi=150)
    axes = list(figure.subplots(down, across, squeeze=False).ravel())
    for ax in axes[n_panels:]:
        ax.remove()
    return axes[:n_panels]


def check_axes(caller: str, ax: Axes | Sequence[Axes], panels: Sequence[str]) -> list[Axes]:
    """Return the axes handed in as a list, one for each panel.

    Raises
    ------
    ECGError
        If there are more or fewer.
    """
    axes = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(axes) != len(panels):
        raise ECGError(
            f"{caller}: expected one axes for each of {', '.join(panels)}; got {len(axes)}. "
            f"Pass ax=figure.subplots(1, {len(panels)}), or leave ax out."
        )
    return axes


def style_axes(ax: Axes, *, title: str = "", x: str = "", y: str = "", grid: str = "y") -> None:
    """Give axes small letters, a light grid and no frame."""
    ax.set_title(title.replace("$", r"\$"), fontsize=9)  # a name is no formula
    ax.set_xlabel(x, fontsize=8)
    ax.set_ylabel(y, fontsize=8)
    ax.tick_params(labelsize=8)
    ax.grid(axis=grid, color="0.9")  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
