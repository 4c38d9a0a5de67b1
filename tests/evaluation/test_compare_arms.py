"""One split for all arms; nothing of the test side or of hidden labels gets in."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from ecgsk import JointEmbeddingPretrainer
from ecgsk.evaluation import ARMS, OURS
from ecgsk.exceptions import PatientLeakageError
from ecgsk.preprocessing import LabAbnormality

MATCHED = "signal only, compute-matched"
MULTIMODAL = "multimodal (ECG + table at inference)"
TABLE = "table only"


def models(comparison):
    return {(s.label_fraction, s.archive, s.arm): s.model for s in comparison.scores}


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
    with pytest.raises(ValueError, match=r"unknown arms \['oracle'\]; expected some of \['random"):
        compare(arms=["oracle", TABLE])


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, np.nan])
def test_a_share_of_labels_that_cannot_be(compare, fraction):
    with pytest.raises(ValueError, match=r"label fractions must be in \(0, 1\], got"):
        compare(label_fractions=[fraction], arms=[TABLE])


def test_equal_seeds_equal_results(compare):
    arms = [OURS, TABLE]
    one, same, other = (
        compare(arms=arms, random_state=seed).to_frame().drop(columns="seconds")
        for seed in (1, 1, 2)
    )
    assert one.equals(same)
    assert not one.equals(other)


def test_fewer_labels_are_among_the_more(compare, monkeypatch):
    """Smaller sets of labels are nested, and the rest joins the archive."""
    rows = {}
    original = JointEmbeddingPretrainer.fit

    def fit(self, X, y=None, *, groups=None):
        rows["pretraining"] = set(X.index)
        return original(self, X, y, groups=groups)

    monkeypatch.setattr(JointEmbeddingPretrainer, "fit", fit)
    comparison = compare(label_fractions=(0.25, 0.5, 1.0), arms=[OURS])
    n_labelled = [s.n_labelled for s in comparison.scores]
    assert sorted(set(n_labelled)) == n_labelled
    assert n_labelled[-1] == len(comparison.train)
    # Stage (i) sees every training row whatever the labels.
    assert rows["pretraining"] == set(comparison.train)
    assert {s.n_labelled + s.archive for s in comparison.scores} == {len(comparison.train)}


def test_archives_of_several_sizes(compare):
    scores = compare(label_fractions=(0.5,), archive_sizes=(0, 10, None), arms=[OURS]).scores
    assert [s.archive for s in scores][:2] == [0, 10]
    assert scores[2].archive > 10
    assert len({s.n_labelled for s in scores}) == 1


def test_rows_without_labels_are_the_archive(compare, Y):
    Y = Y.copy()
    Y.iloc[::2] = np.nan
    comparison = compare(Y=Y, arms=[OURS])
    (score,) = comparison.scores
    known = Y.notna().any(axis=1).to_numpy()
    assert score.n_labelled == known[comparison.train].sum()
    assert score.archive == (~known)[comparison.train].sum()


def test_arms_share_one_pretraining(compare, monkeypatch):
    fitted = []
    original = JointEmbeddingPretrainer.fit

    def fit(self, X, y=None, *, groups=None):
        fitted.append(type(self.objective).__name__)
        return original(self, X, y, groups=groups)

    monkeypatch.setattr(JointEmbeddingPretrainer, "fit", fit)
    compare()
    assert len(fitted) == 2  # with tables, and from the ECG alone


def test_the_test_side_has_no_influence(compare, comparison, X, Y):
    """Change its labels and its tables; what the arms learned stays bit for bit."""
    test = comparison.test
    split = (comparison.train, test)
    asked = {"split": split, "arms": [OURS, MULTIMODAL, TABLE], "label_fractions": (0.5,)}
    before = compare(**asked)
    changed_Y, changed_X = Y.copy(), X.copy()
    changed_Y.iloc[test] = 1 - changed_Y.iloc[test]
    changed_X.iloc[test, changed_X.columns.get_loc("age")] = 20.0
    after = compare(X=changed_X, Y=changed_Y, **asked)
    for one, other in zip(before.scores, after.scores, strict=True):
        assert np.array_equal(one.model.predict_proba(X), other.model.predict_proba(X))


def test_labels_of_the_archive_are_not_looked_at(compare, X, Y):
    comparison = compare(label_fractions=(0.5,), arms=[OURS])
    # The labelled rows of a setting are the first of a fixed permutation of patients: a
    # patient is in the archive exactly where hiding its labels changes nothing.
    model = comparison.scores[0].model
    expected = model.predict_proba(X)
    patients = X["subject_id"].to_numpy()
    unchanged = 0
    for patient in np.unique(patients[comparison.train])[:6]:
        flipped = Y.copy()
        flipped[patients == patient] = 1 - flipped[patients == patient]
        split = (comparison.train, comparison.test)
        refit = compare(Y=flipped, split=split, label_fractions=(0.5,), arms=[OURS])
        unchanged += np.array_equal(refit.scores[0].model.predict_proba(X), expected)
    assert 0 < unchanged < 6


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


def test_arms_need_the_ecg_alone_but_those_that_say_so(comparison, X):
    ecg = X[["ecg"]].iloc[:3]
    for (_, _, arm), model in models(comparison).items():
        if arm in (TABLE, MULTIMODAL):
            with pytest.raises(ValueError, match=r"column|needs"):
                model.predict_proba(ecg)
        else:
            assert model.predict_proba(ecg).shape == (3, 4)


def test_the_matched_arm_sees_as_many_records_as_both_stages(compare, make_pretrainer):
    comparison = compare(
        pretrainer=make_pretrainer(max_epochs=3), label_fractions=(0.5,), arms=[MATCHED]
    )
    (score,) = comparison.scores
    n_seen = 3 * len(comparison.train)
    epochs = len(score.model.history_)
    assert n_seen <= (epochs - 1) * score.n_labelled < n_seen + score.n_labelled


def test_estimators_given_are_not_changed(compare, make_pretrainer, make_classifier):
    pretrainer, classifier = make_pretrainer(random_state=None), make_classifier()
    compare(pretrainer=pretrainer, classifier=classifier, arms=[OURS])
    assert pretrainer.random_state is None
    assert not hasattr(pretrainer, "net_")
    assert not hasattr(classifier, "net_")


def test_the_models_are_there_to_use(comparison):
    ours = models(comparison)[1.0, 0, OURS]
    assert isinstance(ours.encoder, FrozenEstimator)
