"""Figures that a notebook shows, and that ``plt.show()`` shows where pyplot is in use."""

import io
import sys
from typing import Any

# Imported by functions that draw, so that importing ecgsk does not import matplotlib.
from matplotlib.figure import Figure

from ecgsk._progress import in_notebook


class ECGFigure(Figure):
    """Figure with a picture as the last line of a notebook's cell."""

    def _repr_png_(self) -> bytes | None:
        """Return the figure as PNG; None for pyplot's figures, which notebooks show anyway."""
        if self.canvas.manager is not None:
            return None
        picture = io.BytesIO()
        self.savefig(picture, format="png")
        return picture.getvalue()


def new_figure(**settings: Any) -> Figure:
    """Make a figure; `settings` are parameters of matplotlib's ``Figure``.

    Where a script or console has imported pyplot, the figure is one of pyplot's, which
    ``plt.show()`` shows. A notebook shows it by itself, once.
    """
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or in_notebook():
        return ECGFigure(**settings)
    return pyplot.figure(FigureClass=ECGFigure, **settings)
