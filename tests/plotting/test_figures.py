"""Panels, notebook display and text of figures."""

import pickle
import sys

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ecgsk.exceptions import ECGError
from ecgsk.plotting import TrainingHistoryDisplay
from ecgsk.plotting._figure import new_figure
from ecgsk.plotting.figures import (
    escape_dollar,
    format_probability,
    panel_axes,
    style_axes,
    write_figure,
)


@pytest.fixture
def pyplot_axes():
    yield plt.subplots()[1]
    plt.close("all")


def test_notebook_shows_a_drawn_figure_once(pyplot_axes):
    losses = pd.DataFrame({"train_loss": [0.7]}, index=[1])
    display = TrainingHistoryDisplay({"Training": losses})
    assert display._repr_png_() is None  # not drawn
    bare = Figure().add_subplot()
    assert display.plot(bare)._repr_png_().startswith(b"\x89PNG")
    assert display.plot(pyplot_axes)._repr_png_() is None  # notebooks show pyplot's figures


def test_show_shows_a_figure_where_pyplot_is_imported():
    figure = new_figure(figsize=(2, 1))
    assert plt.get_fignums() == [figure.number]
    assert figure._repr_png_() is None


@pytest.mark.parametrize("place", ["notebook", "script without pyplot"])
def test_other_figures_are_pictures_of_their_own(place, monkeypatch):
    if place == "notebook":
        monkeypatch.setattr("ecgsk.plotting._figure.in_notebook", lambda: True)
    else:
        monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    figure = new_figure(figsize=(2, 1))
    assert plt.get_fignums() == []
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert pickle.loads(pickle.dumps(figure)).get_size_inches().tolist() == [2, 1]


@pytest.mark.parametrize(("n_panels", "size"), [(1, (2, 1)), (3, (6, 1)), (5, (6, 2))])
def test_new_axes_are_in_rows_of_three(n_panels, size):
    axes = panel_axes("Display", None, ["panel"] * n_panels, width=2, height=1)
    assert axes[0].figure.axes == axes
    assert len(axes) == n_panels
    assert tuple(axes[0].figure.get_size_inches()) == size


def test_given_axes_are_one_for_each_panel():
    axes = Figure().subplots(1, 2)
    assert panel_axes("Display", axes, ["a", "b"]) == list(axes)
    with pytest.raises(ECGError, match=r"Display: expected one axes for each of a; got 2\. Pass"):
        panel_axes("Display", axes, ["a"])


def test_title_shows_dollar_signs():
    (ax,) = panel_axes("Display", None, ["panel"])
    style_axes(ax, title="$a_b$", x="x")
    assert ax.get_title() == escape_dollar("$a_b$") == r"\$a_b\$"
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("p", "text"), [(0, "<0.01"), (0.005, "0.01"), (0.994, "0.99"), (0.995, ">0.99"), (1, ">0.99")]
)
def test_formatted_probability_is_never_0_or_1(p, text):
    assert format_probability(p) == text


def test_figure_is_written_whole_or_not_at_all(tmp_path):
    figure = Figure()
    write_figure(figure, tmp_path / "new" / "a.png")
    picture = (tmp_path / "new" / "a.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    figure.text(0.5, 0.5, "$\\nothing$")  # fails while the figure is drawn
    with pytest.raises(ValueError, match="nothing"):
        write_figure(figure, tmp_path / "new" / "a.png")
    assert (tmp_path / "new" / "a.png").read_bytes() == picture
