"""Every encoder: shapes, gradients, export, compilation, state and spec."""

import inspect
import pickle
import re

import numpy as np
import pytest
import torch
from sklearn.base import clone

from ecgsk import ECGDiagnosisClassifier
from ecgsk.encoders import Encoder, EncoderModule, ResNet1d
from ecgsk.encoders.registry import ENCODERS, resolve_encoder

# The code of many channels and blocks is that of few, which takes a fraction of the time:
# all are tested at a width of 8, these with the fewest blocks of their kind, and names
# that are then alike once.
SMALL = {
    "inception_time": {"depth": 3},
    "net1d_founder": {"depth": 14},
    "resnet18": {"depth": 10},
    "resnet34": {"depth": 10},
    "s4": {"depth": 2},
    "s4_512": {"depth": 2},
    "vit1d": {"depth": 2},
    "xresnet1d101": {"depth": 18},  # the other kind of block; xresnet1d50 has its own
}


def small(name: str) -> Encoder:
    spec = resolve_encoder(name)
    width = {"width": 8} if "width" in spec.get_params() else {}
    return spec.set_params(**width | SMALL.get(name, {}))


SPECS = {repr(small(name)): small(name) for name in sorted(ENCODERS)}


@pytest.fixture(params=SPECS)
def spec(request) -> Encoder:
    return clone(SPECS[request.param])


def build(spec: Encoder, n_leads: int = 2, n_times: int = 250, seed: int = 0) -> EncoderModule:
    """Make a module as an estimator does, and let it see training records."""
    torch.manual_seed(seed)
    module = spec.build(n_leads, n_times)
    x = torch.randn(8, n_leads, n_times)
    module.set_thresholds(x)
    with torch.no_grad():
        module.train()(x)  # moves running statistics
    return module.eval()


@pytest.mark.parametrize(
    ("n_leads", "n_times"), [(1, 1), (2, 80), (1, 100), (2, 101), (12, 250), (3, 500), (1, 5000)]
)
def test_any_number_of_leads_and_any_length(spec, n_leads, n_times):
    module = build(spec, n_leads, n_times)
    assert isinstance(module, EncoderModule)
    x = torch.randn(2, n_leads, n_times)
    with torch.no_grad():
        embedding = module(x)
        features = module.forward_features(x)
    assert embedding.shape == (2, module.n_features)
    assert features.ndim == 3
    assert torch.isfinite(embedding).all()
    assert torch.isfinite(features).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n_times", [100, 250])
def test_gradients_are_finite_for_every_weight(spec, n_times, dtype):
    module = build(spec, n_times=n_times).train()
    weights = {n: w for n, w in module.named_parameters() if w.requires_grad}
    if not weights:
        pytest.skip(f"{spec} has no weights to train")
    for weight in weights.values():
        if not weight.any():  # a block that starts as the identity hides what stands in it
            torch.nn.init.normal_(weight, std=0.5)
    x = torch.randn(8, 2, n_times)
    with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
        embedding = module(x)
    assert torch.isfinite(embedding).all()
    (embedding.float() * torch.randn(module.n_features)).sum().backward()
    for n, weight in weights.items():
        assert weight.grad is not None, n
        assert torch.isfinite(weight.grad).all(), n
        assert weight.grad.any(), n


@pytest.mark.slow
def test_export_takes_any_number_of_records(spec):
    module = build(spec)
    shapes = ({0: torch.export.Dim("n_records")},)
    program = torch.export.export(module, (torch.randn(3, 2, 250),), dynamic_shapes=shapes)
    x = torch.randn(5, 2, 250)
    torch.testing.assert_close(program.module()(x), module(x), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_compiles_as_one_graph(spec):
    torch.compiler.reset()
    module = build(spec)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    x = torch.randn(3, 2, 250)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), module(x), rtol=1e-5, atol=1e-5)


def test_seed_determines_the_module(spec):
    one, same, other = (build(spec, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_state_dict_holds_everything(spec):
    module, other = build(spec, seed=1), build(spec, seed=2)
    x = torch.randn(3, 2, 250)
    with torch.no_grad():
        assert not torch.equal(other(x), module(x))
        other.load_state_dict(module.state_dict())
        assert torch.equal(other(x), module(x))


def test_embedding_does_not_depend_on_other_records(spec):
    module = build(spec)
    x = torch.randn(5, 2, 250) * torch.tensor([1.0, 0.1, 5.0, 1.0, 0.0])[:, None, None]
    with torch.no_grad():
        together, alone = module(x), torch.cat([module(record[None]) for record in x])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5 * float(together.abs().max()))


def test_spec_clones_pickles_and_holds_parameters_alone(spec):
    before = spec.get_params()
    spec.build(2, 100)
    assert vars(spec) == spec.get_params(deep=False) == before
    assert clone(spec).get_params() == pickle.loads(pickle.dumps(spec)).get_params() == before


def test_spec_has_a_reference(spec):
    assert re.search(r"\w+ .*\b(19|20)\d\d\b", spec.paper)
    text = inspect.getdoc(type(spec)) or ""
    for section in ("Parameters", "References", "Examples"):
        assert f"\n{section}\n{'-' * len(section)}\n" in text, section
    for parameter in spec.get_params(deep=False):
        assert re.search(rf"^{parameter} : ", text, re.MULTILINE), parameter


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


def test_user_defined_encoder():
    class Mean(EncoderModule):
        n_features = 2

        def forward_features(self, x):
            return x.mean(1, keepdim=True)

    class MeanEncoder(Encoder):
        def build(self, n_leads, n_times):
            return Mean()

    embedding = resolve_encoder(MeanEncoder()).build(3, 10)(torch.ones(4, 3, 10))
    np.testing.assert_allclose(embedding, np.ones((4, 2)))
