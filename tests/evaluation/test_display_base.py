"""Behaviour that all displays of predictions share."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ecgsk.evaluation import (
    LabelScoresDisplay,
    MultilabelCalibrationDisplay,
    NetBenefitDisplay,
    SubgroupDisplay,
)
from ecgsk.exceptions import ECGError

DISPLAYS = [
    LabelScoresDisplay,
    MultilabelCalibrationDisplay,
    NetBenefitDisplay,
    SubgroupDisplay,
]


def parameters(display, scored):
    fixed = {"groups": scored[2], "n_resamples": 30, "random_state": 0}
    return fixed | ({"by": scored[3]} if display is SubgroupDisplay else {})


@pytest.mark.parametrize("display", DISPLAYS)
def test_notebook_shows_the_figure(display, scored, monkeypatch):
    monkeypatch.setattr("ecgsk.plotting._figure.in_notebook", lambda: True)
    drawn = display.from_predictions(*scored[:2], **parameters(display, scored))
    assert drawn._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("display", DISPLAYS)
def test_plot_draws_into_given_axes(display, scored):
    drawn = display.from_predictions(*scored[:2], **parameters(display, scored))
    axes = Figure().subplots(1, len(getattr(drawn, "axes_", [0])))
    again = drawn.plot(axes)
    assert again is drawn
    assert drawn.figure_ is np.ravel(axes)[0].figure
    with pytest.raises(ECGError, match=f"{display.__name__}: expected one axes for each of"):
        drawn.plot(Figure().subplots(1, 7))


def test_notebook_does_not_show_pyplot_figures_twice(scored):
    figure, ax = plt.subplots()
    assert LabelScoresDisplay(pd.DataFrame({"estimate": [], "low": [], "high": []})).plot(ax)
    assert (
        LabelScoresDisplay.from_predictions(*scored[:2], groups=scored[2], ax=ax)._repr_png_()
        is None
    )
    plt.close(figure)


def test_default_labels_are_the_most_frequent():
    rng = np.random.default_rng(0)
    P = rng.random((100, 8)) * np.linspace(0.2, 1, 8)
    Y = (rng.random(P.shape) < P).astype(int)
    drawn = NetBenefitDisplay.from_predictions(Y, P)
    expected = sorted(range(8), key=lambda j: -Y[:, j].sum())[:6]
    assert [ax.get_title() for ax in drawn.axes_] == [str(j) for j in expected]


@pytest.mark.parametrize("display", DISPLAYS)
def test_from_estimator_equals_from_predictions(display, classifier, X, Y):
    """Labels are matched by name; patients and demographics are columns of X."""
    model = classifier
    fixed = {"n_resamples": 20, "random_state": 0}
    P = model.predict_proba(X)
    drawn = display.from_estimator(model, X, Y[Y.columns[::-1]], **fixed)
    more = {"by": X[["age", "sex"]]} if display is SubgroupDisplay else {}
    expected = display.from_predictions(Y, P, groups=X["subject_id"], **fixed, **more)
    on = [name for name in ("column", "level", "label") if name in drawn.frame] or None
    frames = [
        f.frame.sort_values(on, kind="stable") if on else f.frame.sort_index()
        for f in (drawn, expected)
    ]
    pd.testing.assert_frame_equal(*[f.reset_index(drop=True) for f in frames])
    with pytest.raises(ECGError, match="expected labels of its training set; got 'gout'"):
        display.from_estimator(model, X, Y.assign(gout=0.0), **fixed)
