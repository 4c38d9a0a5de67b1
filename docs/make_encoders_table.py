"""Rewrite the table of encoders.md: ``python docs/make_encoders_table.py``."""

import re
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ecgsk.encoders import Encoder
from ecgsk.encoders.registry import ENCODERS

PAGE = Path(__file__).parent / "guide" / "encoders.md"
BETWEEN_MARKERS = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end of table -->)", re.DOTALL)
HEADER = "| name | spec | parameters, M | GFLOPs | from |\n|---|---|--:|--:|---|\n"


def row(name: str, spec: Encoder) -> str:
    """Describe one encoder as built for 12 leads and 10 s at 100 Hz."""
    module = spec.build(n_leads=12, n_times=1000).eval()
    n_parameters = sum(w.numel() for w in module.parameters() if w.requires_grad)
    # The counter knows attention as matrix products, but not the CPU's own kernel for it.
    attention = sdpa_kernel(SDPBackend.MATH)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), attention:
        module(torch.zeros(1, 12, 1000))
    parameters = " ".join(repr(spec).split())  # scikit-learn breaks long lines
    millions, billions = n_parameters / 1e6, counter.get_total_flops() / 1e9
    return f'| `"{name}"` | `{parameters}` | {millions:.3f} | {billions:.3f} | {spec.paper} |\n'


def table() -> str:
    """Write a row for each name of the registry."""
    return HEADER + "".join(row(name, make()) for name, make in ENCODERS.items())


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BETWEEN_MARKERS.sub(lambda _: table(), page), encoding="utf-8")
