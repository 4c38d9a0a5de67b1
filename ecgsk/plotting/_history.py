"""Training history: losses per epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ecgsk.exceptions import ECGError
from ecgsk.plotting.figures import (
    HIGHLIGHT_STYLE,
    OTHER_STYLE,
    NotebookFigure,
    panel_axes,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_CURVES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("train_loss", "training", OTHER_STYLE),
    ("valid_loss", "validation", HIGHLIGHT_STYLE),
)
_MAX_MARKERS = 20  # on one curve; more would overlap


class TrainingHistoryDisplay(NotebookFigure):
    """Losses per epoch, one panel for each stage of the training.

    Create it with :meth:`from_estimator`. A notebook shows the figure if the display is the
    last line of a cell.

    .. versionadded:: 0.1

    Parameters
    ----------
    histories : mapping of str to DataFrame or None
        Name and history of each stage. A history is an estimator's ``history_``: one
        row for each epoch, with the column ``train_loss`` and optionally
        ``valid_loss`` and ``seconds``. An empty history, or None, has no panel.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure.
    axes_ : list of matplotlib Axes
        One for each stage; their losses have different scales.
    lines_ : list of matplotlib Line2D
        Curves of each stage, training before validation.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.encoders import ResNet1d
    >>> from ecgsk.plotting import TrainingHistoryDisplay
    >>> X, Y = make_clinical_ecg(n_subjects=20, random_state=0, return_X_y=True)
    >>> Y = Y[["atrial fibrillation", "diabetes"]]
    >>> model = ECGDiagnosisClassifier(
    ...     ResNet1d(10, width=4), max_epochs=2, early_stopping=True, random_state=0, verbose=False
    ... ).fit(X, Y)
    >>> display = TrainingHistoryDisplay.from_estimator(model)
    >>> [line.get_label() for line in display.lines_]
    ['training', 'validation']
    """

    def __init__(self, histories: Mapping[str, pd.DataFrame | None]):
        self.histories = histories

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Axes | Sequence[Axes] | None = None
    ) -> TrainingHistoryDisplay:
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            Estimator with a ``history_``, such as
            :class:`~ecgsk.JointEmbeddingPretrainer` and
            :class:`~ecgsk.ECGDiagnosisClassifier`. A
            :class:`~ecgsk.LabAbnormalityExplainer` gives its encoder's history. Pipelines,
            ``FrozenEstimator`` and fitted searches give that of their last step,
            estimator or best estimator.
        ax : matplotlib Axes or sequence of them, optional
            As in :meth:`plot`.

        Returns
        -------
        TrainingHistoryDisplay
            Drawn. A pre-training inside ``fit`` has its own panel.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ECGError
            If the estimator has no history or was fitted without epochs, such as a
            linear probe.
        """
        return cls(_read_histories(estimator)).plot(ax=ax)

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> TrainingHistoryDisplay:
        """Draw the losses and mark the lowest validation loss with a ring.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, optional
            Axes to draw into, one for each stage. By default, axes of a new figure.

        Returns
        -------
        TrainingHistoryDisplay
            Itself.

        Raises
        ------
        ECGError
            If no stage has an epoch, a history has no losses, or the number of axes
            differs from the number of stages.
        """
        stages = _check_histories(self.histories)
        self.axes_ = panel_axes("TrainingHistoryDisplay", ax, list(stages))
        self.figure_ = self.axes_[0].figure
        self.lines_: list[Line2D] = []
        for panel, (stage, history) in zip(self.axes_, stages.items(), strict=True):
            self.lines_ += _draw_stage(panel, stage, history)
        return self


def _read_histories(estimator: Any) -> dict[str, pd.DataFrame]:
    model = _unwrap(estimator)
    if not hasattr(model, "history_"):
        if hasattr(model, "fit"):
            check_is_fitted(model)
        raise ECGError(
            "TrainingHistoryDisplay: expected a fitted estimator with a history_, such as "
            "ECGDiagnosisClassifier, or a pipeline that ends in one, or a search with refit=True; "
            f"got {type(estimator).__name__}. Pass the step that was trained for epochs."
        )
    before = getattr(model, "pretraining_history_", None)
    if before is None:
        return {"Training": model.history_}
    return {"Pre-training": before, "Fine-tuning": model.history_}


def _unwrap(estimator: Any) -> Any:
    """Return the model inside searches, pipelines and explainers, found by their attributes.

    Plotting does not import estimators. ``FrozenEstimator`` forwards its estimator's attributes.
    """
    if hasattr(estimator, "best_estimator_"):
        return _unwrap(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return _unwrap(estimator.steps[-1][1])
    if hasattr(estimator, "encoder_"):
        return _unwrap(estimator.encoder_)
    return estimator


def _check_histories(histories: Mapping[str, pd.DataFrame | None]) -> dict[str, pd.DataFrame]:
    """Return the stages with at least one epoch."""
    stages = {name: frame for name, frame in histories.items() if frame is not None and len(frame)}
    if not stages:
        raise ECGError(
            "TrainingHistoryDisplay: expected a history of at least one epoch; got none. A linear "
            "probe (fine_tune='probe', which 'auto' takes for few labels) has no epochs. Pass its "
            "pretrainer, or fit with fine_tune='probe_then_full'."
        )
    for stage, history in stages.items():
        if not isinstance(history, pd.DataFrame) or "train_loss" not in history:
            raise ECGError(
                f"TrainingHistoryDisplay: expected for {stage!r} a DataFrame with a column "
                f"train_loss, one row for each epoch; got a {type(history).__name__} without it. "
                "Pass history_ of a fitted estimator of ecgsk."
            )
    return stages


def _draw_stage(ax: Axes, stage: str, history: pd.DataFrame) -> list[Line2D]:
    from matplotlib.ticker import MaxNLocator

    lines = []
    for column, label, style in _CURVES:
        if column in history:
            lines += ax.plot(
                history.index,
                history[column],
                label=label,
                linewidth=1.6,
                markersize=4,
                markevery=-(-len(history) // _MAX_MARKERS),
                **style,
            )
    if "valid_loss" in history:
        _mark_lowest(ax, history["valid_loss"].dropna().nsmallest(1))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    style_axes(ax, title=f"{stage}: {_duration(history)}", x="epoch", y="mean loss")
    ax.legend(fontsize=8, frameon=False)
    return lines


def _mark_lowest(ax: Axes, lowest: pd.Series) -> None:
    if lowest.empty:  # all losses are NaN
        return
    ax.plot(
        lowest.index,
        lowest,
        label=f"lowest, epoch {lowest.index[0]}",
        linestyle="none",
        marker="o",
        markersize=11,
        markerfacecolor="none",
        markeredgecolor="0.2",
    )


def _duration(history: pd.DataFrame) -> str:
    text = f"{len(history)} epoch{'s' if len(history) > 1 else ''}"
    if "seconds" not in history:
        return text
    seconds = history["seconds"].sum()
    size, unit = next(((s, u) for s, u in ((3600, "h"), (60, "min")) if seconds >= 2 * s), (1, "s"))
    return f"{text} in {seconds / size:.3g} {unit}"
