"""Conversion of ST-MEM's published weights to `ViT1d`."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from ecgsk.encoders.vit1d import ViT1d

_NAMES = {
    "to_patch_embedding.1": "patches.0",
    "to_patch_embedding.2": "patches.1",
    "to_patch_embedding.3": "patches.2",
    "norm": "norm",
}
_BLOCK_NAMES = {
    "attn.norm": "attention_norm",
    "attn.fn.to_qkv": "qkv",
    "attn.fn.to_out.0": "out",
    "ff.norm": "mlp_norm",
    "ff.fn.net.0": "mlp_in",
    "ff.fn.net.3": "mlp_out",
}
_BLOCK = re.compile(r"block(\d+)\.(.+)")
# The shapes of the weights do not give it; equal in all published networks.
_CHANNELS_PER_HEAD = 64


def is_st_mem(state: Mapping[str, Tensor]) -> bool:
    """Return whether the names of a state dict are those of ST-MEM's encoder."""
    return "sep_embedding" in state and "lead_embeddings.0" in state


def load_st_mem(state: Mapping[str, Tensor]) -> tuple[ViT1d, int, int, dict[str, Tensor]]:
    """Convert a published state dict of ST-MEM's encoder, without a classifier's head.

    Returns the architecture, with sizes read from the weights' shapes, the leads and samples
    of the training, and the state dict of ``spec.build(n_leads, n_times)``.
    """
    n_leads = sum(name.startswith("lead_embeddings.") for name in state)
    positions = state["pos_embedding"][0]
    weights = {
        "positions": positions,
        "separator": state["sep_embedding"],
        "leads": torch.stack([state[f"lead_embeddings.{lead}"] for lead in range(n_leads)]),
    }
    depth = 0
    for name, tensor in state.items():
        layer, _, kind = name.rpartition(".")
        if matched := _BLOCK.fullmatch(layer):
            block, layer = int(matched[1]), _BLOCK_NAMES[matched[2]]
            weights[f"blocks.{block}.{layer}.{kind}"] = tensor
            depth = max(depth, block + 1)
        elif layer in _NAMES:
            weights[f"{_NAMES[layer]}.{kind}"] = tensor
    width, patch_size = state["to_patch_embedding.2.weight"].shape
    spec = ViT1d(
        depth,
        width=width,
        n_heads=width // _CHANNELS_PER_HEAD,
        patch_size=patch_size,
        pooling="mean",
    )
    return spec, n_leads, (len(positions) - 2) * patch_size, weights
