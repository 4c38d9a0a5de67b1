"""Pictures of ECGs and of results: plain arrays in, matplotlib figures out.

Everything here draws on :class:`matplotlib.figure.Figure` objects, never on
pyplot's global state, so that it works the same in a notebook, on a server and
in a thread. Matplotlib is imported when a picture is asked for.
"""

from ecgsk.plotting._arms import plot_arms
from ecgsk.plotting._explanation import format_probability, plot_explanation, plot_explanations
from ecgsk.plotting._history import TrainingHistoryDisplay
from ecgsk.plotting._paper import plot_ecg
from ecgsk.plotting._svg import ecg_svg

__all__ = [
    "TrainingHistoryDisplay",
    "ecg_svg",
    "format_probability",
    "plot_arms",
    "plot_ecg",
    "plot_explanation",
    "plot_explanations",
]
