"""Which rows each stage of each arm is fitted on, and that no others have a say."""

import numpy as np
import pandas as pd
import pytest

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.evaluation import ARMS, JOINT_EMBEDDING
from ecgsk.exceptions import ECGError
from ecgsk.signals import ECGArray

SIGNAL = "signal only"
MATCHED = "signal only, compute-matched"
MULTIMODAL = "multimodal (ECG + table at inference)"
TABLE = "table only"
RANDOM = "random encoder + linear"
SELF_SUPERVISED = "ECG-only self-supervision"


@pytest.fixture
def fits(monkeypatch):
    """Rows that each stage is fitted on, by their names in X."""
    seen = {JointEmbeddingPretrainer: [], ECGDiagnosisClassifier: [], LabAbnormalityExplainer: []}
    for stage, rows in seen.items():
        original = stage.fit

        def fit(self, X, *args, _original=original, _rows=rows, **kwargs):
            _rows.append(X.index.tolist())
            return _original(self, X, *args, **kwargs)

        monkeypatch.setattr(stage, "fit", fit)
    return seen


@pytest.fixture(scope="session")
def gappy(Y):
    """Every third row without any label."""
    Y = Y.copy()
    Y.iloc[::3] = np.nan
    return Y


def patients_of(X, rows):
    return set(X.loc[rows, "subject_id"])


def test_labels_are_hidden_by_patient_and_nested(compare, fits, X, gappy):
    comparison = compare(Y=gappy, label_fractions=(0.2, 0.5, 1.0), arms=[TABLE])
    few, some, every = fits[ECGDiagnosisClassifier]
    train, known = X.index[comparison.train], gappy.notna().any(axis=1)
    assert set(few) < set(some) < set(every)
    assert set(every) == set(train[known[train]])
    for rows in (few, some):
        # Of a patient whose labels are used, all labels are.
        assert set(rows) == {i for i in every if X.loc[i, "subject_id"] in patients_of(X, rows)}
    n_patients = len(patients_of(X, every))
    assert len(patients_of(X, few)) == round(0.2 * n_patients)
    assert len(patients_of(X, some)) == round(0.5 * n_patients)
    assert [s.n_labelled for s in comparison.scores] == [len(few), len(some), len(every)]


def test_the_smallest_share_is_one_patient(compare, fits, X):
    compare(label_fractions=(1e-9,), arms=[TABLE])
    (rows,) = fits[ECGDiagnosisClassifier]
    assert len(patients_of(X, rows)) == 1


def test_archives_are_nested_and_beside_the_labelled(compare, fits, X, gappy):
    sizes = (0, 3, 7, None)
    comparison = compare(
        Y=gappy, label_fractions=(0.5,), archive_sizes=sizes, arms=[JOINT_EMBEDDING]
    )
    labelled = set(fits[ECGDiagnosisClassifier][0])
    none, few, more, every = map(set, fits[JointEmbeddingPretrainer])
    assert labelled == none < few < more < every == set(X.index[comparison.train])
    assert (len(few - labelled), len(more - labelled)) == (3, 7)
    assert [s.archive for s in comparison.scores] == [0, 3, 7, len(every - labelled)]
    assert [set(rows) for rows in fits[ECGDiagnosisClassifier]] == [none, few, more, every]
    assert all(set(X.index[s.labelled]) == labelled for s in comparison.scores)


def test_one_pretraining_serves_all_shares_of_labels(compare, fits):
    """The rows of stage (i) are the same ones, so it is the same pre-training."""
    arms = [SELF_SUPERVISED, JOINT_EMBEDDING, MULTIMODAL]
    comparison = compare(label_fractions=(1.0, 0.5), arms=arms)
    assert len(fits[JointEmbeddingPretrainer]) == 2
    used = [score.model.encoder.estimator for score in comparison.scores]
    assert used[1] is used[2] is used[4] is used[5]
    assert used[0] is used[3]
    assert used[0] is not used[1]
    assert not used[0].objective_.uses_table
    assert used[1].objective_.uses_table


def test_laboratories_are_learned_from_all_rows_of_stage_one(compare, fits, cohort, gappy):
    labs = cohort.labs[["potassium"]]
    comparison = compare(
        Y=gappy,
        labs=labs,
        reference_ranges=cohort.reference_ranges,
        arms=[RANDOM, TABLE, JOINT_EMBEDDING],
    )
    expected = comparison.train.tolist()
    assert fits[LabAbnormalityExplainer] == [expected, expected]


def test_rows_are_taken_by_position(compare, X, gappy, cohort):
    """Index labels may be anything, may repeat, and may differ between the tables."""
    labs, ranges = cohort.labs[["potassium"]], cohort.reference_ranges
    named = pd.Index([f"visit {i % 5}" for i in range(len(X))])
    asked = {
        "reference_ranges": ranges,
        "arms": [JOINT_EMBEDDING, TABLE],
        "label_fractions": (0.5,),
    }
    plain = compare(Y=gappy, labs=labs, **asked).to_frame()
    other = compare(X.set_axis(named), gappy.set_axis(named[::-1]), labs.set_axis(named), **asked)
    pd.testing.assert_frame_equal(
        plain.drop(columns="seconds"), other.to_frame().drop(columns="seconds")
    )


@pytest.fixture(scope="module")
def halved(compare, comparison):
    """How to compare all arms on half of the labels, and what comes of it."""
    asked = {"split": (comparison.train, comparison.test), "label_fractions": (0.5,)}
    return asked, compare(**asked)


def test_signals_and_tables_of_the_test_side_change_no_model(compare, halved, X):
    asked, before = halved
    test = before.test
    changed = X.copy()
    signals = X["ecg"].ecg.to_numpy().copy()
    signals[test] = np.random.default_rng(0).normal(size=signals[test].shape)
    changed["ecg"] = ECGArray.from_numpy(
        signals, sampling_rate=X["ecg"].ecg.sampling_rate, leads=X["ecg"].ecg.leads
    )
    for column in ("age", "potassium", "heart_rate", "troponin"):
        changed.iloc[test, changed.columns.get_loc(column)] = 1e3
    after = compare(X=changed, **asked)
    assert [s.arm for s in before.scores] == list(ARMS)
    moved = 0
    for one, other in zip(before.scores, after.scores, strict=True):
        np.testing.assert_array_equal(one.model.predict_proba(X), other.model.predict_proba(X))
        moved += one.auroc.estimate != other.auroc.estimate
    assert moved  # they are scored on what was changed


def test_hidden_labels_change_no_model(compare, halved, X, Y):
    asked, before = halved
    used = np.isin(np.arange(len(X)), before.scores[0].labelled)
    assert (~used)[before.train].any()
    flipped = Y.copy()
    flipped[~used] = 1 - flipped[~used]
    for one, other in zip(before.scores, compare(Y=flipped, **asked).scores, strict=True):
        np.testing.assert_array_equal(one.model.predict_proba(X), other.model.predict_proba(X))
    # Those that are used, matter.
    flipped = Y.copy()
    flipped[used] = 1 - flipped[used]
    changed = compare(Y=flipped, arms=[TABLE], **asked)
    table = next(s.model for s in before.scores if s.arm == TABLE)
    assert not np.allclose(table.predict_proba(X), changed.scores[0].model.predict_proba(X))


def test_masks_split_as_row_numbers_do(compare, X):
    side = X["subject_id"].to_numpy() % 2 == 1
    masks = compare(split=(side, ~side), arms=[TABLE])
    numbers = compare(split=(np.flatnonzero(side), np.flatnonzero(~side)), arms=[TABLE])
    np.testing.assert_array_equal(masks.train, numbers.train)
    np.testing.assert_array_equal(masks.test, numbers.test)
    pd.testing.assert_frame_equal(
        masks.to_frame().drop(columns="seconds"), numbers.to_frame().drop(columns="seconds")
    )


def test_settings_that_come_to_the_same_are_one(compare):
    """All labels leave no archive: there, every size is 0."""
    comparison = compare(
        label_fractions=(0.5, 1.0, 1.0), archive_sizes=(None, 10_000, 0), arms=[TABLE, TABLE]
    )
    settings = [(s.label_fraction, s.archive > 0) for s in comparison.scores]
    assert settings == [(0.5, True), (0.5, False), (1.0, False)]
    comparison.plot()


def test_names_of_patients_may_be_words(compare, X):
    numbers = compare(arms=[TABLE])
    words = compare(arms=[TABLE], groups=[f"{i:05d}" for i in X["subject_id"]])
    np.testing.assert_array_equal(numbers.test, words.test)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"archive_sizes": (-1,)}, "expected archive_sizes of 0 or more, or None for all; got -1"),
        ({"label_fractions": (1.0, 2)}, r"expected label_fractions in \(0, 1\]; got 2"),
        ({"arms": [JOINT_EMBEDDING, "wizard"]}, r"expected arms among .* got \['wizard'\]"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_fitted(compare, fits, changes, message):
    with pytest.raises(ValueError, match=message):
        compare(**changes)
    assert not any(fits.values())


def test_training_rows_without_a_label(compare, comparison, Y):
    hidden = Y.copy()
    hidden.iloc[comparison.train] = np.nan
    with pytest.raises(
        ValueError, match="compare_arms: expected labelled training records; got none"
    ):
        compare(Y=hidden, split=(comparison.train, comparison.test))


def test_patients_nowhere(compare, X):
    with pytest.raises(ECGError, match="compare_arms expected groups, the patient of each record"):
        compare(X=X.drop(columns="subject_id"))
