"""Displays of calibration and decision curves, as scikit-learn's displays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ecgsk.evaluation._display_base import ALL, PanelDisplay, as_frames
from ecgsk.metrics import calibration_curve, net_benefit
from ecgsk.plotting.scores import draw_calibration, draw_net_benefit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POOLED = "all labels, pooled"


class MultilabelCalibrationDisplay(PanelDisplay):
    """Calibration curves: observed over predicted frequency, pooled or per label.

    Create it with :meth:`from_estimator` or :meth:`from_predictions`. A notebook shows
    the figure if the display is the last line of a cell.

    .. versionadded:: 0.1

    Parameters
    ----------
    frame : DataFrame
        Output of :func:`ecgsk.metrics.calibration_curve`.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One for each label.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.evaluation import MultilabelCalibrationDisplay
    >>> rng = np.random.default_rng(0)
    >>> P = rng.random((200, 3))
    >>> Y = (rng.random((200, 3)) < P).astype(float)
    >>> display = MultilabelCalibrationDisplay.from_predictions(
    ...     Y, P, groups=np.repeat(range(100), 2), labels=[0, 2], random_state=0
    ... )
    >>> [ax.get_title() for ax in display.axes_]
    ['0', '2']
    """

    @classmethod
    def from_predictions(
        cls,
        Y: pd.DataFrame | ArrayLike,
        P: pd.DataFrame | ArrayLike,
        *,
        groups: ArrayLike | None = None,
        labels: Sequence[Any] | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        **parameters: Any,
    ) -> Self:
        """Draw the calibration curve of probabilities.

        Parameters
        ----------
        Y : DataFrame or array-like of shape (n_records, n_labels)
            Labels: 0, 1 or NaN where not measured.
        P : DataFrame or array-like of the same shape
            Probabilities.
        groups : array-like of shape (n_records,), optional
            Patient of each record. Adds intervals.
        labels : sequence, optional
            Columns of Y, each with a panel. None pools all labels in one panel,
            which frequent labels dominate.
        ax : matplotlib Axes or sequence of them, optional
            As in :meth:`plot`.
        **parameters
            Parameters of :func:`ecgsk.metrics.calibration_curve`: ``n_bins``,
            ``strategy``, ``n_resamples``, ``confidence_level`` and ``random_state``.

        Returns
        -------
        MultilabelCalibrationDisplay
            Drawn.

        Raises
        ------
        ECGError
            If a label is not a column of Y, or the input cannot be scored.
        """
        if labels is None:
            Y, P = as_frames(cls.__name__, Y, P, ALL)
            n_labels = Y.shape[1]
            groups = None if groups is None else np.repeat(np.asarray(groups), n_labels)
            Y = pd.DataFrame({_POOLED: Y.to_numpy(dtype=float, na_value=np.nan).ravel()})
            P = pd.DataFrame({_POOLED: P.to_numpy(dtype=float).ravel()})
        else:
            Y, P = as_frames(cls.__name__, Y, P, labels)
        return cls(calibration_curve(Y, P, groups=groups, **parameters)).plot(ax)

    _draw = staticmethod(draw_calibration)


class NetBenefitDisplay(PanelDisplay):
    """Decision curves: net benefit of the model, of treating all and of treating none.

    Create it with :meth:`from_estimator` or :meth:`from_predictions`. A notebook shows
    the figure if the display is the last line of a cell.

    .. versionadded:: 0.1

    Parameters
    ----------
    frame : DataFrame
        Output of :func:`ecgsk.metrics.net_benefit`.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        One for each label.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> import numpy as np
    >>> from ecgsk.evaluation import NetBenefitDisplay
    >>> rng = np.random.default_rng(0)
    >>> P = rng.random((200, 2))
    >>> Y = (rng.random((200, 2)) < P).astype(float)
    >>> display = NetBenefitDisplay.from_predictions(Y, P)
    >>> [line.get_label() for line in display.axes_[0].get_lines()]
    ['treat none', 'treat all', 'model']
    """

    @classmethod
    def from_predictions(
        cls,
        Y: pd.DataFrame | ArrayLike,
        P: pd.DataFrame | ArrayLike,
        *,
        groups: ArrayLike | None = None,
        labels: Sequence[Any] | None = None,
        ax: Axes | Sequence[Axes] | None = None,
        **parameters: Any,
    ) -> Self:
        """Draw the net benefit of probabilities.

        Parameters
        ----------
        Y : DataFrame or array-like of shape (n_records, n_labels)
            Labels: 0, 1 or NaN where not measured.
        P : DataFrame or array-like of the same shape
            Probabilities.
        groups : array-like of shape (n_records,), optional
            Patient of each record. Adds intervals.
        labels : sequence, optional
            Columns of Y, each with a panel; None takes the six with the most
            positives.
        ax : matplotlib Axes or sequence of them, optional
            As in :meth:`plot`.
        **parameters
            Parameters of :func:`ecgsk.metrics.net_benefit`: ``thresholds``,
            ``n_resamples``, ``confidence_level`` and ``random_state``.

        Returns
        -------
        NetBenefitDisplay
            Drawn.

        Raises
        ------
        ECGError
            If a label is not a column of Y, or the input cannot be scored.
        """
        Y, P = as_frames(cls.__name__, Y, P, labels)
        return cls(net_benefit(Y, P, groups=groups, **parameters)).plot(ax)

    _draw = staticmethod(draw_net_benefit)
