"""Fits with a teacher: "distill" with the table in it, "self_train" without."""

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold
from skorch.callbacks import Callback

import ecgsk
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import RandomConvolution, ResNet1d
from ecgsk.estimators._distillation import distillation_targets, measured_values
from ecgsk.exceptions import RecipeWarning
from ecgsk.metrics import masked_roc_auc, masked_roc_auc_scorer
from ecgsk.training import Trainer

ENCODER = ResNet1d(10, width=4)


@pytest.fixture(scope="module")
def cohort():
    cohort = make_clinical_ecg(60, random_state=0)
    cohort["Y"] = cohort.Y.loc[:, cohort.Y.nunique() == 2]
    return cohort


@pytest.fixture(scope="module")
def pretrained(cohort):
    return FrozenEstimator(
        JointEmbeddingPretrainer(ENCODER, max_epochs=1, random_state=0, verbose=False).fit(cohort.X)
    )


def make(encoder, **parameters):
    parameters = {"max_epochs": 1, "random_state": 0, "verbose": False} | parameters
    parameters = {"fine_tune": "distill"} | parameters
    return ECGDiagnosisClassifier(encoder, **parameters)


@pytest.fixture
def teaching():
    """Records whose label a column of the table gives away, some without a label."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(200), 2)
    table = rng.normal(size=(400, 3)).astype(np.float32)
    table[rng.random(table.shape) < 0.1] = np.nan
    targets = (np.nan_to_num(table[:, :1]) + 0.3 * rng.normal(size=(400, 1)) > 0).astype(np.float32)
    hidden = targets.copy()
    hidden[300:] = np.nan
    features = rng.normal(size=(400, 4)).astype(np.float32)
    return [features, *measured_values(table)], hidden, groups, np.ones(400), targets


def test_the_teacher_tells_of_rows_without_labels_what_their_table_tells(teaching):
    *given, truth = teaching
    taught = distillation_targets(*given)
    assert masked_roc_auc(truth[300:], taught[300:]) > 0.9
    assert taught.min() > 0
    assert taught.max() < 1


def test_a_patients_own_label_comes_back_as_the_known_share_alone(teaching):
    blocks, targets, groups, weight, _ = teaching
    flipped = targets.copy()
    own = groups == 7
    flipped[own] = 1 - flipped[own]
    before = distillation_targets(blocks, targets, groups, weight)
    after = distillation_targets(blocks, flipped, groups, weight)
    change = (flipped - targets)[own]
    np.testing.assert_allclose((after - before)[own], 0.3 * change, atol=1e-6)
    # Of five folds one has this patient, who moves what the four others are given, and
    # the mean of all five that rows without labels get.
    moved = (after != before)[:, 0]
    assert moved[300:].all()
    assert moved[:300].mean() == pytest.approx(0.8, abs=0.02)


def test_rows_that_do_not_count_do_not_teach(teaching):
    blocks, targets, groups, weight, _ = teaching
    wrong = targets.copy()
    wrong[:50] = 1 - wrong[:50]
    weight[:50] = 0
    rest = slice(50, None)
    np.testing.assert_allclose(
        distillation_targets(blocks, targets, groups, weight)[rest],
        distillation_targets(blocks, wrong, groups, weight)[rest],
        atol=1e-5,
    )


def test_the_ecg_alone_is_enough(cohort, pretrained):
    X, Y = cohort.X, cohort.Y
    model = make(pretrained).fit(X, Y)
    P = model.predict_proba(X[["ecg"]])
    np.testing.assert_array_equal(P, model.predict_proba(X))


class Targets(Callback):
    """Keeps the targets of training, in the order of X: a fit has an order of its own."""

    def on_train_begin(self, net, X=None, **kwargs):
        self.values = X.targets[np.argsort(X.signals.numbers)]


def test_rows_without_labels_take_their_targets_from_the_table(cohort, pretrained, sides):
    """Here three columns give the label away; in another order they give away nothing."""
    half = len(cohort.X) // 2
    age = cohort.X["age"].to_numpy()
    truth = np.repeat(age[:, None] > np.median(age), 2, axis=1).astype(float)
    Y = pd.DataFrame(truth.copy(), columns=["old", "old too"], index=cohort.X.index)
    Y.iloc[half:] = np.nan
    area = []
    for column in (truth[:, 0], np.random.default_rng(0).permutation(truth[:, 0])):
        targets = Targets()
        X = cohort.X[["ecg", "subject_id"]].assign(age=column, potassium=column, sodium=column)
        named = ["age", "potassium", "sodium"]
        model = make(
            pretrained, clinical_columns=named, trainer=Trainer(callbacks=[targets, sides])
        )
        model.fit(X, Y)
        assert sorted(sides.training) == list(range(len(X)))
        area.append(masked_roc_auc(truth[half:], targets.values[half:]))
    assert area[0] > 0.95
    assert area[1] < 0.75


def test_patients_of_early_stopping_are_not_trained_on(cohort, pretrained, sides):
    """Their other records, without labels, are kept out too; those of other patients are not."""
    trainer = Trainer(validation_fraction=0.5, callbacks=[sides])
    model = make(pretrained, early_stopping=True, trainer=trainer)
    has_label = ~cohort.groups.duplicated().to_numpy()
    Y = cohort.Y.copy()
    Y[~has_label] = np.nan
    model.fit(cohort.X, Y)
    patients = cohort.groups.to_numpy()
    held_out = np.isin(patients, patients[sides.validation])
    assert sorted(sides.validation) == np.flatnonzero(held_out & has_label).tolist()
    assert (held_out & ~has_label).any()
    assert sorted(sides.training) == np.flatnonzero(~held_out).tolist()
    assert "valid_loss" in model.history_


def test_the_seed_decides(cohort, pretrained):
    fits = [make(pretrained).fit(cohort.X, cohort.Y).predict_proba(cohort.X) for _ in range(2)]
    np.testing.assert_array_equal(*fits)


def test_from_scratch_and_inside_fit(cohort):
    pretrainer = JointEmbeddingPretrainer(ENCODER, max_epochs=1, random_state=0, verbose=False)
    for encoder in (ENCODER, pretrainer):
        P = make(encoder).fit(cohort.X, cohort.Y).predict_proba(cohort.X[["ecg"]])
        assert np.isfinite(P).all()


@pytest.fixture(scope="module")
def alone(cohort):
    """A pre-training that has seen no table."""
    X = cohort.X[["ecg", "subject_id"]]
    return FrozenEstimator(
        JointEmbeddingPretrainer(ENCODER, max_epochs=1, random_state=0, verbose=False).fit(X)
    )


@pytest.mark.filterwarnings("ignore:.*no model can learn:UserWarning")
def test_self_training_uses_the_embedding_alone(cohort, alone, sides):
    """No column of the table changes it, and rows without labels take part."""
    Y = cohort.Y.copy()
    Y.iloc[len(Y) // 2 :] = np.nan
    trainer = Trainer(callbacks=[sides])
    with_table, without = (
        make(alone, fine_tune="self_train", trainer=trainer).fit(X, Y)
        for X in (cohort.X, cohort.X[["ecg", "subject_id"]])
    )
    assert sorted(sides.training) == list(range(len(Y)))
    np.testing.assert_array_equal(with_table.coef_, without.coef_)
    assert without.clinical_columns_ == []


@pytest.mark.parametrize("fine_tune", ["distill", "self_train", "probe_then_full"])
def test_labels_of_validation_patients_decide_nothing_but_the_epoch(
    cohort, pretrained, fine_tune, copy_weights, sides
):
    """Probe, teacher and penalty never see them: with one epoch there is nothing to choose."""
    fits = []
    for flip in (False, True):
        Y = cohort.Y.copy()
        if flip:
            Y.iloc[sides.validation] = 1 - Y.iloc[sides.validation]
        trainer = Trainer(validation_fraction=0.4, callbacks=[sides])
        fits.append(
            make(pretrained, fine_tune=fine_tune, early_stopping=True, trainer=trainer).fit(
                cohort.X, Y
            )
        )
    for one, other in zip(*(copy_weights(fit).values() for fit in fits), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("fine_tune", ["distill", "probe_then_full"])
def test_a_head_on_untrained_features_starts_fresh(cohort, fine_tune):
    """A probe of untrained features has weights in the thousands, which training cannot mend."""
    fresh, tuned = (
        make(ENCODER, fine_tune=mode, learning_rate=1e-9).fit(cohort.X, cohort.Y)
        for mode in ("full", fine_tune)
    )
    np.testing.assert_allclose(tuned.coef_, fresh.coef_, atol=1e-6)
    assert tuned.recipe_.from_scratch


def test_a_teacher_of_the_table_alone_trains_a_fresh_encoder(cohort, monkeypatch):
    """Features of untrained weights take no part in the teacher."""
    seen = []

    def spy(blocks, *args):
        seen.append([block.shape[1] for block in blocks])
        return distillation_targets(blocks, *args)

    monkeypatch.setattr("ecgsk.estimators._fine_tuning.distillation_targets", spy)
    model = make(ENCODER).fit(cohort.X, cohort.Y)
    n_columns = len(model.clinical_columns_)
    (blocks,) = seen
    assert len(blocks) == 2
    assert min(blocks) >= n_columns


@pytest.mark.parametrize("fine_tune", ["auto", "distill", "self_train"])
def test_a_student_is_trained_from_fresh_weights(cohort, pretrained, fine_tune):
    student = ResNet1d(10, width=8)
    model = make(pretrained, fine_tune=fine_tune, student=student).fit(cohort.X, cohort.Y)
    assert repr(model.encoder_spec_) == repr(student)
    assert model.recipe_.from_scratch
    assert model.recipe_.fine_tune == ("distill" if fine_tune == "auto" else fine_tune)
    assert model.predict_proba(cohort.X[["ecg"]]).shape == cohort.Y.shape


def test_a_students_targets_are_those_of_the_pretrained_embedding(cohort, pretrained):
    seen = []
    for student in (None, ENCODER):
        targets = Targets()
        trainer = Trainer(callbacks=[targets])
        make(pretrained, student=student, trainer=trainer).fit(cohort.X, cohort.Y)
        seen.append(targets.values)
    np.testing.assert_allclose(*seen, atol=1e-5)


def test_a_pretraining_inside_fit_can_teach_a_student(cohort):
    pretrainer = JointEmbeddingPretrainer(ENCODER, max_epochs=1, verbose=False)
    model = make(pretrainer, student=ResNet1d(10, width=8)).fit(cohort.X, cohort.Y)
    assert len(model.pretraining_history_) == 1
    assert model.transform(cohort.X).shape[1] != ENCODER.build(12, 1000).n_features


def test_early_stopping_of_a_probe_is_named(cohort, pretrained):
    with pytest.warns(RecipeWarning, match="holds nobody out"):
        make(pretrained, fine_tune="probe", early_stopping=True).fit(cohort.X, cohort.Y)


def test_distillation_of_fixed_features_starts_from_their_probe(cohort):
    fixed = RandomConvolution(84)
    probe, distilled = (
        make(fixed, fine_tune=mode, learning_rate=1e-9).fit(cohort.X, cohort.Y)
        for mode in ("probe", "distill")
    )
    np.testing.assert_allclose(distilled.coef_, probe.coef_, rtol=1e-3, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*no model can learn:UserWarning")
def test_a_student_survives_saving_cloning_and_a_search(cohort, pretrained, tmp_path):
    model = make(pretrained, student=ResNet1d(10, width=8), fine_tune="self_train")
    search = GridSearchCV(
        model, {"student__width": [4]}, cv=GroupKFold(2), scoring=masked_roc_auc_scorer
    )
    best = search.fit(cohort.X, cohort.Y, groups=cohort.groups).best_estimator_
    assert best.encoder_spec_.width == 4
    ecgsk.save(best, tmp_path / "model")
    loaded = ecgsk.load(tmp_path / "model")
    np.testing.assert_array_equal(
        loaded.predict_proba(cohort.X[["ecg"]]), best.predict_proba(cohort.X[["ecg"]])
    )


@pytest.mark.parametrize(
    ("parameters", "missing"),
    [
        ({"fine_tune": "self_train"}, "a pre-trained encoder"),
        ({"student": ENCODER}, "a pre-trained encoder"),
        ({"student": ENCODER, "fine_tune": "full"}, "fine_tune 'auto', 'distill' or 'self_train'"),
        ({"fine_tune": "late_fusion"}, r"inputs='ecg\+clinical'"),
    ],
)
def test_modes_that_lack_something(cohort, parameters, missing):
    with pytest.raises(ValueError, match=missing):
        make(ENCODER, **parameters).fit(cohort.X, cohort.Y)


@pytest.mark.parametrize(
    "what", ["no table", "one class of several", "one patient", "the table at inference"]
)
def test_what_cannot_be_distilled(cohort, what):
    X, y, parameters = cohort.X, cohort.Y, {}
    if what == "no table":
        X = X[["ecg", "subject_id"]]
    elif what == "one class of several":
        y = pd.Series(np.arange(len(X)) % 3)
    elif what == "one patient":
        y = y.where(cohort.groups == cohort.groups.iloc[0])
    else:
        parameters = {"inputs": "ecg+clinical"}
    with pytest.raises(ValueError, match="fine_tune='auto'"):
        make(ENCODER, **parameters).fit(X, y)


def test_a_student_needs_weights_to_train(cohort, pretrained):
    with pytest.raises(ValueError, match="a student with weights to train"):
        make(pretrained, student=RandomConvolution(84)).fit(cohort.X, cohort.Y)
