"""Calibration curves, decision curves and forest plots, drawn into axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ecgsk.plotting.figures import BLUE, HIGHLIGHT_STYLE, VERMILION, escape_dollar, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_calibration(ax: Axes, frame: pd.DataFrame, title: str, *, legend: bool = True) -> None:
    """Draw a calibration curve: observed over predicted frequency, with intervals.

    `frame` has a row for each bin: predicted, observed, low and high; bounds may be NaN. The axes
    end at the largest value, as rare labels lie near 0.
    """
    end = float(np.nanmax(frame[["predicted", "observed", "high"]].to_numpy()))
    end = min(1.0, 1.05 * end) or 1.0
    ax.plot([0, end], [0, end], color="0.4", linestyle="--", linewidth=1, label="perfect")
    ax.vlines(
        frame["predicted"],
        frame["low"],
        frame["high"],
        color=VERMILION,
        linewidth=1.2,
    )
    ax.plot(
        frame["predicted"],
        frame["observed"],
        label="model",
        markersize=4,
        linewidth=1.2,
        clip_on=False,  # draw the whole marker at 0
        **HIGHLIGHT_STYLE,
    )
    ax.set_xlim(0, end)
    ax.set_ylim(0, end)
    style_axes(ax, title=title, x="predicted probability", y="observed frequency", grid="both")
    if legend:
        ax.legend(fontsize=8, frameon=False, loc="upper left")


def draw_net_benefit(ax: Axes, frame: pd.DataFrame, title: str, *, legend: bool = True) -> None:
    """Draw a decision curve: the model, treating all and treating none.

    `frame` has a row for each threshold: threshold, model, treat_all, treat_none, low and high;
    bounds may be NaN. The axes end at the last threshold at which the model treats a patient.
    """
    t = frame["threshold"]
    treats = t[(frame[["model", "low", "high"]].fillna(0) != 0).any(axis=1)]
    ax.plot(t, frame["treat_none"], color="0.2", linewidth=1, label="treat none")
    ax.plot(t, frame["treat_all"], color=BLUE, ls="--", lw=1.2, label="treat all")
    ax.fill_between(t, frame["low"], frame["high"], color=VERMILION, alpha=0.2, linewidth=0)
    ax.plot(t, frame["model"], color=VERMILION, linewidth=1.6, label="model")
    top = float(np.nanmax([0.001, *frame["model"], *frame["treat_all"], *frame["high"]]))
    ax.set_xlim(0, treats.max() if len(treats) else 1)
    ax.set_ylim(-0.3 * top, 1.1 * top)  # the curve of treating all is unbounded below
    style_axes(ax, title=title, x="threshold probability", y="net benefit")
    if legend:
        ax.legend(fontsize=8, frameon=False)


def forest_height(n_rows: int) -> float:
    """Return the height in inches of a forest plot with this number of rows."""
    return 0.9 + 0.24 * n_rows


def draw_forest(
    ax: Axes,
    names: Sequence[str],
    frame: pd.DataFrame,
    *,
    x: str,
    reference: float | None = None,
) -> None:
    """Draw a forest plot: a row for each name from the top, with estimate, low and high.

    NaN draws nothing. `reference` is the position of a vertical line: no skill or no difference.
    """
    if reference is not None:
        ax.axvline(reference, color="0.4", linestyle="--", linewidth=1)
    for y, (estimate, low, high) in enumerate(frame[["estimate", "low", "high"]].to_numpy()):
        ax.plot(
            [low, high],
            [y, y],
            color=VERMILION,
            linewidth=1.4,
            solid_capstyle="butt",
        )
        ax.plot(estimate, y, markersize=5, linestyle="none", **HIGHLIGHT_STYLE)
    ax.set_yticks(range(len(names)), [escape_dollar(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    style_axes(ax, x=x, grid="x")
