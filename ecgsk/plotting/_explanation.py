"""Figures of explanations: one ECG with its predictions, and predictions of many records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ecgsk.exceptions import ECGError
from ecgsk.plotting._paper import MM_PER_INCH, plot_ecg
from ecgsk.plotting._sheet import TRACE_COLOUR, lay_out
from ecgsk.plotting.figures import BLUE, VERMILION, escape_dollar, format_probability

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR_ROW_INCHES = 0.24
_MARGIN_INCHES = 0.95  # for titles and axis labels
_MAX_NAMED_RECORDS = 60  # more records are numbered
_ABOVE_MARK_COLOUR, _BELOW_MARK_COLOUR = BLUE, "#9aa5ad"


def plot_explanation(
    signal: Any,
    leads: Sequence[str],
    sampling_rate: float,
    *,
    title: str,
    diagnoses: Sequence[tuple[str, float, float]],
    findings: Sequence[tuple[str, float, float]],
) -> Figure:
    """Draw an ECG at true scale above bars of the predicted probabilities.

    .. versionadded:: 0.1

    Parameters
    ----------
    signal : array-like of shape (n_leads, n_samples)
        In mV; NaN leaves a gap.
    leads : sequence of str
        Name of each row.
    sampling_rate : float
        In Hz.
    title : str
        Text above the ECG.
    diagnoses, findings : sequence of (name, probability, mark)
        Bars from top to bottom; ``mark`` is the threshold of a diagnosis and the
        base rate of a laboratory finding. Bars above their mark are highlighted.

    Returns
    -------
    matplotlib.figure.Figure
        The ECG sheet, and an axes for each non-empty list.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.plotting import plot_explanation
    >>> figure = plot_explanation(
    ...     np.zeros((1, 1000)), ["II"], 100, title="ECG 7",
    ...     diagnoses=[("sepsis", 0.7, 0.5)], findings=[("lactate high", 0.4, 0.1)],
    ... )
    >>> len(figure.axes)
    3
    """
    from ecgsk.plotting._figure import new_figure

    paper_mm = lay_out(signal, leads, sampling_rate, name="plot_explanation")
    width, sheet = paper_mm.width / MM_PER_INCH, paper_mm.height / MM_PER_INCH
    panels = [
        (name, bars, mark)
        for name, bars, mark in (
            ("Diagnosis", diagnoses, "threshold"),
            ("Laboratory", findings, "base rate"),
        )
        if bars
    ]
    rows = max((len(bars) for _, bars, _ in panels), default=0)
    below = _MARGIN_INCHES + rows * _BAR_ROW_INCHES if rows else 0.0
    height = sheet + below
    figure = new_figure(figsize=(width, height))
    paper = figure.add_axes((0, below / height, 1, sheet / height))
    plot_ecg(signal, leads, sampling_rate, title=title, ax=paper)
    share = 1 / max(len(panels), 1)
    for i, (name, bars, mark) in enumerate(panels):
        # The names left of the bars need about half of the panel.
        box = ((i + 0.52) * share, 0.55 / height, 0.4 * share, rows * _BAR_ROW_INCHES / height)
        _draw_bars(figure.add_axes(box), name, bars, mark)
    return figure


def plot_explanations(frame: pd.DataFrame) -> Figure:
    """Draw a heat map of probabilities: one row for each record, one column for each label.

    .. versionadded:: 0.1

    Parameters
    ----------
    frame : DataFrame
        Output of :meth:`ecgsk.explain.Explanations.to_frame`: one row for each record
        and label. All records have the same labels.

    Returns
    -------
    matplotlib.figure.Figure
        An axes for diagnoses and one for laboratory findings, unless there are none. A
        dot marks a predicted label: a diagnosis with decision "present", or an abnormality
        above its threshold.

    Raises
    ------
    ECGError
        If the frame is empty.

    Examples
    --------
    >>> import pandas as pd
    >>> from ecgsk.plotting import plot_explanations
    >>> frame = pd.DataFrame({
    ...     "record": [7, 8], "kind": "diagnosis", "name": "sepsis",
    ...     "probability": [0.7, 0.1], "threshold": 0.5, "decision": ["present", "absent"],
    ... })
    >>> len(plot_explanations(frame).axes)
    2
    """
    from ecgsk.plotting._figure import new_figure

    kinds = [(kind, part) for kind, part in frame.groupby("kind", sort=False)]
    if not kinds:
        raise ECGError(
            "plot_explanations: expected one row for each record and label; got nothing to draw. "
            "Pass Explanations.to_frame() of at least one record."
        )
    n_columns = [part["name"].nunique() for _, part in kinds]
    n_records = max(len(part) // n for (_, part), n in zip(kinds, n_columns, strict=True))
    size = 2.2 + 0.24 * sum(n_columns), 2.4 + max(0.2 * n_records, 1.0)
    figure = new_figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(kinds), width_ratios=n_columns, squeeze=False, sharey=True)[0]
    for ax, (kind, part), n in zip(axes, kinds, n_columns, strict=True):
        p = part["probability"].to_numpy().reshape(-1, n)
        image = ax.imshow(p, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        beyond = (part["probability"] > part["threshold"]).to_numpy()
        if kind == "diagnosis":
            beyond = (part["decision"] == "present").to_numpy()
        rows, columns = beyond.reshape(-1, n).nonzero()
        ax.scatter(columns, rows, s=10, color=VERMILION, label="predicted")
        names = [escape_dollar(name) for name in part["name"].iloc[:n]]
        ax.set_xticks(range(n), names, rotation=90, fontsize=7)
        ax.set_title("Diagnoses" if kind == "diagnosis" else "Laboratory findings", fontsize=9)
    if n_records <= _MAX_NAMED_RECORDS:
        records = kinds[0][1]["record"].iloc[:: n_columns[0]]
        axes[0].set_yticks(range(n_records), [escape_dollar(r) for r in records])
    axes[0].tick_params(axis="y", labelsize=7)
    axes[0].set_ylabel("ECG")
    figure.colorbar(image, ax=axes[-1], label="probability, dot: predicted", fraction=0.05)
    return figure


def _draw_bars(ax: Axes, title: str, bars: Sequence[tuple[str, float, float]], mark: str) -> None:
    positions = range(len(bars))
    colors = [_ABOVE_MARK_COLOUR if p > m else _BELOW_MARK_COLOUR for _, p, m in bars]
    ax.barh(positions, [p for _, p, _ in bars], color=colors, height=0.62)
    ax.scatter([m for _, _, m in bars], positions, marker="|", s=90, color=TRACE_COLOUR)
    for i, (_, p, _) in enumerate(bars):
        ax.text(1.02, i, format_probability(p), va="center", fontsize=7)
    ax.set_yticks(positions, [escape_dollar(name) for name, _, _ in bars], fontsize=8)
    ax.set_xlim(0, 1)
    ax.set_ylim(len(bars) - 0.4, -0.6)
    ax.tick_params(axis="x", labelsize=7)
    ax.set_title(f"{title}: probability, | {mark}", fontsize=8, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
