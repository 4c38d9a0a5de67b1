"""Conversion of ECGFounder's published weights to `Net1D`."""

import re
from collections.abc import Mapping

from torch import Tensor

from ecgsk.encoders.net1d import Net1D

_NAMES = {
    "bn1": "act1.0",
    "bn2": "act2.0",
    "bn3": "act3.0",
    "conv1.conv": "conv1",
    "conv2.conv": "conv2",
    "conv3.conv": "conv3",
    "se_fc1": "squeeze",
    "se_fc2": "excite",
}
_BLOCK = re.compile(r"stage_list\.(\d+)\.block_list\.(\d+)\.(\w+(?:\.conv)?)\.(\w+)")


def is_ecgfounder(state: Mapping[str, Tensor]) -> bool:
    """Return whether the names of a state dict are ECGFounder's."""
    return "first_conv.conv.weight" in state and "stage_list.0.block_list.0.se_fc1.weight" in state


def load_ecgfounder(state: Mapping[str, Tensor]) -> tuple[Net1D, int, dict[str, Tensor]]:
    """Convert a published state dict of ECGFounder, without the classifier's head.

    Returns the architecture, with sizes read from the weights' shapes, the number of leads,
    and the state dict of ``spec.build(n_leads, ...)``.
    """
    stem = state["first_conv.conv.weight"]
    # The published network has normalisations that it never used: zero batches tracked.
    batch_norm = bool(state["first_bn.num_batches_tracked"] > 0)
    weights = {}
    matches = {name: matched.groups() for name in state if (matched := _BLOCK.fullmatch(name))}
    blocks = sorted({(int(stage), int(block)) for stage, block, _, _ in matches.values()})
    for name, tensor in state.items():
        if name in matches:
            stage, block, layer, kind = matches[name]
            number = blocks.index((int(stage), int(block)))
            name_here = f"blocks.{number}.{_NAMES[layer]}.{kind}"
        elif name.startswith("first_conv.conv."):
            name_here = name.replace("first_conv.conv", "stem")
        elif name.startswith("first_bn."):
            name_here = name.replace("first_bn", "stem_act.0")
        else:
            continue
        if "act" in name_here and (not batch_norm or name_here.startswith("blocks.0.act1")):
            continue
        weights[name_here] = tensor.unsqueeze(2) if tensor.ndim == 3 else tensor
    spec = Net1D(
        len(blocks), width=stem.shape[0], kernel_size=stem.shape[-1], batch_norm=batch_norm
    )
    return spec, stem.shape[1], weights
