"""Figures of ECGs and results, from arrays and DataFrames.

Figures are :class:`matplotlib.figure.Figure` objects outside pyplot's global state, so
they work in a notebook, on a server and in a thread. Where a script or console has imported
pyplot, they are pyplot's, and ``plt.show()`` shows them. Matplotlib is imported when a
function draws.
"""

from ecgsk.plotting._arms import plot_arms
from ecgsk.plotting._explanation import plot_explanation, plot_explanations
from ecgsk.plotting._history import TrainingHistoryDisplay
from ecgsk.plotting._paper import plot_ecg
from ecgsk.plotting._svg import ecg_svg

__all__ = [
    "TrainingHistoryDisplay",
    "ecg_svg",
    "plot_arms",
    "plot_ecg",
    "plot_explanation",
    "plot_explanations",
]
