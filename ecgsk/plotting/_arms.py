"""Forest plot of the arms of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ecgsk.exceptions import ECGError
from ecgsk.plotting.figures import HIGHLIGHT_STYLE, OTHER_STYLE, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("arm", "label_fraction", "archive", "macro_auroc", "auroc_low", "auroc_high")


def plot_arms(frame: pd.DataFrame, *, highlight: str = "joint embedding") -> Figure:
    """Draw the macro AUROC of each arm with its 95 % interval.

    Each setting has a panel: label fractions from top to bottom, sizes of the
    unlabelled archive from left to right. Each arm has a row, in the order of
    their first rows.

    .. versionadded:: 0.1

    Parameters
    ----------
    frame : DataFrame
        One row for each arm and setting, with the columns ``arm``, ``label_fraction``
        (0 to 1), ``archive`` (records without labels), ``macro_auroc``,
        ``auroc_low`` and ``auroc_high``. NaN bounds draw no interval.
    highlight : str, default="joint embedding"
        Highlight the arms whose name contains this text, in any case.

    Returns
    -------
    matplotlib.figure.Figure
        One axes for each setting.

    Raises
    ------
    ECGError
        If a column is missing, the frame is empty or an arm has two rows in one
        setting.

    References
    ----------
    Okabe & Ito (2008), Color Universal Design: how to make figures and
    presentations that are friendly to colorblind people.

    Examples
    --------
    >>> import pandas as pd
    >>> from ecgsk.plotting import plot_arms
    >>> frame = pd.DataFrame({
    ...     "arm": ["signal only", "joint embedding"], "label_fraction": 0.1, "archive": 36000,
    ...     "macro_auroc": [.705, .737], "auroc_low": [.69, .73], "auroc_high": [.72, .75],
    ... })
    >>> len(plot_arms(frame).axes)
    1
    """
    _check_frame(frame)
    from ecgsk.plotting._figure import new_figure

    arms = list(dict.fromkeys(frame["arm"]))
    fractions = sorted(frame["label_fraction"].unique(), reverse=True)
    # Fewer labels leave a larger archive, so the sizes differ between label fractions.
    settings = [frame[frame["label_fraction"] == fraction] for fraction in fractions]
    across = max(rows["archive"].nunique() for rows in settings)
    figure = new_figure(
        figsize=(2.2 + 3.2 * across, 0.8 + len(fractions) * (0.9 + 0.28 * len(arms))),
        layout="constrained",
        dpi=150,
    )
    grid = figure.subplots(len(fractions), across, sharex=True, sharey=True, squeeze=False)
    for axes_of_row, fraction, of_fraction in zip(grid, fractions, settings, strict=True):
        panels = list(of_fraction.groupby("archive"))
        for ax, (archive, rows) in zip(axes_of_row, panels, strict=False):
            _draw_panel(ax, rows, arms, highlight)
            title = f"{fraction:.0%} of labels"
            title += f", archive {archive:,.0f}" if archive else ""
            style_axes(ax, title=title, grid="x")
            ax.locator_params(axis="x", nbins=5)
        for ax in axes_of_row[len(panels) :]:
            ax.remove()
    for ax in grid[-1]:
        ax.set_xlabel("macro AUROC, 95 % interval", fontsize=8)
    return figure


def _check_frame(frame: pd.DataFrame) -> None:
    """Raise ECGError if columns are missing, or rows are missing or repeated."""
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise ECGError(
            f"plot_arms: expected the columns {', '.join(COLUMNS)}; got no {', '.join(missing)}. "
            "Pass compare_arms(...).to_frame()."
        )
    if frame.empty:
        raise ECGError(
            "plot_arms: expected one row for each arm; got an empty table. "
            "Pass compare_arms(...).to_frame()."
        )
    repeated = frame.duplicated(["arm", "label_fraction", "archive"])
    if repeated.any():
        raise ECGError(
            "plot_arms: expected one row for each arm, label_fraction and archive; got two for "
            f"{frame.loc[repeated, 'arm'].iloc[0]!r}. Average over seeds first."
        )


def _draw_panel(ax: Axes, rows: pd.DataFrame, arms: list[str], highlight: str) -> None:
    for row in rows.to_dict("records"):
        highlighted = highlight.lower() in str(row["arm"]).lower()
        style = HIGHLIGHT_STYLE if highlighted else OTHER_STYLE
        y = arms.index(row["arm"])
        ax.plot(
            [row["auroc_low"], row["auroc_high"]],
            [y, y],
            color=style["color"],
            linewidth=2.4 if highlighted else 1.4,
            solid_capstyle="butt",
        )
        ax.plot(
            row["macro_auroc"],
            y,
            markersize=6 if highlighted else 5,
            linestyle="none",
            color=style["color"],
            marker=style["marker"],
        )
        ax.annotate(
            f"{row['macro_auroc']:.3f}".lstrip("0"),
            (row["macro_auroc"], y),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            fontweight="bold" if highlighted else "normal",
        )
    ax.set_yticks(range(len(arms)), arms)
    ax.set_ylim(len(arms) - 0.4, -0.8)
    for label, arm in zip(ax.get_yticklabels(), arms, strict=False):
        label.set_fontweight("bold" if highlight.lower() in str(arm).lower() else "normal")
