"""Settings reach the estimators that should have them."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.estimators._settings import inherit_settings, settings_text
from ecgsk.preprocessing import ClinicalScaler
from ecgsk.training import Trainer
from ecgsk.training.net import ECGNet


@pytest.fixture
def nets(monkeypatch):
    """Parameters of every net that is trained, in order."""
    seen, fit = [], ECGNet.fit

    def record(self, *args, **kwargs):
        bars = [c for c in self.callbacks if isinstance(c, tuple) and c[0] == "progress"]
        seen.append(
            {"device": self.device, "precision": self.precision, "bars": len(bars), "lr": self.lr}
        )
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(ECGNet, "fit", record)
    return seen


def fit_both(tiny, X, Y, pretrainer=None, **classifier):
    inner = JointEmbeddingPretrainer(tiny, max_epochs=1, **(pretrainer or {}))
    model = ECGDiagnosisClassifier(inner, fine_tune="full", max_epochs=1, **classifier)
    return model.fit(X, Y)


def test_a_nested_pretrainer_takes_the_settings_of_the_classifier(tiny, X, Y, nets, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # what "auto" would take
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    trainer = Trainer(precision="bfloat16")
    fit_both(tiny, X, Y, device="cpu", verbose=0, random_state=0, trainer=trainer)
    assert [net["device"] for net in nets] == ["cpu", "cpu"]
    assert [net["precision"] for net in nets] == ["bfloat16", "bfloat16"]
    assert [net["bars"] for net in nets] == [0, 0]


def test_a_nested_pretrainer_keeps_its_own_settings(tiny, X, Y, nets):
    own = {"trainer": Trainer(precision="float32"), "verbose": 1}
    fit_both(tiny, X, Y, own, verbose=0, random_state=0, trainer=Trainer(precision="bfloat16"))
    assert [net["precision"] for net in nets] == ["float32", "bfloat16"]
    assert [net["bars"] for net in nets] == [1, 0]


def test_progress_is_shown_by_default(tiny, X, Y, nets):
    fit_both(tiny, X, Y, random_state=0)
    assert [net["bars"] for net in nets] == [1, 1]


def test_equal_seeds_of_the_classifier_give_equal_pretrainings(tiny, X, Y):
    one, same, other = (
        fit_both(tiny, X, Y, verbose=0, random_state=seed).predict_proba(X) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_clinical_columns_of_the_classifier_reach_the_pretrainer(tiny, X, Y, monkeypatch):
    tables = []
    fit = ClinicalScaler.fit

    def record(self, table, y=None, *, groups=None):
        tables.append(list(table))
        return fit(self, table)

    monkeypatch.setattr(ClinicalScaler, "fit", record)
    fit_both(tiny, X, Y, verbose=0, clinical_columns=["age", "sex"])
    fit_both(tiny, X, Y, {"clinical_columns": ["potassium"]}, verbose=0, clinical_columns=["age"])
    assert tables == [["age", "sex"], ["potassium"]]


def test_patient_columns_of_both_stages_are_no_clinical_columns(tiny, X, Y):
    renamed = X.rename(columns={"subject_id": "patient"})
    model = fit_both(tiny, renamed, Y, verbose=0, random_state=0, group_column="patient")
    expected = fit_both(tiny, X, Y, verbose=0, random_state=0)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


def test_the_pretrainer_given_is_left_as_it_is(tiny):
    inner = JointEmbeddingPretrainer(tiny)
    outer = ECGDiagnosisClassifier(inner, trainer=Trainer(compile=True), device="cpu", verbose=0)
    before = inner.get_params()
    clone_ = inherit_settings(inner, outer, seed=3)
    assert inner.get_params() == before
    assert (clone_.device, clone_.verbose, clone_.random_state) == ("cpu", 0, 3)
    assert clone_.trainer.compile
    assert clone_.trainer is not outer.trainer


def test_settings_of_the_trainer_are_searched(tiny, X, Y):
    model = ECGDiagnosisClassifier(tiny, trainer=Trainer(), max_epochs=1, random_state=0, verbose=0)
    search = GridSearchCV(model, {"trainer__weight_decay": [0.0, 0.5]}, cv=2, scoring="roc_auc")
    search.fit(X, Y.iloc[:, 0].to_numpy())
    assert search.best_params_["trainer__weight_decay"] in (0.0, 0.5)
    assert model.trainer.weight_decay == Trainer().weight_decay


def test_settings_text_names_what_the_result_depends_on():
    def text(**parameters):
        return settings_text(ECGDiagnosisClassifier(**parameters))

    assert text(device="cpu", verbose=0, trainer=Trainer(checkpoint_folder="a")) == text()
    assert text(encoder=JointEmbeddingPretrainer(verbose=0)) == text(
        encoder=JointEmbeddingPretrainer(device="cpu")
    )
    assert text(dropout=0.1) != text()


@pytest.mark.parametrize("estimator", [JointEmbeddingPretrainer, ECGDiagnosisClassifier])
def test_trainer_clones_and_prints(estimator):
    model = estimator(trainer=Trainer(compile=True))
    assert repr(clone(model)) == f"{estimator.__name__}(trainer=Trainer(compile=True))"
