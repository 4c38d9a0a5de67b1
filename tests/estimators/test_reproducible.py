"""Equal seeds give equal bits; nothing outside is touched; pickles are small and equal."""

import copy
import pickle
import pickletools

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ecgsk import LabAbnormalityExplainer
from ecgsk.encoders import ResNet1d


@pytest.fixture(params=["pretrainer", "scratch", "pretrained", "multimodal", "explainer"])
def fit(request, make_pretrainer, make_classifier, X, Y, cohort):
    """Fit one kind of estimator with a seed."""
    kind = request.param

    def call(random_state):
        seed = {"random_state": random_state}
        bare = make_pretrainer(random_state=None)
        if kind == "pretrainer":
            return make_pretrainer(**seed).fit(X)
        if kind == "explainer":
            explainer = LabAbnormalityExplainer(
                bare, reference_ranges=cohort.reference_ranges, **seed
            )
            return explainer.fit(X, cohort.labs)
        if kind == "scratch":
            return make_classifier(early_stopping=True, **seed).fit(X, Y)
        inputs = "ecg+clinical" if kind == "multimodal" else "ecg"
        model = make_classifier(encoder=bare, fine_tune="probe_then_full", inputs=inputs, **seed)
        return model.fit(X, Y)

    return call


def output(model, X):
    return (model.predict_proba if hasattr(model, "predict_proba") else model.transform)(X)


def test_equal_seeds_are_bit_equal_and_others_are_not(fit, X):
    expected = output(fit(7), X)
    torch.manual_seed(123)
    np.testing.assert_array_equal(output(fit(7), X), expected)
    assert not np.array_equal(output(fit(8), X), expected)


def test_global_generators_are_left_alone(fit, X):
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global generator is the subject here
    of_torch, of_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    model = fit(7)
    output(model, X)
    pickle.loads(pickle.dumps(model))
    assert torch.equal(torch.get_rng_state(), of_torch)
    np.testing.assert_array_equal(np.random.get_state()[1], of_numpy)  # noqa: NPY002


def test_copies_predict_the_same(fit, X, tmp_path):
    model = fit(7)
    expected = output(model, X)
    joblib.dump(model, tmp_path / "model.joblib")
    copies = [
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        joblib.load(tmp_path / "model.joblib"),
    ]
    for other in copies:
        np.testing.assert_array_equal(output(other, X), expected)
        assert other.get_params().keys() == model.get_params().keys()


def test_random_state_none_and_a_generator(make_classifier, X, Y):
    assert make_classifier(random_state=None).fit(X, Y).predict_proba(X).shape == Y.shape
    drawn = [
        make_classifier(random_state=np.random.RandomState(3)).fit(X, Y).predict_proba(X)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("kind", ["pretrainer", "classifier"])
def test_a_pickle_is_hardly_larger_than_its_weights(make_pretrainer, make_classifier, X, Y, kind):
    medium = ResNet1d(18, width=16)
    if kind == "pretrainer":
        model = make_pretrainer(encoder=medium, objective="table_prediction").fit(X[:16])
    else:
        model = make_classifier(encoder=medium).fit(X[:16], Y[:16])
    n_bytes = sum(p.numel() * p.element_size() for p in model.net_.module_.parameters())
    assert len(pickle.dumps(model)) <= 1.1 * n_bytes


def test_a_pickle_holds_no_signal_and_no_torch_object(classifier):
    modules = {
        str(argument).split()[0]
        for _, argument, _ in pickletools.genops(pickle.dumps(classifier))
        if isinstance(argument, str) and "." in argument
    }
    assert not any(name.startswith(("torch", "skorch", "ecgsk.signals")) for name in modules)


def test_frozen_pretrainer_is_reused_and_left_as_it_is(
    make_pretrainer, make_classifier, X, Y, copy_weights, assert_same_weights
):
    fitted = make_pretrainer().fit(X)
    before, embedding = copy_weights(fitted), fitted.transform(X)
    half = len(X) // 2
    for mode in ("probe", "full"):
        model = make_classifier(encoder=FrozenEstimator(fitted), fine_tune=mode)
        model.fit(X[:half], Y[:half])
        assert model.pretraining_history_ is None
        assert model.encoder.estimator is fitted
        np.testing.assert_array_equal(model.scale_, fitted.scale_)
        assert_same_weights(before, fitted)
    np.testing.assert_array_equal(fitted.transform(X), embedding)


def test_bare_pretrainer_is_fitted_afresh(pretrainer, make_classifier, X, Y, assert_same_weights):
    half = len(X) // 2
    model = make_classifier(encoder=pretrainer).fit(X[:half], Y[:half])
    refitted = clone(pretrainer).fit(X[:half])
    assert_same_weights(refitted, model, "backbone")
    with pytest.raises(AssertionError):
        assert_same_weights(pretrainer, model, "backbone")


def test_cloning_keeps_a_frozen_pretrainer_fitted(pretrainer, make_classifier, X, Y):
    model = clone(make_classifier(encoder=FrozenEstimator(pretrainer)))
    assert model.encoder.estimator is pretrainer
    assert not hasattr(model, "net_")
    model.fit(X, Y)


def test_parameters_are_left_as_given(make_pretrainer, make_classifier, X, Y):
    model = make_classifier(encoder=make_pretrainer(random_state=None))
    before = model.get_params()
    model.fit(X, Y)
    assert model.get_params() == before
    assert model.encoder.random_state is None
    assert not hasattr(model.encoder, "net_")


def test_a_model_outlives_its_gpu(classifier, X, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    model = copy.deepcopy(classifier).set_params(device="cuda")
    with pytest.warns(UserWarning, match="device='cuda' is not available; predicting on 'cpu'"):
        p = model.predict_proba(X)
    np.testing.assert_array_equal(p, classifier.predict_proba(X))


def test_a_fit_does_not_change_the_device_asked_for(make_classifier, X, Y, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="device='cuda' is not available: torch finds no GPU"):
        make_classifier(device="cuda").fit(X, Y)
