"""Stage (ii): every kind of y, every way of fine-tuning."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, logit, softmax
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

from ecgsk.metrics import masked_roc_auc_scorer


def test_many_labels(classifier, X, Y):
    p = classifier.predict_proba(X)
    assert p.shape == Y.shape
    assert p.dtype == np.float64
    assert classifier.label_names_ == list(Y.columns)
    assert classifier.classes_.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(classifier.predict(X), p > 0.5)
    np.testing.assert_allclose(classifier.decision_function(X), logit(p), atol=1e-12)


def test_ecg_alone_is_enough(classifier, X):
    expected = classifier.predict_proba(X)
    for alone in (X[["ecg"]], X["ecg"], X["ecg"].array, X["ecg"].ecg.to_numpy()):
        np.testing.assert_array_equal(classifier.predict_proba(alone), expected)


def test_pretrained_with_a_table_predicts_without(make_classifier, make_pretrainer, X, Y):
    model = make_classifier(encoder=make_pretrainer()).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X[["ecg"]]), model.predict_proba(X))
    assert model.recipe_.fine_tune == "probe"
    assert len(model.pretraining_history_) == 1
    assert model.history_.empty
    assert model.leads_ == X["ecg"].ecg.leads


def test_thresholds_rule_predictions(classifier, X):
    model = clone(classifier)
    model.__setstate__(classifier.__getstate__())
    p = model.predict_proba(X)
    model.thresholds_ = np.median(p, axis=0)
    predicted = model.predict(X)
    np.testing.assert_array_equal(predicted, p > np.median(p, axis=0))
    assert (abs(predicted.mean(axis=0) - 0.5) < 0.02).all()


def test_extreme_logits_stay_inside_zero_and_one(make_classifier, X, Y):
    binary = make_classifier().fit(X, (X["age"] > 60).astype(int))
    many = make_classifier().fit(X, Y)
    several = make_classifier().fit(X, np.arange(len(X)) % 3)
    for model in (binary, many, several):
        for bias in (-1e4, 1e4):
            model.net_.module_.head.bias.data[0] = bias
            p = model.predict_proba(X)
            assert (p > 0).all()
            assert (p < 1).all()


@pytest.mark.parametrize("values", [[0, 1], ["healthy", "ill"], [False, True], [-1, 1]])
def test_two_classes(make_classifier, X, values):
    y = np.array(values)[(X["age"] > 60).astype(int)]
    model = make_classifier().fit(X, y)
    p = model.predict_proba(X)
    assert model.classes_.tolist() == values
    assert p.shape == (len(X), 2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[:, 1], expit(model.decision_function(X)))
    np.testing.assert_array_equal(model.predict(X), np.array(values)[p.argmax(axis=1)])
    assert model.label_names_ is None
    assert model.thresholds_ is None
    assert 0 <= model.score(X, y) <= 1


@pytest.mark.parametrize("fine_tune", ["full", "probe"])
def test_several_classes(make_classifier, X, fine_tune):
    y = pd.Series(np.array(["AF", "SR", "other"])[np.arange(len(X)) % 3], index=X.index)
    model = make_classifier(fine_tune=fine_tune).fit(X, y)
    p = model.predict_proba(X)
    assert model.classes_.tolist() == ["AF", "SR", "other"]
    np.testing.assert_allclose(p, softmax(model.decision_function(X), axis=1))
    assert set(model.predict(X)) <= set(y)


def test_what_the_ecg_shows_is_learned(make_classifier):
    rng = np.random.default_rng(0)
    slow = rng.integers(3, size=60)
    time = np.arange(200) / 100
    signals = np.sin(2 * np.pi * (1 + 2 * slow)[:, None] * time + rng.uniform(0, 6, (60, 1)))
    model = make_classifier(max_epochs=20, batch_size=8).fit(signals, slow)
    assert model.score(signals, slow) > 0.9


def test_one_label_in_a_frame_is_multi_label(make_classifier, X, Y):
    model = make_classifier().fit(X, Y.iloc[:, [0]])
    assert model.predict_proba(X).shape == (len(X), 1)
    assert model.label_names_ == [Y.columns[0]]
    assert model.decision_function(X).shape == (len(X), 1)


def test_spellings_of_y_agree(make_classifier, classifier, X, Y):
    expected = classifier.predict_proba(X)
    dense = Y.to_numpy(dtype=int)
    spellings = [dense, dense.tolist(), dense.astype(bool), Y.astype(bool), Y.astype("Int64")]
    spellings += [sparse.csr_matrix(dense), sparse.csr_array(dense)]
    for y in spellings:
        model = make_classifier().fit(X, y)
        np.testing.assert_array_equal(model.predict_proba(X), expected)
        named = hasattr(y, "columns")
        assert model.label_names_ == (list(Y) if named else [f"label{i}" for i in range(4)])


@pytest.mark.parametrize(
    ("n_labelled", "many_labels", "classes", "table_alone"),
    [
        (199, "probe", "probe", "probe"),
        (200, "distill", "probe", "probe"),
        (999, "distill", "probe", "probe"),
        (1000, "distill", "probe_then_full", "full"),
    ],
)
@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.RecipeWarning")
def test_automatic_fine_tuning_goes_by_labels_and_table(
    pretrainer, make_classifier, X, Y, n_labelled, many_labels, classes, table_alone
):
    """A record of weight w counts as w records."""
    weight = np.ones(len(X))
    weight[0] += n_labelled - len(X)
    frozen = {"encoder": FrozenEstimator(pretrainer)}
    ecg, three = X[["ecg", "subject_id"]], np.arange(len(X)) % 3
    for parameters, given, y, expected in (
        ({}, X, Y, "full"),
        (frozen, ecg, Y, "full"),
        (frozen, X, Y, many_labels),
        (frozen, X, three, classes),
        ({"inputs": "clinical"}, X, Y, table_alone),
    ):
        model = make_classifier(**parameters).fit(given, y, sample_weight=weight)
        assert model.recipe_.fine_tune == expected


def test_ways_of_fine_tuning(pretrainer, make_classifier, X, Y, assert_same_weights, copy_weights):
    before = copy_weights(pretrainer)
    for mode in ("probe", "probe_then_full", "full"):
        model = make_classifier(encoder=FrozenEstimator(pretrainer), fine_tune=mode).fit(X, Y)
        assert model.recipe_.fine_tune == mode
        assert len(model.history_) == (0 if mode == "probe" else 1)
        same = mode == "probe"
        try:
            assert_same_weights(before, model, "backbone")
        except AssertionError:
            assert not same, "a probe leaves the encoder as it is"
        else:
            assert same, "full training moves the encoder"


def test_probe_then_full_starts_from_the_probe(pretrainer, make_classifier, X, Y):
    frozen = {"encoder": FrozenEstimator(pretrainer)}
    probe = make_classifier(fine_tune="probe", **frozen).fit(X, Y)
    tuned = make_classifier(fine_tune="probe_then_full", learning_rate=1e-9, **frozen).fit(X, Y)
    head, head_of_probe = (m.net_.module_.head.weight.detach() for m in (tuned, probe))
    np.testing.assert_allclose(head, head_of_probe, atol=1e-4)
    assert head_of_probe.abs().max() > 1e-3


def test_transform_is_what_the_head_sees(classifier, X):
    features = classifier.transform(X)
    head = classifier.net_.module_.head
    logits = features @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    np.testing.assert_allclose(logits, classifier.decision_function(X), atol=1e-5)
    assert len(classifier.get_feature_names_out()) == features.shape[1]


def test_epochs_by_default(make_classifier, X, Y):
    assert len(make_classifier(max_epochs="auto").fit(X, Y).history_) == 20


@pytest.mark.parametrize(("fine_tune", "epochs"), [("probe_then_full", 5), ("full", 10)])
def test_epochs_from_a_pretrained_encoder(pretrainer, make_classifier, X, Y, fine_tune, epochs):
    model = make_classifier(
        encoder=FrozenEstimator(pretrainer), fine_tune=fine_tune, max_epochs="auto"
    )
    assert len(model.fit(X, Y).history_) == epochs


def test_encoder_by_name(make_classifier, X, Y):
    model = make_classifier(encoder="resnet10").fit(X.iloc[:20], Y.iloc[:20])
    assert model.encoder_spec_.depth == 10


def test_callbacks_of_the_users_own(make_classifier, X, Y):
    class Count(Callback):
        epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.epochs += 1

    count = Count()
    make_classifier(callbacks=[count], max_epochs=2).fit(X, Y)
    assert count.epochs == 2


def test_wrong_choice_of_a_parameter(make_classifier, X, Y):
    wrong = {
        "inputs": "table",
        "fine_tune": "frozen",
        "early_stopping": "yes",
        "batch_size": 0,
        "precision": "float16",
    }
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=f"{name} must be .*got {value!r}"):
            make_classifier(**{name: value}).fit(X, Y)


def test_a_score_of_unknown_labels_says_what_to_take(classifier, X, partly_labelled):
    message = r"ECGDiagnosisClassifier.score expected y without missing labels; got NaN. Use masked"
    for y in (partly_labelled, partly_labelled.to_numpy()):
        with pytest.raises(ValueError, match=message):
            classifier.score(X, y)
    assert 0 < masked_roc_auc_scorer(classifier, X, partly_labelled) < 1
