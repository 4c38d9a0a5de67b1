"""Names of encoders."""

import importlib
import inspect
import pkgutil

import pytest
import torch

import ecgsk.encoders
from ecgsk.encoders import ClinicalMLP, Encoder, EncoderModule, ResNet1d
from ecgsk.encoders.registry import ENCODERS, resolve_encoder


def test_names_are_of_specs_that_the_package_exports():
    for module in pkgutil.iter_modules(ecgsk.encoders.__path__, "ecgsk.encoders."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if kind.__module__ != module.name or not issubclass(kind, Encoder) or kind is Encoder:
                continue
            assert kind.__name__ in ecgsk.encoders.__all__
            parameters = inspect.signature(kind).parameters.values()
            if any(p.default is p.empty for p in parameters):
                continue  # needs a file, so no name can stand for it
            assert kind in {type(make()) for make in ENCODERS.values()}, f"{kind} has no name"


@pytest.mark.parametrize("name", ENCODERS)
def test_as_registered_it_runs_at_another_length_than_it_was_built_for(name):
    """Training sees crops, prediction sees whole records."""
    module = resolve_encoder(name).build(n_leads=12, n_times=800)
    module.set_thresholds(torch.randn(4, 12, 800))
    with torch.no_grad():
        embedding = module.eval()(torch.randn(1, 12, 1000))
    assert embedding.shape == (1, module.n_features)
    assert torch.isfinite(embedding).all()


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_every_name_builds_its_spec(name):
    module = resolve_encoder(name).build(n_leads=2, n_times=80).eval()
    assert isinstance(module, EncoderModule)
    assert module(torch.randn(2, 2, 80)).shape == (2, module.n_features)


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
def test_resolve_encoder_rejects_other_types(wrong):
    with pytest.raises(TypeError, match=r"must be a name from .* derives from .*Encoder"):
        resolve_encoder(wrong)
