"""fine_tune="distill": a teacher with the table, a student without."""

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.estimators._distillation import distillation_targets
from ecgsk.metrics import masked_roc_auc
from ecgsk.training import Trainer

ENCODER = ResNet1d(10, width=4)


@pytest.fixture(scope="module")
def cohort():
    return make_clinical_ecg(60, random_state=0)


@pytest.fixture(scope="module")
def pretrained(cohort):
    return FrozenEstimator(
        JointEmbeddingPretrainer(ENCODER, max_epochs=1, random_state=0, verbose=False).fit(cohort.X)
    )


def make(encoder, **parameters):
    parameters = {"max_epochs": 1, "random_state": 0, "verbose": False} | parameters
    return ECGDiagnosisClassifier(encoder, fine_tune="distill", **parameters)


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
    return features, table, hidden, groups, np.ones(400), targets


def test_the_teacher_tells_of_rows_without_labels_what_their_table_tells(teaching):
    *given, truth = teaching
    taught = distillation_targets(*given)
    assert masked_roc_auc(truth[300:], taught[300:]) > 0.9
    assert taught.min() > 0
    assert taught.max() < 1


def test_a_patients_own_label_comes_back_as_the_known_share_alone(teaching):
    features, table, targets, groups, weight, _ = teaching
    flipped = targets.copy()
    own = groups == 7
    flipped[own] = 1 - flipped[own]
    before = distillation_targets(features, table, targets, groups, weight)
    after = distillation_targets(features, table, flipped, groups, weight)
    change = (flipped - targets)[own]
    np.testing.assert_allclose((after - before)[own], 0.3 * change, atol=1e-6)
    # Of five folds one has this patient, who moves what the four others are given, and
    # the mean of all five that rows without labels get.
    moved = (after != before)[:, 0]
    assert moved[300:].all()
    assert moved[:300].mean() == pytest.approx(0.8, abs=0.02)


def test_rows_that_do_not_count_do_not_teach(teaching):
    features, table, targets, groups, weight, _ = teaching
    wrong = targets.copy()
    wrong[:50] = 1 - wrong[:50]
    weight[:50] = 0
    rest = slice(50, None)
    np.testing.assert_allclose(
        distillation_targets(features, table, targets, groups, weight)[rest],
        distillation_targets(features, table, wrong, groups, weight)[rest],
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
