"""A compiled encoder trains the same model, and nothing of the compiling is kept."""

import pickle

import numpy as np
import pytest
import torch

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.training import Trainer

ENCODER = ResNet1d(10, width=4)
STAGE = {"max_epochs": 2, "random_state": 0, "verbose": False}


@pytest.fixture
def compiled(monkeypatch):
    """Trace as a compiler does, without generating machine code for half a minute."""
    built_in, modules = torch.nn.Module.compile, []

    def compile(module, **options):
        modules.append(module)
        built_in(module, backend="aot_eager", **options)

    monkeypatch.setattr(torch.nn.Module, "compile", compile)
    yield modules
    torch._dynamo.reset()


def test_both_stages_train_the_same_model(compiled):
    X, Y = make_clinical_ecg(30, random_state=0, return_X_y=True)
    Y = Y.loc[:, Y.nunique() == 2]

    def fit(compile):
        trainer = Trainer(compile=compile, precision="float32")
        pretrainer = JointEmbeddingPretrainer(ENCODER, **STAGE)
        model = ECGDiagnosisClassifier(pretrainer, fine_tune="full", trainer=trainer, **STAGE)
        return model.fit(X, Y)

    plain, traced = fit(False), fit(True)
    assert [type(module).__name__ for module in compiled] == ["ResNet1dModule"] * 2
    np.testing.assert_allclose(traced.predict_proba(X), plain.predict_proba(X), atol=1e-3)
    assert all(module._compiled_call_impl is None for module in compiled)
    again = pickle.loads(pickle.dumps(traced))
    np.testing.assert_array_equal(again.predict_proba(X), traced.predict_proba(X))


def test_a_model_of_the_table_has_nothing_to_compile(compiled):
    X, Y = make_clinical_ecg(30, random_state=0, return_X_y=True)
    Y = Y.loc[:, Y.nunique() == 2]
    trainer = Trainer(compile=True)
    model = ECGDiagnosisClassifier(inputs="clinical", fine_tune="full", trainer=trainer, **STAGE)
    assert model.fit(X, Y).predict_proba(X).shape == Y.shape
    assert not compiled
