"""Whole patients are held out, never rows."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator


@pytest.fixture(params=["pretrainer", "scratch", "pretrained"])
def fit(request, make_pretrainer, make_classifier, pretrainer):
    def call(X, Y, **changes):
        if request.param == "pretrainer":
            return make_pretrainer(**changes).fit(X)
        if request.param == "scratch":
            return make_classifier(**changes).fit(X, Y)
        frozen = FrozenEstimator(pretrainer)
        return make_classifier(encoder=frozen, fine_tune="probe_then_full", **changes).fit(X, Y)

    return call


def test_whole_patients_are_held_out(fit, X, Y, sides):
    assert X["subject_id"].duplicated().any()
    model = fit(X, Y, early_stopping=True, validation_fraction=0.25, callbacks=[sides])
    subjects = X["subject_id"].to_numpy()
    held_out = set(subjects[sides.validation])
    assert not held_out & set(subjects[sides.training])
    assert len(held_out) == 10  # a quarter of 40 patients, not of 71 rows
    assert sorted([*sides.training, *sides.validation]) == list(range(len(X)))
    assert "valid_loss" in model.history_


def test_groups_argument_takes_the_columns_place(make_classifier, X, Y, sides):
    names = X["subject_id"].map("patient {}".format)
    model = make_classifier(early_stopping=True, callbacks=[sides])
    model.fit(X[["ecg"]], Y, groups=names)
    assert not set(names.iloc[sides.validation]) & set(names.iloc[sides.training])


def test_without_patients_each_row_is_its_own(make_pretrainer, X, sides):
    make_pretrainer(early_stopping=True, callbacks=[sides]).fit(X["ecg"].ecg.to_numpy())
    assert len(sides.validation) == round(0.1 * len(X))


def test_only_labelled_patients_are_held_out(make_classifier, X, partly_labelled, sides):
    make_classifier(early_stopping=True, callbacks=[sides]).fit(X, partly_labelled)
    labelled = np.flatnonzero(partly_labelled.notna().any(axis=1))
    assert sorted([*sides.training, *sides.validation]) == labelled.tolist()


@pytest.mark.parametrize("early_stopping", [False, "auto"])
def test_small_cohorts_hold_nobody_out(fit, X, Y, early_stopping, sides):
    model = fit(X, Y, early_stopping=early_stopping, callbacks=[sides])
    assert sides.validation is None
    assert len(sides.training) == len(X)
    assert "valid_loss" not in model.history_


def test_large_cohorts_hold_patients_out(make_classifier, X, Y, monkeypatch, sides):
    monkeypatch.setattr("ecgsk.estimators._fitting.MIN_PATIENTS_FOR_EARLY_STOPPING", 40)
    make_classifier(callbacks=[sides]).fit(X, Y)
    assert len(set(X["subject_id"].iloc[sides.validation])) == 4


@pytest.mark.filterwarnings("ignore:.*no model can learn:UserWarning")
def test_few_patients_keep_one_on_each_side(make_classifier, X, Y, sides):
    two = X["subject_id"].isin(X["subject_id"].unique()[:2])
    make_classifier(early_stopping=True, callbacks=[sides]).fit(X[two], Y[two])
    assert len(sides.validation) > 0
    assert len(sides.training) > 0


def test_one_patient_cannot_be_split(make_pretrainer, X):
    one = X.assign(subject_id=1)
    message = r"early_stopping needs two patients or more, got 1. Set early_stopping=False"
    with pytest.raises(ValueError, match=message):
        make_pretrainer(early_stopping=True).fit(one)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_validation_fraction_is_a_share(make_pretrainer, X, fraction):
    with pytest.raises(
        ValueError, match=rf"validation_fraction must be in \(0, 1\), got {fraction}"
    ):
        make_pretrainer(early_stopping=True, validation_fraction=fraction).fit(X)


def test_stops_and_keeps_the_best_epoch(make_classifier, X, Y):
    model = make_classifier(
        early_stopping=True, max_epochs=40, n_iter_no_change=2, learning_rate=0.1
    )
    losses = model.fit(X, Y).history_["valid_loss"]
    assert len(losses) < 40
    assert int(losses.idxmin()) < len(losses)


def test_patients_without_a_name(make_pretrainer, X):
    unnamed = X.assign(subject_id=X["subject_id"].where(X.index > 3))
    message = r"JointEmbeddingPretrainer expected a patient for each record; got 4 records without"
    with pytest.raises(ValueError, match=message):
        make_pretrainer().fit(unnamed)


def test_groups_of_another_length(make_pretrainer, X):
    with pytest.raises(
        ValueError, match=r"JointEmbeddingPretrainer expected groups of shape \(71,\)"
    ):
        make_pretrainer().fit(X, groups=X["subject_id"].iloc[:5])
