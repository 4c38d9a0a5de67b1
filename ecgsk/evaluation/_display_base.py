"""Base classes of displays of predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError
from ecgsk.metrics.validation import probability_matrix
from ecgsk.plotting.figures import NotebookFigure, panel_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL: Any = slice(None)
_MAX_DEFAULT_PANELS = 6


class PredictionDisplay(NotebookFigure, ABC):
    """Figure of a table computed from labels and probabilities."""

    def __init__(self, frame: pd.DataFrame):
        self.frame = frame

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        Y: pd.DataFrame | ArrayLike,
        *,
        groups: ArrayLike | None = None,
        **parameters: Any,
    ) -> Self:
        """Predict, score and draw.

        Parameters
        ----------
        estimator : fitted estimator
            Estimator with ``predict_proba``, or a pipeline that ends in one.
        X : DataFrame or array-like
            Input of the estimator.
        Y : DataFrame or array-like of shape (n_records, n_labels)
            Labels: 0, 1 or NaN where not measured.
        groups : array-like of shape (n_records,), optional
            Patient of each record; None takes the column ``subject_id`` of X, if any.
        **parameters
            Parameters of ``from_predictions``, such as ``ax``.

        Returns
        -------
        display
            Drawn.

        Raises
        ------
        ECGError
            If the estimator was not fitted on a label of Y, or as in
            ``from_predictions``.
        """
        if groups is None and isinstance(X, pd.DataFrame):
            groups = X.get("subject_id")
        P = _order_columns(Y, estimator, probability_matrix(estimator.predict_proba(X), Y))
        return cls.from_predictions(Y, P, groups=groups, **parameters)

    @classmethod
    @abstractmethod
    def from_predictions(
        cls, Y: Any, P: Any, *, groups: Any = None, ax: Any = None, **parameters: Any
    ) -> Self:
        """Score probabilities and draw."""

    @abstractmethod
    def plot(self, ax: Any = None) -> Self:
        """Draw."""


class PanelDisplay(PredictionDisplay):
    """Figure with a panel for each label of the table."""

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> Self:
        """Draw a panel for each label.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, optional
            Axes to draw into, one for each label. By default, axes of a new figure.

        Returns
        -------
        display
            Itself.

        Raises
        ------
        ECGError
            If the number of axes differs from the number of labels.
        """
        parts = {str(name): part for name, part in self.frame.groupby("label", sort=False)}
        self.axes_ = panel_axes(type(self).__name__, ax, list(parts))
        self.figure_ = self.axes_[0].figure
        for panel, (name, part) in zip(self.axes_, parts.items(), strict=True):
            self._draw(panel, part, name, legend=panel is self.axes_[0])
        return self

    @staticmethod
    @abstractmethod
    def _draw(ax: Axes, frame: pd.DataFrame, title: str, *, legend: bool) -> None:
        """Draw one label."""


def as_frames(caller: str, Y: Any, P: Any, labels: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the columns of Y and P for some labels; None takes the most frequent labels.

    Raise ECGError if a label is not a column of Y, or P has another shape.
    """
    Y = Y if isinstance(Y, pd.DataFrame) else pd.DataFrame(_as_matrix(Y))
    if np.shape(_as_matrix(P)) != Y.shape:
        raise ECGError(
            f"{caller} expected P of Y's shape {Y.shape}; got {np.shape(P)}. Pass one "
            "probability for each record and label."
        )
    if not isinstance(P, pd.DataFrame):
        P = pd.DataFrame(_as_matrix(P), index=Y.index, columns=Y.columns)
    if labels is ALL:
        return Y, P
    if labels is None:
        positives = (Y == 1).sum().sort_values(ascending=False, kind="stable")
        labels = list(positives.index[:_MAX_DEFAULT_PANELS])
    if unknown := [name for name in labels if name not in Y.columns]:
        raise ECGError(
            f"{caller} expected labels among the columns of Y, such as {Y.columns[0]!r}; got "
            f"{unknown[0]!r}."
        )
    return Y[list(labels)], P[list(labels)]


def _as_matrix(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array[:, None] if array.ndim == 1 else array


def _order_columns(Y: Any, estimator: Any, P: Any) -> Any:
    """Return probabilities in the order of Y's columns, matched by label name."""
    model = estimator[-1] if hasattr(estimator, "steps") else estimator
    names = getattr(model, "label_names_", None)
    if names is None or not isinstance(Y, pd.DataFrame):
        return P
    if unknown := [name for name in Y.columns if name not in names]:
        raise ECGError(
            f"{type(model).__name__} expected labels of its training set; got {unknown[0]!r} in "
            "Y. Pass Y[model.label_names_]."
        )
    return pd.DataFrame(P, index=Y.index, columns=list(names))[list(Y.columns)]
