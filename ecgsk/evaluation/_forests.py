"""Displays of forest plots: scores of labels and of subgroups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
from numpy.typing import ArrayLike

from ecgsk.evaluation._display_base import PredictionDisplay
from ecgsk.evaluation._held_out import DEMOGRAPHIC_COLUMNS, age_edges
from ecgsk.exceptions import ECGError
from ecgsk.metrics import paired_difference, patient_bootstrap, subgroup_scores
from ecgsk.plotting.figures import panel_axes
from ecgsk.plotting.scores import draw_forest, forest_height

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHANCE_LEVELS = {"roc_auc": 0.5}
_DISPLAY_NAMES = {
    "roc_auc": "AUROC",
    "average_precision": "AUPRC",
    "f_max": "F-max",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}


class LabelScoresDisplay(PredictionDisplay):
    """Forest plot of the score of each label with its interval, highest on top.

    Create it with :meth:`from_estimator` or :meth:`from_predictions`. A notebook shows
    the figure if the display is the last line of a cell.

    .. versionadded:: 0.1

    Parameters
    ----------
    frame : DataFrame
        Columns ``estimate``, ``low`` and ``high``, indexed by label, as in
        ``patient_bootstrap(...).to_frame()``. Labels without an estimate are left out.
    name : str, default="score"
        Label of the x axis.
    reference : float, optional
        Position of a vertical line, such as 0 for differences.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the forest plot.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.evaluation import LabelScoresDisplay
    >>> rng = np.random.default_rng(0)
    >>> P = rng.random((200, 2))
    >>> Y = (rng.random((200, 2)) < P).astype(float)
    >>> display = LabelScoresDisplay.from_predictions(Y, P, groups=range(200), random_state=0)
    >>> display.ax_.get_xlabel()
    'AUROC, 95 % interval'
    """

    def __init__(self, frame: pd.DataFrame, *, name: str = "score", reference: float | None = None):
        super().__init__(frame)
        self.name = name
        self.reference = reference

    @classmethod
    def from_predictions(
        cls,
        Y: pd.DataFrame | ArrayLike,
        P: pd.DataFrame | ArrayLike,
        *,
        groups: Any = None,
        other: pd.DataFrame | ArrayLike | None = None,
        statistic: str = "roc_auc",
        ax: Axes | None = None,
        **parameters: Any,
    ) -> Self:
        """Draw the score of each label, or its difference from another model.

        Parameters
        ----------
        Y : DataFrame or array-like of shape (n_records, n_labels)
            Labels: 0, 1 or NaN where not measured.
        P : DataFrame or array-like of the same shape
            Probabilities.
        groups : array-like of shape (n_records,)
            Patient of each record.
        other : DataFrame or array-like of the same shape, optional
            Probabilities of another model. Its scores are subtracted, paired on the
            same patients.
        statistic : str, default="roc_auc"
            As in :func:`ecgsk.metrics.patient_bootstrap`.
        ax : matplotlib Axes, optional
            As in :meth:`plot`.
        **parameters
            Parameters of :func:`ecgsk.metrics.patient_bootstrap`: ``n_resamples``,
            ``confidence_level`` and ``random_state``.

        Returns
        -------
        LabelScoresDisplay
            Drawn.

        Raises
        ------
        ECGError
            If the input, including groups, cannot be scored.
        """
        parameters |= {"statistic": statistic, "groups": groups}
        name = _DISPLAY_NAMES.get(statistic, statistic)
        if other is None:
            result = patient_bootstrap(Y, P, **parameters)
            reference = _CHANCE_LEVELS.get(statistic)
        else:
            result, reference = paired_difference(Y, P, other, **parameters), 0.0
            name = f"difference of {name}"
        name = _with_level(name, parameters)
        return cls(result.to_frame(), name=name, reference=reference).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw a row for each label.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw into; by default, axes of a new figure.

        Returns
        -------
        LabelScoresDisplay
            Itself.
        """
        rows = self.frame.dropna(subset="estimate").sort_values("estimate", ascending=False)
        height = forest_height(len(rows))
        name = type(self).__name__
        (self.ax_,) = panel_axes(name, ax, ["the labels"], width=6, height=height)
        self.figure_ = self.ax_.figure
        draw_forest(
            self.ax_,
            [str(name) for name in rows.index],
            rows,
            x=self.name,
            reference=self.reference,
        )
        return self


class SubgroupDisplay(PredictionDisplay):
    """Forest plots of the score of each subgroup and its difference from all other records.

    Create it with :meth:`from_estimator` or :meth:`from_predictions`. A notebook shows
    the figure if the display is the last line of a cell. The labels with a score may differ
    between a subgroup and the other records; the difference is over those that both have.

    .. versionadded:: 0.1

    Parameters
    ----------
    frame : DataFrame
        Output of :func:`ecgsk.metrics.subgroup_scores`.
    name : str, default="score"
        Label of the x axis of the scores.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        Axes of the scores and of the differences.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ecgsk.evaluation import SubgroupDisplay
    >>> rng = np.random.default_rng(0)
    >>> P = rng.random((200, 2))
    >>> Y = (rng.random((200, 2)) < P).astype(float)
    >>> by = pd.DataFrame({"sex": np.repeat(["F", "M"], 100)})
    >>> display = SubgroupDisplay.from_predictions(
    ...     Y, P, groups=range(200), by=by, random_state=0
    ... )
    >>> [label.get_text() for label in display.axes_[0].get_yticklabels()]
    ['sex F (100)', 'sex M (100)']
    """

    def __init__(self, frame: pd.DataFrame, *, name: str = "score"):
        super().__init__(frame)
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: pd.DataFrame,
        Y: pd.DataFrame | ArrayLike,
        *,
        groups: ArrayLike | None = None,
        by: pd.Series | pd.DataFrame | Sequence[str] | None = None,
        **parameters: Any,
    ) -> Self:
        """Predict, score each subgroup and draw.

        Parameters
        ----------
        estimator, X, Y, groups, **parameters
            As in the other displays.
        by : Series, DataFrame or sequence of str, optional
            Columns that define the subgroups, or their names in X. None takes
            ``age``, ``sex``, ``race`` and ``ethnicity``, without those that X lacks.

        Returns
        -------
        SubgroupDisplay
            Drawn.
        """
        if by is None:
            by = [name for name in DEMOGRAPHIC_COLUMNS if name in X]
        if not isinstance(by, pd.Series | pd.DataFrame):
            by = X[list(by)]
        return super().from_estimator(estimator, X, Y, groups=groups, by=by, **parameters)

    @classmethod
    def from_predictions(
        cls,
        Y: pd.DataFrame | ArrayLike,
        P: pd.DataFrame | ArrayLike,
        *,
        groups: Any = None,
        by: Any = None,
        edges: Mapping[str, Sequence[float]] | None = None,
        statistic: str = "roc_auc",
        ax: Sequence[Axes] | None = None,
        **parameters: Any,
    ) -> Self:
        """Draw the macro score of each subgroup.

        Parameters
        ----------
        Y : DataFrame or array-like of shape (n_records, n_labels)
            Labels: 0, 1 or NaN where not measured.
        P : DataFrame or array-like of the same shape
            Probabilities.
        groups : array-like of shape (n_records,)
            Patient of each record.
        by : Series or DataFrame of n_records rows
            Columns that define the subgroups.
        edges : mapping of column name to increasing numbers, optional
            Edges of numeric columns; None cuts ``age`` at 40 and 65 years.
        statistic : str, default="roc_auc"
            As in :func:`ecgsk.metrics.patient_bootstrap`.
        ax : sequence of two matplotlib Axes, optional
            As in :meth:`plot`.
        **parameters
            Parameters of :func:`ecgsk.metrics.subgroup_scores`: ``n_resamples``,
            ``confidence_level`` and ``random_state``.

        Returns
        -------
        SubgroupDisplay
            Drawn.

        Raises
        ------
        ECGError
            If the input cannot be scored, or ``by`` has no columns.
        """
        by = pd.DataFrame(by)
        if not len(by.columns):
            raise ECGError(
                "SubgroupDisplay expected columns that define subgroups in by; got none. Pass, for "
                "example, by=X[['sex']]."
            )
        frame = subgroup_scores(
            Y,
            P,
            by,
            groups=groups,
            edges=age_edges(by) if edges is None else edges,
            statistic=statistic,
            **parameters,
        )
        name = _with_level(f"macro {_DISPLAY_NAMES.get(statistic, statistic)}", parameters)
        return cls(frame, name=name).plot(ax)

    def plot(self, ax: Sequence[Axes] | None = None) -> Self:
        """Draw a row for each subgroup, with its number of patients.

        Parameters
        ----------
        ax : sequence of two matplotlib Axes, optional
            Axes of scores and differences; by default, axes of a new figure.

        Returns
        -------
        SubgroupDisplay
            Itself.

        Raises
        ------
        ECGError
            If the number of axes is not two.
        """
        rows = self.frame
        names = [f"{row.column} {row.level} ({row.n_patients:,})" for row in rows.itertuples()]
        difference = rows[["difference", "difference_low", "difference_high"]]
        panels, height = ["scores", "differences"], forest_height(len(rows))
        self.axes_ = panel_axes(type(self).__name__, ax, panels, width=4, height=height)
        self.figure_ = self.axes_[0].figure
        scores, differences = self.axes_
        own = rows.rename(columns={"score": "estimate"})
        draw_forest(scores, names, own, x=self.name)
        to_rest = difference.set_axis(["estimate", "low", "high"], axis=1)
        draw_forest(
            differences, [""] * len(names), to_rest, x="difference to the rest", reference=0
        )
        return self


def _with_level(name: str, parameters: Mapping[str, Any]) -> str:
    """Append the confidence level to the name of a score."""
    return f"{name}, {100 * parameters.get('confidence_level', 0.95):g} % interval"
