"""Display of a training history."""

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


def test_each_stage_has_a_panel(two_stages):
    assert two_stages.plot() is two_stages
    assert two_stages.figure_.axes == two_stages.axes_
    assert titles(two_stages) == ["Pre-training: 4 epochs in 8 s", "Fine-tuning: 2 epochs in 2 h"]
    left, right = two_stages.axes_
    assert left.get_ylim()[0] > right.get_ylim()[1]  # separate scales
    assert {ax.get_xlabel() for ax in two_stages.axes_} == {"epoch"}
    assert {ax.get_ylabel() for ax in two_stages.axes_} == {"mean loss"}


def test_curves_are_the_losses_of_each_epoch(two_stages):
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


def test_training_and_validation_differ_in_colour_and_marker(two_stages):
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


def test_one_epoch_is_drawn_as_a_marker():
    display = TrainingHistoryDisplay({"Training": history([0.7])}).plot()
    assert titles(display) == ["Training: 1 epoch in 2 s"]
    assert display.lines_[0].get_marker() not in ("", "None", None)
    display.figure_.canvas.draw()
    low, high = display.axes_[0].get_xlim()
    assert [tick for tick in display.axes_[0].get_xticks() if low <= tick <= high] == [1]


def test_nan_losses_leave_gaps():
    nan = [0.5, np.nan, np.nan]
    display = TrainingHistoryDisplay({"Training": history(nan, [np.nan] * 3)}).plot()
    assert len(display.axes_[0].lines) == 2
    display.figure_.savefig(io.BytesIO(), format="svg")


def test_title_without_seconds_has_the_number_of_epochs():
    frame = history([0.5, 0.4]).drop(columns="seconds")
    assert titles(TrainingHistoryDisplay({"All": frame}).plot()) == ["All: 2 epochs"]


def test_plot_draws_into_given_axes(two_stages):
    figure = Figure()
    axes = figure.subplots(1, 2)
    assert two_stages.plot(axes).figure_ is figure
    assert two_stages.axes_ == list(axes)
    one = TrainingHistoryDisplay({"Training": history([0.7])}).plot(ax=axes[1])
    assert one.axes_ == [axes[1]]
    with pytest.raises(ECGError, match="one axes for each of Pre-training, Fine-tuning; got 1"):
        two_stages.plot(axes[0])


def test_plot_is_one_figure_of_pyplot(two_stages):
    two_stages.plot()
    assert len(plt.get_fignums()) == 1


def test_history_of_estimators_pipelines_and_explainers(classifier, pretrainer, X, cohort):
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


def test_history_of_a_search_is_that_of_its_best_estimator(make_classifier, X, Y):
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
def test_pretraining_in_fit_has_a_panel(make_classifier, make_pretrainer, X, Y, fine_tune, stages):
    model = make_classifier(encoder=make_pretrainer(), fine_tune=fine_tune, max_epochs=2)
    display = TrainingHistoryDisplay.from_estimator(model.fit(X, Y))
    assert [title.split(" in ")[0] for title in titles(display)] == stages
    assert list(display.lines_[0].get_ydata()) == list(model.pretraining_history_["train_loss"])


def test_unfitted_estimators_raise(make_classifier, pretrainer):
    for estimator in (
        make_classifier(),
        make_pipeline(Resample(100), make_classifier()),
        GridSearchCV(make_classifier(), {"dropout": [0.1]}),
        FrozenEstimator(make_classifier()),
        LabAbnormalityExplainer(pretrainer),
    ):
        with pytest.raises(NotFittedError):
            TrainingHistoryDisplay.from_estimator(estimator)


def test_linear_probe_raises(make_classifier, pretrainer, X, Y):
    model = make_classifier(encoder=FrozenEstimator(pretrainer), fine_tune="probe").fit(X, Y)
    with pytest.raises(ECGError, match=r"got none\. A linear probe .* has no epochs"):
        TrainingHistoryDisplay.from_estimator(model)


def test_estimators_without_a_history_raise(classifier):
    regression = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    for estimator in (regression, make_pipeline(Resample(100), regression), "resnet18", None):
        got = type(estimator).__name__
        with pytest.raises(ECGError, match=f"expected a fitted estimator .*; got {got}. Pass the"):
            TrainingHistoryDisplay.from_estimator(estimator)
    with pytest.raises(ECGError, match=r"a column train_loss, .*; got a History"):
        TrainingHistoryDisplay.from_estimator(classifier.net_)  # skorch's history is a list
    with pytest.raises(ECGError, match="expected for 'Training' a DataFrame with a column"):
        TrainingHistoryDisplay({"Training": history([0.7])[["seconds"]]}).plot()
