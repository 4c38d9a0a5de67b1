"""One split for all arms; nothing of the test side or of hidden labels gets in."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from ecgsk.evaluation import ARMS, JOINT_EMBEDDING
from ecgsk.exceptions import PatientLeakageError
from ecgsk.preprocessing import LabAbnormality

TABLE = "table only"


def test_every_arm_in_every_setting(comparison):
    frame = comparison.to_frame()
    for _, setting in frame.groupby("label_fraction"):
        assert setting["arm"].tolist() == list(ARMS)
    assert frame["label_fraction"].unique().tolist() == [1.0, 0.5]


def test_no_patient_on_both_sides(comparison, X):
    patients = X["subject_id"].to_numpy()
    assert not set(patients[comparison.train]) & set(patients[comparison.test])
    assert len(comparison.train) + len(comparison.test) == len(X)
    assert comparison.n_test_patients == len(set(patients[comparison.test]))


def test_a_split_that_leaks(compare, X):
    patients = X["subject_id"].to_numpy()
    cut = int(np.flatnonzero(patients[1:] == patients[:-1])[0]) + 1
    with pytest.raises(PatientLeakageError, match=str(patients[cut])):
        compare(split=(np.arange(cut), np.arange(cut, len(X))), arms=[TABLE])


def test_a_split_of_ones_own(compare, X):
    side = X["subject_id"].to_numpy() % 2
    train, test = np.flatnonzero(side), np.flatnonzero(1 - side)
    comparison = compare(split=(train, test), arms=[TABLE])
    assert np.array_equal(comparison.train, train)
    assert np.array_equal(comparison.test, test)


def test_an_unknown_arm(compare):
    with pytest.raises(ValueError, match=r"expected arms among \['random.*; got \['oracle'\]"):
        compare(arms=["oracle", TABLE])


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, np.nan])
def test_a_share_of_labels_that_cannot_be(compare, fraction):
    with pytest.raises(ValueError, match=r"expected label_fractions in \(0, 1\]; got"):
        compare(label_fractions=[fraction], arms=[TABLE])


def test_equal_seeds_equal_results(compare):
    arms = [JOINT_EMBEDDING, TABLE]
    one, same, other = (
        compare(arms=arms, random_state=seed).to_frame().drop(columns="seconds")
        for seed in (1, 1, 2)
    )
    assert one.equals(same)
    assert not one.equals(other)


def test_rows_without_labels_are_the_archive(compare, Y):
    Y = Y.copy()
    Y.iloc[::2] = np.nan
    comparison = compare(Y=Y, arms=[JOINT_EMBEDDING])
    (score,) = comparison.scores
    known = Y.notna().any(axis=1).to_numpy()
    assert score.n_labelled == known[comparison.train].sum()
    assert score.archive == (~known)[comparison.train].sum()


def test_patients_come_from_the_frame_or_from_groups(compare, X):
    named = compare(arms=[TABLE]).to_frame().drop(columns="seconds")
    anonymous = X.drop(columns="subject_id")
    given = compare(X=anonymous, groups=X["subject_id"], arms=[TABLE]).to_frame()
    assert named.equals(given.drop(columns="seconds"))


def test_laboratory_values_or_targets(compare, cohort):
    labs, ranges = cohort.labs[["potassium", "troponin"]], cohort.reference_ranges
    targets = LabAbnormality(ranges).fit_transform(labs)
    arms = ["random encoder + linear"]
    values = compare(labs=labs, reference_ranges=ranges, arms=arms).laboratories()
    assert values["target"].tolist() == list(targets.columns)
    assert values.equals(compare(labs=targets, arms=arms).laboratories())


def test_without_laboratory_values(compare):
    comparison = compare(arms=["random encoder + linear"])
    assert comparison.to_frame()["laboratory_auroc"].isna().all()
    assert comparison.laboratories().empty


def test_estimators_given_are_not_changed(compare, make_pretrainer, make_classifier):
    pretrainer, classifier = make_pretrainer(random_state=None), make_classifier()
    compare(pretrainer=pretrainer, classifier=classifier, arms=[JOINT_EMBEDDING])
    assert pretrainer.random_state is None
    assert not hasattr(pretrainer, "net_")
    assert not hasattr(classifier, "net_")


def test_the_models_are_there_to_use(comparison):
    ours = next(score.model for score in comparison.scores if score.arm == JOINT_EMBEDDING)
    assert isinstance(ours.encoder, FrozenEstimator)
