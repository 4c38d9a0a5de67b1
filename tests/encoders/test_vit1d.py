"""ViT1d: shapes, gradients, positions and attention."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.encoders import ViT1d
from ecgsk.encoders.vit1d import ViT1dModule

TINY = ViT1d(1, width=8, n_heads=2, patch_size=10)


@settings(max_examples=15)
@given(st.integers(1, 15), st.integers(1, 300), st.integers(1, 300), st.integers(1, 3))
def test_any_number_of_leads_and_any_length(n_leads, n_times, other, n_records):
    for pooling, n_features in (("mean", 8), ("mean+max", 16)):
        spec = ViT1d(1, width=8, n_heads=2, patch_size=10, pooling=pooling)
        module = spec.build(n_leads, n_times).eval()
        x = torch.randn(n_records, n_leads, other)
        n_tokens = n_leads * -(-other // 10)
        assert module.forward_features(x).shape == (n_records, 8, n_tokens)
        assert module(x).shape == (n_records, module.n_features) == (n_records, n_features)
        assert torch.isfinite(module(x)).all()


@pytest.mark.parametrize("n_times", [1, 10, 75, 250])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_gradients_are_finite_for_every_weight(n_times, bfloat16):
    torch.manual_seed(0)
    module = TINY.build(3, n_times).train()
    x = torch.randn(4, 3, n_times)
    x[0, 1] = 0  # an absent lead has no scale
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        embedding = module(x)
    (embedding.float() * torch.randn(16)).sum().backward()
    for name, weight in module.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.any(), name


def positions_of(module: ViT1dModule, n_patches: int) -> torch.Tensor:
    return module._positions(n_patches).detach()


def test_positions_are_sliced_for_shorter_records_and_stretched_for_longer_ones():
    module = TINY.build(1, 100).eval()
    known = positions_of(module, 10)
    torch.testing.assert_close(known[3, :4], torch.sin(3 * 10_000 ** (-torch.arange(4) / 4)))
    assert torch.equal(positions_of(module, 4), known[:4])
    stretched = positions_of(module, 19)
    torch.testing.assert_close(stretched[::2], known)
    torch.testing.assert_close(stretched[1], (known[0] + known[1]) / 2)


def test_training_crops_use_random_positions():
    torch.manual_seed(0)
    module = TINY.build(1, 100).train()
    known = positions_of(module, 10)
    starts = set()
    for _ in range(100):
        crop = positions_of(module, 4)
        start = int(torch.nonzero((known == crop[0]).all(1)))
        assert torch.equal(crop, known[start : start + 4])
        starts.add(start)
    assert starts == set(range(7))


def test_tokens_differ_by_lead_and_time():
    torch.manual_seed(0)
    module = TINY.build(2, 100).eval()
    x = torch.randn(1, 2, 100)
    assert not torch.allclose(module(x), module(x.flip(1)), atol=1e-3)
    assert not torch.allclose(module(x), module(x.roll(50, -1)), atol=1e-3)


def test_every_token_depends_on_every_other():
    torch.manual_seed(0)
    module = TINY.build(2, 100).eval()
    x = torch.randn(1, 2, 100)
    other = x.clone()
    other[0, 1, -1] += 5
    assert ((module.forward_features(other) - module.forward_features(x)).abs().amax(1) > 0).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"depth": 0}, r"ViT1d: depth, n_heads and patch_size must be positive .* got depth=0"),
        ({"n_heads": 0}, "n_heads=0"),
        ({"patch_size": 0}, "patch_size=0"),
        ({"dropout": -0.1}, r"dropout in \[0, 1\), .* dropout=-0.1"),
        ({"width": 6}, "multiple of n_heads, got width=6, n_heads=4"),
        ({"width": 0}, "width must be a positive multiple"),
        ({"pooling": "max"}, r"pooling must be one of \('mean\+max', 'mean'\), got 'max'"),
    ],
)
def test_build_rejects_wrong_parameters(parameters, message):
    spec = ViT1d(**parameters)  # a spec only assigns, as scikit-learn asks
    with pytest.raises(ValueError, match=message):
        spec.build(12, 1000)
