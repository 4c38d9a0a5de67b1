"""Losses of a training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ecgsk.exceptions import ECGError
from ecgsk.plotting._arms import OTHERS, OURS
from ecgsk.plotting._notebook import NotebookPicture, check_axes, new_axes, style_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_CURVES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("train_loss", "training", OTHERS),
    ("valid_loss", "validation", OURS),
)
_MOST_MARKERS = 20  # on one curve; more run into a thick line


class TrainingHistoryDisplay(NotebookPicture):
    """Losses per epoch, one panel for each stage of the training.

    Make it with :meth:`from_estimator`; as the last line of a notebook's cell
    it shows its picture.

    Parameters
    ----------
    histories : mapping of str to DataFrame or None
        The name of each stage and its history, as estimators keep it in
        ``history_``: one row per epoch, with the columns ``train_loss`` and,
        where they are known, ``valid_loss`` and ``seconds``. A stage without
        epochs, or None in place of its history, has no panel.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The picture.
    axes_ : list of matplotlib Axes
        One for each stage: the scales of their losses differ.
    lines_ : list of matplotlib Line2D
        The curves, stage by stage, training before validation.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.datasets import make_clinical_ecg
    >>> from ecgsk.encoders import ResNet1d
    >>> from ecgsk.plotting import TrainingHistoryDisplay
    >>> X, Y = make_clinical_ecg(n_subjects=20, random_state=0, return_X_y=True)
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
        """Draw how a fitted estimator was trained.

        Parameters
        ----------
        estimator : fitted estimator
            One with a ``history_``, such as :class:`~ecgsk.JointEmbeddingPretrainer`
            and :class:`~ecgsk.ECGDiagnosisClassifier`; a
            :class:`~ecgsk.LabAbnormalityExplainer`, for its encoder; a pipeline that
            ends in one of them, a ``FrozenEstimator`` of one, or a search for the
            best one.
        ax : matplotlib Axes or sequence of them, optional
            As in :meth:`plot`.

        Returns
        -------
        TrainingHistoryDisplay
            Drawn. A pre-training inside ``fit`` has a panel of its own.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ECGError
            If it keeps no history, or was fitted without epochs, as a linear
            probe is.
        """
        return cls(_read_histories(estimator)).plot(ax=ax)

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> TrainingHistoryDisplay:
        """Draw the losses; a ring marks the lowest validation loss.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, optional
            Axes to draw into, one for each stage. By default, those of a new
            figure.

        Returns
        -------
        TrainingHistoryDisplay
            Itself.

        Raises
        ------
        ECGError
            If no stage has an epoch, a history lacks its losses, or there are
            not as many axes as stages.
        """
        stages = _check_histories(self.histories)
        self.axes_ = (
            new_axes(len(stages))
            if ax is None
            else check_axes("TrainingHistoryDisplay", ax, list(stages))
        )
        self.figure_ = self.axes_[0].figure
        self.lines_: list[Line2D] = []
        for panel, (stage, history) in zip(self.axes_, stages.items(), strict=True):
            self.lines_ += _draw_stage(panel, stage, history)
        return self


def _read_histories(estimator: Any) -> dict[str, pd.DataFrame]:
    model = _look_through(estimator)
    if not hasattr(model, "history_"):
        if hasattr(model, "fit"):
            check_is_fitted(model)
        raise ECGError(
            "TrainingHistoryDisplay: expected a fitted estimator with a history_, such as "
            "ECGDiagnosisClassifier, or a pipeline that ends in one, or a search with refit=True; "
            f"got {type(estimator).__name__}. Pass the step that was trained in epochs."
        )
    before = getattr(model, "pretraining_history_", None)
    if before is None:
        return {"Training": model.history_}
    return {"Pre-training": before, "Fine-tuning": model.history_}


def _look_through(estimator: Any) -> Any:
    """Return the model inside searches, pipelines and explainers.

    By attributes alone: pictures know nothing of the estimators, and
    ``FrozenEstimator`` hands its estimator's attributes on.
    """
    if hasattr(estimator, "best_estimator_"):
        return _look_through(estimator.best_estimator_)
    if hasattr(estimator, "steps"):
        return _look_through(estimator.steps[-1][1])
    if hasattr(estimator, "encoder_"):
        return _look_through(estimator.encoder_)
    return estimator


def _check_histories(histories: Mapping[str, pd.DataFrame | None]) -> dict[str, pd.DataFrame]:
    """Return the stages that have epochs."""
    stages = {name: frame for name, frame in histories.items() if frame is not None and len(frame)}
    if not stages:
        raise ECGError(
            "TrainingHistoryDisplay: expected a history of one epoch or more; got none. A linear "
            "probe (fine_tune='probe', which 'auto' takes for few labels) is solved without "
            "epochs. Pass the pretrainer it stands on, or fit with fine_tune='probe_then_full'."
        )
    for stage, history in stages.items():
        if not isinstance(history, pd.DataFrame) or "train_loss" not in history:
            raise ECGError(
                f"TrainingHistoryDisplay: expected for {stage!r} a DataFrame with a column "
                f"train_loss, one row per epoch; got a {type(history).__name__} without. "
                "Pass history_ as a fitted estimator of ecgsk keeps it."
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
                markevery=-(-len(history) // _MOST_MARKERS),
                **style,
            )
    if "valid_loss" in history:
        _mark_lowest(ax, history["valid_loss"].dropna().nsmallest(1))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    style_axes(ax, title=f"{stage}: {_length(history)}", x="epoch", y="mean loss")
    ax.legend(fontsize=8, frameon=False)
    return lines


def _mark_lowest(ax: Axes, lowest: pd.Series) -> None:
    if lowest.empty:  # each loss was NaN
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


def _length(history: pd.DataFrame) -> str:
    text = f"{len(history)} epoch{'s' if len(history) > 1 else ''}"
    if "seconds" not in history:
        return text
    seconds = history["seconds"].sum()
    size, unit = next(((s, u) for s, u in ((3600, "h"), (60, "min")) if seconds >= 2 * s), (1, "s"))
    return f"{text} in {seconds / size:.3g} {unit}"
