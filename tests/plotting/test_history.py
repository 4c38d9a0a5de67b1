"""TrainingHistoryDisplay: losses per epoch, drawn from a fitted estimator."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ecgsk import LabAbnormalityExplainer
from ecgsk.exceptions import ECGError
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.plotting import TrainingHistoryDisplay
from ecgsk.preprocessing import Resample

pytestmark = pytest.mark.usefixtures("one_thread")


def history(train_loss, valid_loss=None, seconds=2.0):
    columns = {"train_loss": train_loss}
    if valid_loss is not None:
        columns["valid_loss"] = valid_loss
    epochs = pd.RangeIndex(1, len(train_loss) + 1, name="epoch")
    return pd.DataFrame({**columns, "seconds": seconds}, index=epochs)


def titles(display):
    return [ax.get_title() for ax in display.axes_]


@pytest.fixture
def two_stages():
    return TrainingHistoryDisplay(
        {
            "Pre-training": history([4.0, 3.0, 2.5, 2.2], [4.1, 3.1, 3.0, 3.2]),
            "Fine-tuning": history([0.3, 0.2], seconds=3600),
            "Probe": history([]),
            "Nothing": None,
        }
    )


@pytest.fixture
def pyplot_axes():
    yield plt.subplots()[1]
    plt.close("all")


def test_a_panel_for_each_stage(two_stages):
    assert two_stages.plot() is two_stages
    assert two_stages.figure_.axes == two_stages.axes_
    assert titles(two_stages) == ["Pre-training: 4 epochs in 8 s", "Fine-tuning: 2 epochs in 2 h"]
    left, right = two_stages.axes_
    assert left.get_ylim()[0] > right.get_ylim()[1]  # each has a scale of its own
    assert {ax.get_xlabel() for ax in two_stages.axes_} == {"epoch"}
    assert {ax.get_ylabel() for ax in two_stages.axes_} == {"mean loss"}


def test_curves_are_the_losses(two_stages):
    training, validation, fine_tuning = two_stages.plot().lines_
    assert list(training.get_xdata()) == [1, 2, 3, 4]
    assert list(training.get_ydata()) == [4.0, 3.0, 2.5, 2.2]
    assert list(validation.get_ydata()) == [4.1, 3.1, 3.0, 3.2]
    assert list(fine_tuning.get_ydata()) == [0.3, 0.2]
    assert [line.get_label() for line in two_stages.lines_] == [
        "training",
        "validation",
        "training",
    ]


def test_training_and_validation_differ_in_colour_and_in_shape(two_stages):
    training, validation, fine_tuning = two_stages.plot().lines_
    assert training.get_color() != validation.get_color()
    assert training.get_marker() != validation.get_marker()
    assert training.get_color() == fine_tuning.get_color()


def test_lowest_validation_loss_is_marked(two_stages):
    left, right = two_stages.plot().axes_
    (ring,) = [line for line in left.lines if line not in two_stages.lines_]
    assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([3], [3.0])
    assert ring.get_label() == "lowest, epoch 3"
    assert len(right.lines) == 1


def test_one_epoch_is_seen():
    display = TrainingHistoryDisplay({"Training": history([0.7])}).plot()
    assert titles(display) == ["Training: 1 epoch in 2 s"]
    assert display.lines_[0].get_marker() not in ("", "None", None)
    display.figure_.canvas.draw()
    low, high = display.axes_[0].get_xlim()
    assert [tick for tick in display.axes_[0].get_xticks() if low <= tick <= high] == [1]


def test_diverged_losses_leave_gaps():
    nan = [0.5, np.nan, np.nan]
    display = TrainingHistoryDisplay({"Training": history(nan, [np.nan] * 3)}).plot()
    assert len(display.axes_[0].lines) == 2
    display.figure_.savefig(io.BytesIO(), format="svg")


def test_seconds_may_be_unknown():
    frame = history([0.5, 0.4]).drop(columns="seconds")
    assert titles(TrainingHistoryDisplay({"All": frame}).plot()) == ["All: 2 epochs"]


def test_draws_into_axes_that_are_given(two_stages):
    figure = Figure()
    axes = figure.subplots(1, 2)
    assert two_stages.plot(axes).figure_ is figure
    assert two_stages.axes_ == list(axes)
    one = TrainingHistoryDisplay({"Training": history([0.7])}).plot(ax=axes[1])
    assert one.axes_ == [axes[1]]
    with pytest.raises(ECGError, match="one axes for each of Pre-training, Fine-tuning; got 1"):
        two_stages.plot(axes[0])


def test_a_notebook_shows_the_picture_once(two_stages, pyplot_axes):
    assert two_stages._repr_png_() is None  # nothing is drawn yet
    assert two_stages.plot()._repr_png_().startswith(b"\x89PNG")
    one = TrainingHistoryDisplay({"Training": history([0.7])})
    assert one.plot(pyplot_axes)._repr_png_() is None  # pyplot shows its figures by itself


def test_pyplot_knows_nothing_of_it(two_stages):
    two_stages.plot()
    assert plt.get_fignums() == []


def test_of_fitted_estimators(classifier, pretrainer, X, cohort):
    for model in (classifier, pretrainer):
        explainer = LabAbnormalityExplainer(
            FrozenEstimator(model), reference_ranges=cohort.reference_ranges
        )
        pipeline = make_pipeline(Resample(100), model)
        for estimator in (
            model,
            FrozenEstimator(model),
            pipeline,
            FrozenEstimator(pipeline),
            explainer.fit(X, cohort.labs),
        ):
            display = TrainingHistoryDisplay.from_estimator(estimator)
            assert list(display.histories) == ["Training"]
            assert list(display.lines_[0].get_ydata()) == list(model.history_["train_loss"])


def test_of_a_search(make_classifier, X, Y):
    pipeline = make_pipeline(Resample(50), make_classifier())
    grid = {"ecgdiagnosisclassifier__max_epochs": [2]}
    search = GridSearchCV(pipeline, grid, cv=MultilabelGroupKFold(2), error_score="raise")
    search.fit(X, Y, groups=X["subject_id"])
    display = TrainingHistoryDisplay.from_estimator(search)
    best = search.best_estimator_[-1].history_
    assert list(display.lines_[0].get_ydata()) == list(best["train_loss"])


@pytest.mark.parametrize(
    ("fine_tune", "stages"),
    [
        ("probe", ["Pre-training: 1 epoch"]),
        ("full", ["Pre-training: 1 epoch", "Fine-tuning: 2 epochs"]),
    ],
)
def test_of_a_pretraining_inside_fit(make_classifier, make_pretrainer, X, Y, fine_tune, stages):
    model = make_classifier(encoder=make_pretrainer(), fine_tune=fine_tune, max_epochs=2)
    display = TrainingHistoryDisplay.from_estimator(model.fit(X, Y))
    assert [title.split(" in ")[0] for title in titles(display)] == stages
    assert list(display.lines_[0].get_ydata()) == list(model.pretraining_history_["train_loss"])


def test_draws_what_was_fitted_only(make_classifier, pretrainer):
    for estimator in (
        make_classifier(),
        make_pipeline(Resample(100), make_classifier()),
        GridSearchCV(make_classifier(), {"dropout": [0.1]}),
        FrozenEstimator(make_classifier()),
        LabAbnormalityExplainer(pretrainer),
    ):
        with pytest.raises(NotFittedError):
            TrainingHistoryDisplay.from_estimator(estimator)


def test_a_probe_has_no_epochs_to_draw(make_classifier, pretrainer, X, Y):
    model = make_classifier(encoder=FrozenEstimator(pretrainer), fine_tune="probe").fit(X, Y)
    with pytest.raises(ECGError, match=r"got none\. A linear probe .* is solved without"):
        TrainingHistoryDisplay.from_estimator(model)


def test_says_what_has_no_history(classifier):
    regression = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    for estimator in (regression, make_pipeline(Resample(100), regression), "resnet18", None):
        got = type(estimator).__name__
        with pytest.raises(ECGError, match=f"expected a fitted estimator .*; got {got}. Pass the"):
            TrainingHistoryDisplay.from_estimator(estimator)
    with pytest.raises(ECGError, match=r"a column train_loss, .*; got a History"):
        TrainingHistoryDisplay.from_estimator(classifier.net_)  # skorch's is a list
    with pytest.raises(ECGError, match="expected for 'Training' a DataFrame with a column"):
        TrainingHistoryDisplay({"Training": history([0.7])[["seconds"]]}).plot()
