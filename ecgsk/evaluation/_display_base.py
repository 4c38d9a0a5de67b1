"""What displays of predictions share: predicting, choosing labels, panels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError
from ecgsk.metrics._masked import as_columns
from ecgsk.plotting._notebook import NotebookPicture, check_axes, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL: Any = slice(None)
_MOST_PANELS = 6  # where no labels are named


class PredictionDisplay(NotebookPicture, ABC):
    """A picture of a table that is made of labels and probabilities."""

    def __init__(self, frame: pd.DataFrame):
        self.frame = frame

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        Y: pd.DataFrame | ArrayLike,
        groups: ArrayLike | None = None,
        **parameters: Any,
    ) -> Self:
        """Predict, score and draw.

        Parameters
        ----------
        estimator : fitted estimator
            One with ``predict_proba``, or a pipeline that ends in one.
        X : DataFrame or array-like
            What it predicts from.
        Y : DataFrame or array-like of shape (n_records, n_labels)
            Labels: 0, 1 or NaN where not measured.
        groups : array-like of shape (n_records,), optional
            Patient of each record; None takes X's ``subject_id``, where it has one.
        **parameters
            Further ones of ``from_predictions``, such as ``ax``.

        Returns
        -------
        display
            Drawn.

        Raises
        ------
        ECGError
            If the estimator does not know a label of Y, or as in
            ``from_predictions``.
        """
        if groups is None and isinstance(X, pd.DataFrame):
            groups = X.get("subject_id")
        P = _columns_of(Y, estimator, as_columns(estimator.predict_proba(X), Y))
        return cls.from_predictions(Y, P, groups, **parameters)

    @classmethod
    @abstractmethod
    def from_predictions(
        cls, Y: Any, P: Any, groups: Any = None, *, ax: Any = None, **parameters: Any
    ) -> Self:
        """Score probabilities and draw."""

    @abstractmethod
    def plot(self, ax: Any = None) -> Self:
        """Draw."""


class PanelDisplay(PredictionDisplay):
    """A panel for each label of the table."""

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> Self:
        """Draw a panel for each label.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, optional
            Axes to draw into, one for each label. By default, those of a new figure.

        Returns
        -------
        display
            Itself.

        Raises
        ------
        ECGError
            If there are not as many axes as labels.
        """
        parts = {str(name): part for name, part in self.frame.groupby("label", sort=False)}
        n = len(parts)
        self.axes_ = new_axes(n) if ax is None else check_axes(type(self).__name__, ax, list(parts))
        self.figure_ = self.axes_[0].figure
        for panel, (name, part) in zip(self.axes_, parts.items(), strict=True):
            self._draw(panel, part, name, legend=panel is self.axes_[0])
        return self

    @staticmethod
    @abstractmethod
    def _draw(ax: Axes, frame: pd.DataFrame, title: str, *, legend: bool) -> None:
        """Draw one label."""


def as_frames(caller: str, Y: Any, P: Any, labels: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the columns of Y and P for these labels; None takes the most frequent.

    Raises
    ------
    ECGError
        For a label that is none of Y's, or P of another shape.
    """
    Y = Y if isinstance(Y, pd.DataFrame) else pd.DataFrame(_as_matrix(Y))
    if np.shape(_as_matrix(P)) != Y.shape:
        raise ECGError(
            f"{caller} expected P of Y's shape, {Y.shape}; got {np.shape(P)}. Pass one "
            "probability for each label of each record."
        )
    if not isinstance(P, pd.DataFrame):
        P = pd.DataFrame(_as_matrix(P), index=Y.index, columns=Y.columns)
    if labels is ALL:
        return Y, P
    if labels is None:
        positives = (Y == 1).sum().sort_values(ascending=False, kind="stable")
        labels = list(positives.index[:_MOST_PANELS])
    if unknown := [name for name in labels if name not in Y.columns]:
        raise ECGError(
            f"{caller} expected labels that are columns of Y, such as {Y.columns[0]!r}; got "
            f"{unknown[0]!r}."
        )
    return Y[list(labels)], P[list(labels)]


def _as_matrix(values: Any) -> np.ndarray:
    array = np.asarray(values)
    return array[:, None] if array.ndim == 1 else array


def _columns_of(Y: Any, estimator: Any, P: Any) -> Any:
    """Return probabilities in the order of Y's columns, by the names of the labels."""
    model = estimator[-1] if hasattr(estimator, "steps") else estimator
    names = getattr(model, "label_names_", None)
    if names is None or not isinstance(Y, pd.DataFrame):
        return P
    if unknown := [name for name in Y.columns if name not in names]:
        raise ECGError(
            f"{type(model).__name__} was fitted on other labels than Y's: it does not know "
            f"{unknown[0]!r}. Pass Y[model.label_names_]."
        )
    return pd.DataFrame(P, index=Y.index, columns=list(names))[list(Y.columns)]
