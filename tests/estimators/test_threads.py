"""Fits and predictions in threads give what they give one after the other."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import parallel_backend
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from ecgsk.exceptions import OutOfMemoryError
from ecgsk.training.device import name_memory_errors


def run_together(functions):
    """Call functions in one thread each, which begin at the same time."""
    ready = threading.Barrier(len(functions))

    def call(function):
        ready.wait()
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(call, functions))


def test_fits_in_threads_are_those_of_one_thread(make_pretrainer, make_classifier, X, Y):
    def fit(seed):
        model = make_classifier(encoder=make_pretrainer(random_state=None), random_state=seed)
        return model.fit(X, Y).predict_proba(X)

    alone = [fit(seed) for seed in range(4)]
    torch.manual_seed(7)
    before = torch.get_rng_state()
    for _ in range(3):
        together = run_together([lambda seed=seed: fit(seed) for seed in range(4)])
        for expected, got in zip(alone, together, strict=True):
            np.testing.assert_array_equal(got, expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_number_of_threads_is_restored_after_fits_in_threads(make_classifier, X, Y):
    before = torch.get_num_threads()
    run_together([lambda: make_classifier().fit(X, Y)] * 4)
    assert torch.get_num_threads() == before


def test_cross_validation_in_threads_is_that_of_one_thread(make_classifier, X, Y):
    model = make_classifier(fine_tune="full")
    expected = cross_val_predict(model, X, Y, cv=3, method="predict_proba")
    with parallel_backend("threading", n_jobs=3):
        got = cross_val_predict(model, X, Y, cv=3, method="predict_proba")
    np.testing.assert_array_equal(np.array(got), np.array(expected))


def test_copies_made_beside_a_fit_leave_it_alone(make_classifier, classifier, X, Y):
    """A model that is unpickled draws weights too, which the stored ones replace."""
    import pickle

    pickled = pickle.dumps(classifier)
    expected = make_classifier().fit(X, Y).predict_proba(X)
    fit, *_ = run_together(
        [
            lambda: make_classifier().fit(X, Y).predict_proba(X),
            *[lambda: [pickle.loads(pickled) for _ in range(10)]] * 3,
        ]
    )
    np.testing.assert_array_equal(fit, expected)


def test_one_model_predicts_in_threads(classifier, X):
    expected = classifier.predict_proba(X)
    for got in run_together([lambda: classifier.predict_proba(X)] * 8):
        np.testing.assert_array_equal(got, expected)


def test_predictions_go_on_beside_a_fit(make_classifier, classifier, X, Y):
    expected = classifier.predict_proba(X)
    refit, *predictions = run_together(
        [
            lambda: clone(classifier).fit(X, Y).predict_proba(X),
            *[lambda: [classifier.predict_proba(X) for _ in range(5)][-1]] * 3,
        ]
    )
    np.testing.assert_array_equal(refit, expected)
    for got in predictions:
        np.testing.assert_array_equal(got, expected)


def test_batch_that_does_not_fit_into_memory(make_classifier, X, Y, monkeypatch):
    def run_out(self, *args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore words.")

    monkeypatch.setattr("ecgsk.training.net.ECGNet.train_step_single", run_out)
    expected = (
        r"ECGDiagnosisClassifier: a batch needs more memory than there is \(CUDA out of memory. "
        r"Tried to allocate 2 GiB.\). Set batch_size below 32, or Trainer\(accumulation_steps=2\)"
    )
    with pytest.raises(OutOfMemoryError, match=expected) as caught:
        make_classifier().fit(X, Y)
    assert isinstance(caught.value, MemoryError)


def test_prediction_that_does_not_fit_into_memory(classifier, X, monkeypatch):
    monkeypatch.setattr(
        "ecgsk.training.prediction.BatchLoader.__iter__", lambda self: iter([np.empty(10**15)])
    )
    with pytest.raises(OutOfMemoryError, match=r"ECGDiagnosisClassifier: .* Free memory"):
        classifier.predict_proba(X)


def test_memory_errors_of_torch_on_the_cpu_are_found_and_others_left_alone():
    with pytest.raises(OutOfMemoryError, match="allocate memory"), name_memory_errors("A", "b"):
        torch.empty(10**15)
    with pytest.raises(RuntimeError, match="shape"), name_memory_errors("A", "b"):
        torch.zeros(2, 3) @ torch.zeros(2, 3)
