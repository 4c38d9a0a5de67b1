"""ST-MEM's weights in `ViT1d`."""

import math

import pytest
import torch
from torch.nn import functional as F

from ecgsk.encoders import ViT1d
from ecgsk.encoders._st_mem import is_st_mem, load_st_mem

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


def test_is_st_mem():
    assert is_st_mem(st_mem_state())
    assert not is_st_mem(TINY.build(2, 100).state_dict())


def test_size_of_the_published_network():
    module = ViT1d(12, width=768, n_heads=12, patch_size=75, pooling="mean").build(12, 2250)
    assert sum(weight.numel() for weight in module.parameters()) == 85_150_614
    assert module.n_features == 768
