"""compare_arms: split, rows of each stage, settings and input checks."""

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.evaluation import ARMS, JOINT_EMBEDDING
from ecgsk.evaluation.arms import DEMOGRAPHICS_ONLY, resolve_arms
from ecgsk.exceptions import ECGError, PatientLeakageError, SignalQualityError, TableWarning
from ecgsk.preprocessing import LabAbnormality
from ecgsk.signals import ECGArray

DEFAULT_ARMS = resolve_arms(None)
MULTIMODAL = "multimodal (ECG + table at inference)"
TABLE = "table only"
RANDOM = "random encoder + linear"
SELF_SUPERVISED = "ECG-only self-supervision"


@pytest.fixture
def fits(monkeypatch):
    """Record the index labels of the rows that each stage is fitted on."""
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
    """Return labels with every third row NaN."""
    Y = Y.copy()
    Y.iloc[::3] = np.nan
    return Y


def patients_of(X, rows):
    return set(X.loc[rows, "subject_id"])


def test_each_setting_has_all_arms(comparison):
    frame = comparison.to_frame()
    for _, setting in frame.groupby("label_fraction"):
        assert setting["arm"].tolist() == DEFAULT_ARMS
    assert frame["label_fraction"].unique().tolist() == [1.0, 0.5]


def test_no_patient_is_in_both_sets(comparison, X):
    patients = X["subject_id"].to_numpy()
    assert not set(patients[comparison.train]) & set(patients[comparison.test])
    assert len(comparison.train) + len(comparison.test) == len(X)
    assert comparison.n_test_patients == len(set(patients[comparison.test]))


def test_split_with_a_patient_in_both_sets_raises(compare, X):
    patients = X["subject_id"].to_numpy()
    cut = int(np.flatnonzero(patients[1:] == patients[:-1])[0]) + 1
    with pytest.raises(PatientLeakageError, match=str(patients[cut])):
        compare(split=(np.arange(cut), np.arange(cut, len(X))), arms=[TABLE])


def test_given_split_is_used(compare, X):
    side = X["subject_id"].to_numpy() % 2
    train, test = np.flatnonzero(side), np.flatnonzero(1 - side)
    comparison = compare(split=(train, test), arms=[TABLE])
    assert np.array_equal(comparison.train, train)
    assert np.array_equal(comparison.test, test)


def test_masks_split_as_row_numbers(compare, X):
    side = X["subject_id"].to_numpy() % 2 == 1
    masks = compare(split=(side, ~side), arms=[TABLE])
    numbers = compare(split=(np.flatnonzero(side), np.flatnonzero(~side)), arms=[TABLE])
    np.testing.assert_array_equal(masks.train, numbers.train)
    np.testing.assert_array_equal(masks.test, numbers.test)
    pd.testing.assert_frame_equal(
        masks.to_frame().drop(columns="seconds"), numbers.to_frame().drop(columns="seconds")
    )


def test_unknown_arm_raises(compare):
    with pytest.raises(ValueError, match=r"expected arms among \['random.*; got \['oracle'\]"):
        compare(arms=["oracle", TABLE])


@pytest.mark.parametrize("fraction", [0, -0.1, 1.5, np.nan])
def test_label_fraction_outside_0_to_1_raises(compare, fraction):
    with pytest.raises(ValueError, match=r"expected label_fractions in \(0, 1\]; got"):
        compare(label_fractions=[fraction], arms=[TABLE])


def test_equal_seeds_give_equal_results(compare):
    arms = [JOINT_EMBEDDING, TABLE]
    one, same, other = (
        compare(arms=arms, random_state=seed).to_frame().drop(columns="seconds")
        for seed in (1, 1, 2)
    )
    assert one.equals(same)
    assert not one.equals(other)


def test_rows_without_labels_form_the_archive(compare, Y):
    Y = Y.copy()
    Y.iloc[::2] = np.nan
    comparison = compare(Y=Y, arms=[JOINT_EMBEDDING])
    (score,) = comparison.scores
    known = Y.notna().any(axis=1).to_numpy()
    assert score.n_labelled == known[comparison.train].sum()
    assert score.archive == (~known)[comparison.train].sum()


def test_patients_are_taken_from_the_frame_or_groups(compare, X):
    named = compare(arms=[TABLE]).to_frame().drop(columns="seconds")
    anonymous = X.drop(columns="subject_id")
    given = compare(X=anonymous, groups=X["subject_id"], arms=[TABLE]).to_frame()
    assert named.equals(given.drop(columns="seconds"))


def test_table_is_checked_before_any_fit(compare, X, fits):
    with pytest.raises(ECGError, match=r"compare_arms: .* 'hadm_id' is an identifier"):
        compare(X=X.assign(hadm_id=np.arange(len(X))))
    renamed = X.rename(columns={"subject_id": "remainder__subject_id"})
    with pytest.raises(ECGError, match=r"compare_arms: .* now 'remainder__subject_id'"):
        compare(X=renamed)
    assert not any(fits.values())


def test_a_missing_record_is_refused_before_any_fit(compare, X, fits):
    column = X["ecg"].array.copy()
    column[3] = pd.NA
    with pytest.raises(SignalQualityError, match=r"compare_arms: .* 1 of .* row 3\. Leave"):
        compare(X.assign(ecg=column))
    assert not any(fits.values())


def test_label_among_the_inputs_is_warned_of_once(compare, X, Y, make_classifier):
    leak = X.assign(copied=Y["diabetes"])
    with pytest.warns(TableWarning, match="compare_arms: .*'copied' equals") as caught:
        compare(X=leak, arms=[TABLE, MULTIMODAL])
    assert [w.category for w in caught] == [TableWarning]
    assert caught[0].filename.endswith("conftest.py")
    compare(X=leak, arms=[RANDOM])
    meant = make_classifier(clinical_columns=["age", "copied"])
    compare(X=leak, arms=[TABLE], classifier=meant, pretrainer=None)


def test_columns_of_our_readers_change_nothing(compare, X):
    read = X.assign(record=[f"p/{i}" for i in range(len(X))], ecg_time=pd.Timestamp("2150-01-01"))
    plain, other = (compare(X=table, arms=[TABLE]).to_frame() for table in (X, read))
    assert plain.drop(columns="seconds").equals(other.drop(columns="seconds"))


def test_patients_may_be_strings(compare, X):
    numbers = compare(arms=[TABLE])
    words = compare(arms=[TABLE], groups=[f"{i:05d}" for i in X["subject_id"]])
    np.testing.assert_array_equal(numbers.test, words.test)


def test_labs_may_be_values_or_targets(compare, cohort):
    labs, ranges = cohort.labs[["potassium", "troponin"]], cohort.reference_ranges
    targets = LabAbnormality(ranges).fit_transform(labs)
    arms = ["random encoder + linear"]
    values = compare(labs=labs, reference_ranges=ranges, arms=arms).laboratories()
    assert values["target"].tolist() == list(targets.columns)
    assert values.equals(compare(labs=targets, arms=arms).laboratories())


def test_laboratories_are_empty_without_labs(compare):
    comparison = compare(arms=["random encoder + linear"])
    assert comparison.to_frame()["laboratory_auroc"].isna().all()
    assert comparison.laboratories().empty


def test_given_estimators_stay_unfitted_and_unchanged(compare, make_pretrainer, make_classifier):
    pretrainer, classifier = make_pretrainer(random_state=None), make_classifier()
    compare(pretrainer=pretrainer, classifier=classifier, arms=[JOINT_EMBEDDING])
    assert pretrainer.random_state is None
    assert not hasattr(pretrainer, "net_")
    assert not hasattr(classifier, "net_")


def test_scores_keep_the_fitted_models(comparison):
    joint = next(score.model for score in comparison.scores if score.arm == JOINT_EMBEDDING)
    assert isinstance(joint.encoder, FrozenEstimator)


def test_labels_are_hidden_by_patient_in_nested_fractions(compare, fits, X, gappy):
    comparison = compare(Y=gappy, label_fractions=(0.2, 0.5, 1.0), arms=[TABLE])
    few, some, every = fits[ECGDiagnosisClassifier]
    train, known = X.index[comparison.train], gappy.notna().any(axis=1)
    assert set(few) < set(some) < set(every)
    assert set(every) == set(train[known[train]])
    for rows in (few, some):
        # All labels of a chosen patient are used.
        assert set(rows) == {i for i in every if X.loc[i, "subject_id"] in patients_of(X, rows)}
    n_patients = len(patients_of(X, every))
    assert len(patients_of(X, few)) == round(0.2 * n_patients)
    assert len(patients_of(X, some)) == round(0.5 * n_patients)
    assert [s.n_labelled for s in comparison.scores] == [len(few), len(some), len(every)]


def test_smallest_label_fraction_is_one_patient(compare, fits, X):
    compare(label_fractions=(1e-9,), arms=[TABLE])
    (rows,) = fits[ECGDiagnosisClassifier]
    assert len(patients_of(X, rows)) == 1


def test_pretraining_rows_are_the_labelled_rows_and_nested_archives(compare, fits, X, gappy):
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


def test_label_fractions_share_one_pretraining(compare, fits):
    """All label fractions have the same rows in stage (i)."""
    arms = [SELF_SUPERVISED, JOINT_EMBEDDING, MULTIMODAL]
    comparison = compare(label_fractions=(1.0, 0.5), arms=arms)
    assert len(fits[JointEmbeddingPretrainer]) == 2
    used = [score.model.encoder.estimator for score in comparison.scores]
    assert used[1] is used[2] is used[4] is used[5]
    assert used[0] is used[3]
    assert used[0] is not used[1]
    assert not used[0].objective_.uses_table
    assert used[1].objective_.uses_table


def test_laboratories_are_fitted_on_all_rows_of_stage_one(compare, fits, cohort, gappy):
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
    """Index labels may repeat, and name other things in each table."""
    labs, ranges = cohort.labs[["potassium"]], cohort.reference_ranges
    named = pd.Index([f"visit {i % 5}" for i in range(len(X))])
    asked = {
        "reference_ranges": ranges,
        "arms": [JOINT_EMBEDDING, TABLE],
        "label_fractions": (0.5,),
    }
    plain = compare(Y=gappy, labs=labs, **asked).to_frame()
    others = gappy.set_axis("label of " + named[::-1])
    other = compare(X.set_axis(named), others, labs.set_axis(named), **asked)
    pd.testing.assert_frame_equal(
        plain.drop(columns="seconds"), other.to_frame().drop(columns="seconds")
    )


@pytest.fixture(scope="module")
def halved(compare, comparison):
    """Return parameters and result of a comparison on half of the labels."""
    asked = {"split": (comparison.train, comparison.test), "label_fractions": (0.5,)}
    return asked, compare(**asked)


def test_models_ignore_signals_and_tables_of_the_test_set(compare, halved, X):
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
    assert [s.arm for s in before.scores] == DEFAULT_ARMS
    moved = 0
    for one, other in zip(before.scores, after.scores, strict=True):
        np.testing.assert_array_equal(one.model.predict_proba(X), other.model.predict_proba(X))
        moved += one.auroc.estimate != other.auroc.estimate
    assert moved  # the scores use the changed records


def test_models_ignore_hidden_labels(compare, halved, X, Y):
    asked, before = halved
    used = np.isin(np.arange(len(X)), before.scores[0].labelled)
    assert (~used)[before.train].any()
    flipped = Y.copy()
    flipped[~used] = 1 - flipped[~used]
    for one, other in zip(before.scores, compare(Y=flipped, **asked).scores, strict=True):
        np.testing.assert_array_equal(one.model.predict_proba(X), other.model.predict_proba(X))
    # Used labels change the model.
    flipped = Y.copy()
    flipped[used] = 1 - flipped[used]
    changed = compare(Y=flipped, arms=[TABLE], **asked)
    table = next(s.model for s in before.scores if s.arm == TABLE)
    assert not np.allclose(table.predict_proba(X), changed.scores[0].model.predict_proba(X))


def test_equal_settings_are_compared_once(compare):
    """With all labels the archive is empty, so every size is 0."""
    comparison = compare(
        label_fractions=(0.5, 1.0, 1.0), archive_sizes=(None, 10_000, 0), arms=[TABLE, TABLE]
    )
    settings = [(s.label_fraction, s.archive > 0) for s in comparison.scores]
    assert settings == [(0.5, True), (0.5, False), (1.0, False)]
    comparison.plot()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"archive_sizes": (-1,)}, "expected archive_sizes of 0 or more, or None for all; got -1"),
        ({"label_fractions": (1.0, 2)}, r"expected label_fractions in \(0, 1\]; got 2"),
        ({"arms": [JOINT_EMBEDDING, "wizard"]}, r"expected arms among .* got \['wizard'\]"),
    ],
)
def test_invalid_parameters_raise_before_any_fit(compare, fits, changes, message):
    with pytest.raises(ValueError, match=message):
        compare(**changes)
    assert not any(fits.values())


def test_training_rows_without_a_label_raise(compare, comparison, Y):
    hidden = Y.copy()
    hidden.iloc[comparison.train] = np.nan
    with pytest.raises(
        ValueError, match="compare_arms: expected labelled training records; got none"
    ):
        compare(Y=hidden, split=(comparison.train, comparison.test))


def test_missing_patients_raise(compare, X):
    with pytest.raises(ECGError, match="compare_arms expected groups, the patient of each record"):
        compare(X=X.drop(columns="subject_id"))


def test_scores_do_not_depend_on_n_jobs(compare, cohort):
    given = {"labs": cohort.labs[["potassium"]], "reference_ranges": cohort.reference_ranges}
    one, two = (compare(n_jobs=n_jobs, **given) for n_jobs in (1, 2))
    pd.testing.assert_frame_equal(
        one.to_frame().drop(columns="seconds"), two.to_frame().drop(columns="seconds")
    )
    pd.testing.assert_frame_equal(one.differences(), two.differences())
    pd.testing.assert_frame_equal(one.laboratories(), two.laboratories())
    shared = [two.score_of(arm).model.encoder.estimator for arm in (JOINT_EMBEDDING, MULTIMODAL)]
    np.testing.assert_array_equal(*(pretrainer.scale_[0] for pretrainer in shared))


def test_callback_gets_the_joint_embedding_first(compare):
    seen = []
    final = compare(
        arms=[TABLE, RANDOM, JOINT_EMBEDDING],
        callback=lambda comparison, score: seen.append((len(comparison.scores), score.arm)),
    )
    assert [n for n, _ in seen] == [1, 2, 3]
    assert seen[0][1] == JOINT_EMBEDDING
    assert [score.arm for score in final.scores] == [TABLE, RANDOM, JOINT_EMBEDDING]


def test_ablation_fits_every_arm_and_its_pretrainings_once(compare, fits):
    comparison = compare(arms="ablation", label_fractions=(0.6,))
    assert [score.arm for score in comparison.scores] == list(ARMS)
    assert len(fits[JointEmbeddingPretrainer]) == 2
    assert comparison.to_frame()["macro_auroc"].between(0, 1).all()


def test_name_of_one_arm_as_text_raises(compare):
    with pytest.raises(ValueError, match=r"got 'table only'. Pass arms=\['table only'\]"):
        compare(arms=TABLE)


def test_arms_without_their_columns_raise_before_any_fit(compare, fits, X):
    bare = X[["ecg", "subject_id"]]
    with pytest.raises(ECGError, match=r"the arms \['joint embedding'\] need clinical columns"):
        compare(X=bare, arms=[JOINT_EMBEDDING, SELF_SUPERVISED])
    with pytest.raises(ECGError, match="'table only, demographics' expected clinical columns"):
        compare(X=X.drop(columns=["age", "sex"]), arms=[DEMOGRAPHICS_ONLY])
    assert not any(fits.values())
    compare(X=bare, arms=[RANDOM])
