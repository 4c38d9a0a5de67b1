"""What "auto" means is decided in one place, and the decision is visible."""

import dataclasses
import warnings

import numpy as np
import pytest

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, compare_arms
from ecgsk.encoders import RandomConvolution, ResNet1d
from ecgsk.estimators.recipe import Recipe, Task, resolve_recipe, warn_near_threshold
from ecgsk.evaluation import ARMS
from ecgsk.exceptions import RecipeWarning

TASK = Task(
    encoder=ResNet1d(10),
    is_pretrained=True,
    has_table=True,
    is_multilabel=True,
    n_labelled=400,
    n_labelled_patients=300,
)


def resolve(task=TASK, classifier=None, **changes):
    classifier = classifier or ECGDiagnosisClassifier()
    return resolve_recipe(classifier, dataclasses.replace(task, **changes))


@pytest.mark.parametrize(
    ("n_labelled", "many_labels", "one_class"),
    [(40, "probe", "probe"), (400, "distill", "probe"), (1200, "distill", "probe_then_full")],
)
def test_auto_depends_on_labels_and_table(n_labelled, many_labels, one_class):
    assert resolve(n_labelled=n_labelled).fine_tune == many_labels
    assert resolve(n_labelled=n_labelled, is_multilabel=False).fine_tune == one_class
    assert resolve(n_labelled=n_labelled, n_labelled_patients=1).fine_tune == one_class
    multimodal = ECGDiagnosisClassifier(inputs="ecg+clinical")
    assert resolve(classifier=multimodal, n_labelled=n_labelled).fine_tune == "late_fusion"
    unpretrained = {"is_pretrained": False, "n_labelled": n_labelled}
    assert resolve(classifier=multimodal, **unpretrained).fine_tune == "full"
    assert resolve(n_labelled=n_labelled, has_table=False).fine_tune == "full"
    assert resolve(n_labelled=n_labelled, is_pretrained=False).fine_tune == "full"
    assert resolve(n_labelled=n_labelled, encoder=RandomConvolution()).fine_tune == "probe"
    table_alone = "probe" if n_labelled < 1000 else "full"
    assert resolve(n_labelled=n_labelled, encoder=None).fine_tune == table_alone


@pytest.mark.parametrize(
    ("fine_tune", "is_pretrained", "expected"),
    [
        ("full", False, (20, 3e-3)),
        ("full", True, (10, 3e-3)),
        ("distill", True, (10, 3e-3)),
        ("distill", False, (20, 3e-3)),
        ("self_train", True, (10, 3e-3)),
        ("probe_then_full", True, (5, 1e-3)),
        ("probe_then_full", False, (20, 3e-3)),
        ("probe", True, (0, 3e-3)),
    ],
)
def test_epochs_and_learning_rate_of_a_mode(fine_tune, is_pretrained, expected):
    classifier = ECGDiagnosisClassifier(fine_tune=fine_tune)
    recipe = resolve(classifier=classifier, is_pretrained=is_pretrained)
    assert (recipe.max_epochs, recipe.learning_rate) == expected
    stated = ECGDiagnosisClassifier(fine_tune="full", max_epochs=3, learning_rate=0.1)
    recipe = resolve(classifier=stated)
    assert (recipe.max_epochs, recipe.learning_rate) == (3, 0.1)


def test_a_fitted_classifier_has_its_recipe(classifier):
    assert isinstance(classifier.recipe_, Recipe)
    assert classifier.recipe_.fine_tune == "full"
    assert classifier.recipe_.reason == "the encoder is not pre-trained"
    with pytest.raises(dataclasses.FrozenInstanceError):
        classifier.recipe_.fine_tune = "probe"


@pytest.mark.parametrize(
    ("n_labelled", "other"), [(170, "distill"), (240, "probe"), (100, None), (2000, None)]
)
def test_warns_where_a_fold_may_be_trained_otherwise(n_labelled, other):
    classifier = ECGDiagnosisClassifier()
    task = dataclasses.replace(TASK, n_labelled=n_labelled)
    recipe = resolve_recipe(classifier, task)
    if other is None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warn_near_threshold(classifier, task, recipe)
    else:
        message = (
            f"chose {recipe.fine_tune!r} for {n_labelled} .* chooses {other!r} for .* set fine"
        )
        with pytest.warns(RecipeWarning, match=message):
            warn_near_threshold(classifier, task, recipe)


def test_a_stated_mode_never_warns():
    classifier = ECGDiagnosisClassifier(fine_tune="probe")
    task = dataclasses.replace(TASK, n_labelled=240)
    warn_near_threshold(classifier, task, resolve_recipe(classifier, task))


@pytest.mark.parametrize("encoder", [RandomConvolution(n_features=84), ResNet1d(10, width=4)])
def test_compared_arms_use_the_classifiers_own_recipe(cohort, monkeypatch, encoder):
    """The budget of the compute-matched arm is what the joint embedding really trains on."""
    settings, matched = [], "signal only, compute-matched, early stopping"
    arm = ARMS[matched]

    def record(setting):
        settings.append(setting)
        return arm.make(setting)

    monkeypatch.setitem(ARMS, matched, dataclasses.replace(arm, make=record))
    monkeypatch.setattr("ecgsk.estimators.recipe.MIN_LABELLED_FOR_DISTILLATION", 20)
    comparison = compare_arms(
        cohort.X,
        cohort.Y,
        pretrainer=JointEmbeddingPretrainer(encoder, max_epochs=1, verbose=0),
        classifier=ECGDiagnosisClassifier(max_epochs=2, verbose=0),
        arms=[matched, "joint embedding"],
        n_resamples=10,
        random_state=0,
        verbose=False,
    )
    joint = next(score for score in comparison.scores if score.arm == "joint embedding")
    assert settings[0].recipe == joint.model.recipe_
    expected = "probe" if isinstance(encoder, RandomConvolution) else "distill"
    assert joint.model.recipe_.fine_tune == expected
    n_epochs = 1 + (0 if expected == "probe" else 2)  # of as many records as are labelled
    model = next(score for score in comparison.scores if score.arm == matched).model
    assert np.isclose(model.max_epochs, n_epochs) or not encoder.trains
