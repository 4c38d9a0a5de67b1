"""One ECG above what a model says of it; and what it says of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ecgsk.plotting._paper import plot_ecg

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BAR_ROW = 0.24  # inch
_MARGINS = 0.95  # inch, for titles and axis labels
_NAMED_RECORDS = 60  # more have numbers instead of names
_ABOVE, _BELOW = "#0072b2", "#9aa5ad"


def plot_explanation(
    signal: Any,
    leads: Sequence[str],
    sampling_rate: float,
    *,
    title: str,
    diagnoses: Sequence[tuple[str, float, float]],
    findings: Sequence[tuple[str, float, float]],
) -> Figure:
    """Draw an ECG at true scale, and below it probabilities as bars.

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
        Bars from the top down; ``mark`` is the threshold of a diagnosis and the
        base rate of a laboratory finding. A bar beyond its mark stands out.

    Returns
    -------
    matplotlib.figure.Figure
        The sheet, and an axes for each of the two lists that is not empty.

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
    from matplotlib.figure import Figure

    width, sheet = plot_ecg(signal, leads, sampling_rate).get_size_inches()
    panels = [
        (name, bars, mark)
        for name, bars, mark in (
            ("Diagnosis", diagnoses, "threshold"),
            ("Laboratory", findings, "base rate"),
        )
        if bars
    ]
    rows = max((len(bars) for _, bars, _ in panels), default=0)
    below = _MARGINS + rows * _BAR_ROW if rows else 0.0
    height = sheet + below
    figure = Figure(figsize=(width, height))
    paper = figure.add_axes((0, below / height, 1, sheet / height))
    plot_ecg(signal, leads, sampling_rate, title=title, ax=paper)
    share = 1 / max(len(panels), 1)
    for i, (name, bars, mark) in enumerate(panels):
        # Names stand left of the bars and need about half of the panel.
        box = ((i + 0.52) * share, 0.55 / height, 0.4 * share, rows * _BAR_ROW / height)
        _draw_bars(figure.add_axes(box), name, bars, mark)
    return figure


def plot_explanations(frame: pd.DataFrame) -> Figure:
    """Draw the probabilities of many records, one row each, one column per statement.

    Parameters
    ----------
    frame : DataFrame
        As of :meth:`ecgsk.explain.Explanations.to_frame`: one row per record and
        statement, every record with the same statements.

    Returns
    -------
    matplotlib.figure.Figure
        An axes for diagnoses and one for laboratory findings, where there are any. A
        dot marks what is predicted: a diagnosis decided "present", an abnormality
        above its threshold.

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
    from matplotlib.figure import Figure

    kinds = [(kind, part) for kind, part in frame.groupby("kind", sort=False)]
    if not kinds:
        raise ValueError("plot_explanations: there is nothing to draw, no record says anything.")
    n_columns = [part["name"].nunique() for _, part in kinds]
    n_records = max(len(part) // n for (_, part), n in zip(kinds, n_columns, strict=True))
    size = 2.2 + 0.24 * sum(n_columns), 2.4 + max(0.2 * n_records, 1.0)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(kinds), width_ratios=n_columns, squeeze=False, sharey=True)[0]
    for ax, (kind, part), n in zip(axes, kinds, n_columns, strict=True):
        p = part["probability"].to_numpy().reshape(-1, n)
        image = ax.imshow(p, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        beyond = (part["probability"] > part["threshold"]).to_numpy()
        if kind == "diagnosis":
            beyond = (part["decision"] == "present").to_numpy()
        rows, columns = beyond.reshape(-1, n).nonzero()
        ax.scatter(columns, rows, s=10, color="#d55e00", label="predicted")
        names = [str(name).replace("$", r"\$") for name in part["name"].iloc[:n]]
        ax.set_xticks(range(n), names, rotation=90, fontsize=7)
        ax.set_title("Diagnoses" if kind == "diagnosis" else "Laboratory findings", fontsize=9)
    if n_records <= _NAMED_RECORDS:
        records = kinds[0][1]["record"].iloc[:: n_columns[0]]
        axes[0].set_yticks(range(n_records), [str(r).replace("$", r"\$") for r in records])
    axes[0].tick_params(axis="y", labelsize=7)
    axes[0].set_ylabel("ECG")
    figure.colorbar(image, ax=axes[-1], label="probability, dot: predicted", fraction=0.05)
    return figure


def format_probability(p: float) -> str:
    """Return a probability with two digits that are never 0 or 1: no model is certain."""
    return "<0.01" if p < 0.005 else ">0.99" if p >= 0.995 else f"{p:.2f}"


def _draw_bars(ax: Axes, title: str, bars: Sequence[tuple[str, float, float]], mark: str) -> None:
    positions = range(len(bars))
    colors = [_ABOVE if p > reference else _BELOW for _, p, reference in bars]
    ax.barh(positions, [p for _, p, _ in bars], color=colors, height=0.62)
    ax.scatter([m for _, _, m in bars], positions, marker="|", s=90, color="#111111")
    for i, (_, p, _) in enumerate(bars):
        ax.text(1.02, i, format_probability(p), va="center", fontsize=7)
    # A name with a dollar sign is a name, not a formula.
    names = [name.replace("$", r"\$") for name, _, _ in bars]
    ax.set_yticks(positions, names, fontsize=8)
    ax.set_xlim(0, 1)
    ax.set_ylim(len(bars) - 0.4, -0.6)
    ax.tick_params(axis="x", labelsize=7)
    ax.set_title(f"{title}: probability, | {mark}", fontsize=8, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
