"""Encoder specs behave as scikit-learn parameters do; names resolve."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from ecgsk import ECGDiagnosisClassifier
from ecgsk.encoders import ClinicalMLP, Encoder, EncoderModule, ResNet1d
from ecgsk.encoders.registry import ENCODERS, resolve_encoder


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_every_name_builds_what_it_says(name):
    module = resolve_encoder(name).build(n_leads=2, n_times=80).eval()
    assert isinstance(module, EncoderModule)
    assert module(torch.randn(2, 2, 80)).shape == (2, module.n_features)


def test_spec_clones_prints_compares_and_pickles():
    spec = ResNet1d(34, width=8)
    copy = clone(spec)
    assert copy is not spec
    assert copy.get_params() == spec.get_params() == pickle.loads(pickle.dumps(spec)).get_params()
    assert repr(spec) == "ResNet1d(depth=34, width=8)"


def test_spec_is_a_nested_parameter():
    model = ECGDiagnosisClassifier(ResNet1d(18))
    model.set_params(encoder__depth=34, encoder__width=8)
    assert (model.encoder.depth, model.encoder.width) == (34, 8)
    assert model.get_params()["encoder__kernel_size"] == 5


def test_building_changes_no_parameter():
    spec = ResNet1d(10, width=4)
    before = spec.get_params()
    spec.build(12, 100)
    assert spec.get_params() == before
    assert set(vars(spec)) == set(before)


def test_resolving_shares_nothing_with_the_parameter():
    spec = ResNet1d(10)
    resolved = resolve_encoder(spec)
    resolved.set_params(depth=34)
    assert spec.depth == 10


def test_unknown_name_lists_names_and_suggests_one():
    with pytest.raises(ValueError, match=r"'resnet-18'; expected one of .*'resnet34'.*") as caught:
        resolve_encoder("resnet-18")
    assert "Did you mean 'resnet18'?" in str(caught.value)
    with pytest.raises(ValueError, match="ResNet1d") as caught:
        resolve_encoder("transformer")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize("wrong", [None, 18, torch.nn.Linear(2, 2), ClinicalMLP(), ResNet1d])
def test_neither_name_nor_spec(wrong):
    with pytest.raises(TypeError, match=r"must be a name from .* derives from .*Encoder"):
        resolve_encoder(wrong)


def test_an_encoder_of_ones_own():
    class Mean(EncoderModule):
        n_features = 2

        def forward_features(self, x):
            return x.mean(1, keepdim=True)

    class MeanEncoder(Encoder):
        def build(self, n_leads, n_times):
            return Mean()

    embedding = resolve_encoder(MeanEncoder()).build(3, 10)(torch.ones(4, 3, 10))
    np.testing.assert_allclose(embedding, np.ones((4, 2)))
