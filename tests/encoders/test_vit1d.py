"""ViT1d: tokens of every lead, positions at any length, and ST-MEM's network number for number."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ecgsk.encoders import ViT1d
from ecgsk.encoders._st_mem import is_st_mem, load_st_mem
from ecgsk.encoders.vit1d import ViT1dModule

TINY = ViT1d(1, width=8, n_heads=2, patch_size=10)
PUBLISHED = {"depth": 2, "width": 128, "n_heads": 2, "patch_size": 15, "pooling": "mean"}


def st_mem_state(n_leads: int = 3, n_patches: int = 6, depth: int = 2) -> dict[str, torch.Tensor]:
    """Make weights with the names and shapes of ST-MEM's encoder."""
    torch.manual_seed(0)
    width, patch_size = 128, 15
    linear = {
        "to_patch_embedding.2": (width, patch_size),
        **{f"block{i}.attn.fn.to_qkv": (3 * width, width) for i in range(depth)},
        **{f"block{i}.attn.fn.to_out.0": (width, width) for i in range(depth)},
        **{f"block{i}.ff.fn.net.0": (4 * width, width) for i in range(depth)},
        **{f"block{i}.ff.fn.net.3": (width, 4 * width) for i in range(depth)},
    }
    norms = {"to_patch_embedding.1": patch_size, "to_patch_embedding.3": width, "norm": width}
    norms |= {f"block{i}.{part}.norm": width for i in range(depth) for part in ("attn", "ff")}
    return {
        "pos_embedding": torch.randn(1, n_patches + 2, width),
        "sep_embedding": torch.randn(width),
        **{f"lead_embeddings.{i}": torch.randn(width) for i in range(n_leads)},
        **{f"{name}.weight": 0.1 * torch.randn(shape) for name, shape in linear.items()},
        **{f"{name}.bias": torch.randn(shape[0]) for name, shape in linear.items()},
        **{f"{name}.weight": torch.randn(size) for name, size in norms.items()},
        **{f"{name}.bias": torch.randn(size) for name, size in norms.items()},
        "head.weight": torch.randn(5, width),
        "head.bias": torch.randn(5),
    }


def st_mem(state: dict[str, torch.Tensor], record: torch.Tensor) -> torch.Tensor:
    """Embed one record (n_leads, n_times) as ST-MEM describes it: lead by lead, head by head."""

    def linear(x, name):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-5)
        return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]

    positions, separator = state["pos_embedding"][0], state["sep_embedding"]
    tokens = []
    for number, lead in enumerate(record):
        patches = norm(torch.stack(lead.split(15)), "to_patch_embedding.1")
        patches = norm(linear(patches, "to_patch_embedding.2"), "to_patch_embedding.3")
        patches = patches + positions[1 : len(patches) + 1]
        ends = separator + positions[0], separator + positions[-1]
        tokens.append(
            torch.vstack([ends[0], patches, ends[1]]) + state[f"lead_embeddings.{number}"]
        )
    n_tokens = len(tokens[0])
    x = torch.cat(tokens)
    for i in range(2):
        q, k, v = linear(norm(x, f"block{i}.attn.norm"), f"block{i}.attn.fn.to_qkv").split(128, -1)
        heads = []
        for own in (slice(0, 64), slice(64, 128)):
            scores = q[:, own] @ k[:, own].T / math.sqrt(64)
            heads.append(scores.softmax(-1) @ v[:, own])
        x = x + linear(torch.cat(heads, -1), f"block{i}.attn.fn.to_out.0")
        inner = F.gelu(linear(norm(x, f"block{i}.ff.norm"), f"block{i}.ff.fn.net.0"))
        x = x + linear(inner, f"block{i}.ff.fn.net.3")
    patches = torch.cat([lead[1:-1] for lead in x.split(n_tokens)])
    return norm(patches.mean(0), "norm")


@pytest.mark.parametrize("n_times", [90, 45])
def test_published_weights_give_the_published_embedding(n_times):
    state = st_mem_state()
    spec, n_leads, n_samples, weights = load_st_mem(state)
    assert spec.get_params() == ViT1d(**PUBLISHED).get_params()
    assert (n_leads, n_samples) == (3, 90)
    module = spec.build(n_leads, n_samples).eval()
    module.load_state_dict(weights)
    x = torch.randn(2, 3, n_times)
    expected = torch.stack([st_mem(state, record) for record in x])
    torch.testing.assert_close(module(x), expected, atol=1e-4, rtol=1e-4)


def test_published_weights_are_known_by_their_names():
    assert is_st_mem(st_mem_state())
    assert not is_st_mem(TINY.build(2, 100).state_dict())


def test_size_of_the_published_network():
    module = ViT1d(12, width=768, n_heads=12, patch_size=75, pooling="mean").build(12, 2250)
    assert sum(weight.numel() for weight in module.parameters()) == 85_150_614
    assert module.n_features == 768


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
def test_gradients_are_finite_and_reach_every_weight(n_times, bfloat16):
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


def test_training_crops_stand_anywhere():
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


def test_tokens_tell_leads_and_times_apart():
    torch.manual_seed(0)
    module = TINY.build(2, 100).eval()
    x = torch.randn(1, 2, 100)
    assert not torch.allclose(module(x), module(x.flip(1)), atol=1e-3)
    assert not torch.allclose(module(x), module(x.roll(50, -1)), atol=1e-3)


def test_every_token_sees_every_other():
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
def test_wrong_parameters_are_told_at_build(parameters, message):
    spec = ViT1d(**parameters)  # a spec only assigns, as scikit-learn asks
    with pytest.raises(ValueError, match=message):
        spec.build(12, 1000)
