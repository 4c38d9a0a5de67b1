"""Ctrl-C ends a fit at once, wherever it comes; what is kept is said, and goes on bit by bit."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_validate
from skorch.callbacks import Callback, EarlyStopping

from ecgsk import LabAbnormalityExplainer, compare_arms
from ecgsk.calibration import MultilabelCalibrator
from ecgsk.exceptions import LeakageWarning
from ecgsk.training import Trainer
from ecgsk.training.signals import Signals


class Interrupt(Callback):
    """Ctrl-C at a hook of a callback; in training, in validation, or in both."""

    def __init__(self, hook, training=None):
        self.hook, self.training = hook, training

    def notify(self, hook, training=None, **kwargs):
        if hook == self.hook and self.training in (None, training):
            raise KeyboardInterrupt


def _hook(name):
    return lambda self, net, **kwargs: self.notify(name, **kwargs)


HOOKS = [f"on_{part}_{side}" for part in ("train", "epoch", "batch") for side in ("begin", "end")]
for name in HOOKS:
    setattr(Interrupt, name, _hook(name))


@pytest.mark.parametrize("hook", HOOKS)
def test_interrupt_comes_out_of_fit(make_classifier, X, Y, hook):
    with pytest.raises(KeyboardInterrupt):
        make_classifier(callbacks=[Interrupt(hook)]).fit(X, Y)


@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end"])
def test_interrupt_in_validation_comes_out(make_classifier, X, Y, hook):
    model = make_classifier(callbacks=[Interrupt(hook, training=False)], early_stopping=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)


def test_interrupt_in_pretraining_comes_out_of_the_classifier(
    make_pretrainer, make_classifier, X, Y
):
    pretrainer = make_pretrainer(callbacks=[Interrupt("on_batch_end")])
    with pytest.raises(KeyboardInterrupt):
        make_classifier(encoder=pretrainer).fit(X, Y)


@pytest.mark.parametrize("method", ["read", "moments"])
def test_interrupt_while_signals_are_read_comes_out(make_classifier, X, Y, monkeypatch, method):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(Signals, method, interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_classifier().fit(X, Y)


def test_search_does_not_count_an_interrupt_as_a_failed_fit(make_classifier, X, Y):
    fits = []

    class Count(Interrupt):
        def on_train_begin(self, net, **kwargs):
            fits.append(1)

    model = make_classifier(callbacks=[Count("on_batch_end")])
    search = GridSearchCV(model, {"dropout": [0.1, 0.2]}, scoring="roc_auc", cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(model, X, Y, cv=2)
    assert len(fits) == 2


def test_interrupt_comes_out_of_a_comparison(make_classifier, X, Y):
    model = make_classifier(callbacks=[Interrupt("on_epoch_end")])
    with pytest.raises(KeyboardInterrupt):
        compare_arms(X, Y, classifier=model, arms=["signal only"], random_state=0, verbose=False)


def test_interrupt_while_calibrating_leaves_the_explainer_as_it_was(
    classifier, X, Y, cohort, monkeypatch
):
    explainer = LabAbnormalityExplainer(classifier, reference_ranges=cohort.reference_ranges)
    explainer.set_params(encoder=_frozen(classifier)).fit(X, cohort.labs)
    before = dict(vars(explainer))
    calls = []

    def interrupt(*args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return args[0]

    monkeypatch.setattr(MultilabelCalibrator, "fit", interrupt)
    monkeypatch.setattr(MultilabelCalibrator, "thresholds_", None, raising=False)
    with pytest.warns(LeakageWarning), pytest.raises(KeyboardInterrupt):
        explainer.calibrate(X, cohort.labs, Y)
    assert vars(explainer) == before


def _frozen(model):
    from sklearn.frozen import FrozenEstimator

    return FrozenEstimator(model)


def test_refit_that_is_interrupted_leaves_the_model_as_it_was(make_classifier, X, Y):
    model = make_classifier().fit(X, Y)
    before = model.predict_proba(X)
    model.set_params(trainer=Trainer(callbacks=[Interrupt("on_batch_end")]))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y.iloc[:, :2].set_axis(["other", "names"], axis=1))
    assert model.label_names_ == list(Y.columns)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_first_fit_that_is_interrupted_leaves_the_model_unfitted(make_classifier, X, Y):
    model = make_classifier(callbacks=[Interrupt("on_train_end")])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert not [name for name in vars(model) if name.endswith("_")]


def test_early_stopping_of_the_user_still_ends_a_fit_well(make_classifier, X, Y):
    stop = EarlyStopping(monitor="train_loss", patience=1, threshold=10.0)
    model = make_classifier(callbacks=[stop], max_epochs=5).fit(X, Y)
    assert len(model.history_) == 2


def test_interrupt_says_that_nothing_is_kept(make_classifier, X, Y):
    with pytest.raises(KeyboardInterrupt) as caught:
        make_classifier(callbacks=[Interrupt("on_batch_end")]).fit(X, Y)
    (note,) = caught.value.__notes__
    assert "Training ended early, and nothing of it is kept" in note
    assert "Trainer(checkpoint_folder=...)" in note


SCRIPT = """
    import os, signal, sys
    from skorch.callbacks import Callback
    from ecgsk import ECGDiagnosisClassifier
    from ecgsk.datasets import make_clinical_ecg
    from ecgsk.encoders import ResNet1d
    from ecgsk.training import Trainer

    class CtrlC(Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            if len(net.history) == 3:
                os.kill(os.getpid(), signal.SIGINT)

    X, Y = make_clinical_ecg(40, random_state=0, return_X_y=True)
    trainer = Trainer(checkpoint_folder=sys.argv[1], callbacks=[CtrlC()])
    ECGDiagnosisClassifier(
        ResNet1d(10, width=4), max_epochs=4, random_state=0, device="cpu", trainer=trainer
    ).fit(X, Y)
    print("done")
"""


@pytest.mark.filterwarnings("ignore:.*no model can learn:UserWarning")
def test_ctrl_c_keeps_the_checkpoint_and_the_same_fit_goes_on(tmp_path, make_classifier, cohort):
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert run.returncode == -signal.SIGINT
    assert run.stdout == ""
    assert "Training: epoch 2 of 4, train loss" in run.stderr
    (path,) = tmp_path.iterdir()
    assert f"{path} holds 2 of 4 epochs. The same fit, called again, goes on" in run.stderr
    settings = {"max_epochs": 4, "fine_tune": "auto"}
    whole = make_classifier(**settings).fit(cohort.X, cohort.Y)
    resumed = make_classifier(**settings, checkpoint_folder=tmp_path).fit(cohort.X, cohort.Y)
    assert len(list(tmp_path.iterdir())) == 1
    np.testing.assert_array_equal(whole.predict_proba(cohort.X), resumed.predict_proba(cohort.X))
