"""Write the frozen checkpoint: ``python tests/training/frozen/write.py``, from the root."""

import json
from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNet

from ecgsk.training._checkpoint import Checkpoint

FOLDER = Path(__file__).parent


def make_net() -> NeuralNet:
    """Return a small net with fixed weights, before its first epoch."""
    net = NeuralNet(
        torch.nn.Linear,
        torch.nn.MSELoss,
        optimizer=torch.optim.Adam,
        callbacks="disable",
        max_epochs=1,
        module__in_features=5,
        module__out_features=3,
    )
    net.distributed = None
    with torch.random.fork_rng(devices=[]):
        net.initialize()
    with torch.no_grad():
        for value in net.module_.parameters():
            value.copy_(torch.linspace(-1, 1, value.numel()).reshape(value.shape))
    return net


def fit_more(net: NeuralNet) -> list[float]:
    """Fit two epochs and return all weights."""
    x = np.linspace(-1, 1, 40, dtype=np.float32).reshape(8, 5)
    net.partial_fit(x, x[:, :3] ** 2)
    net.partial_fit(x, x[:, :3] ** 2)
    return torch.cat([value.ravel() for value in net.module_.parameters()]).tolist()


if __name__ == "__main__":
    net = make_net()
    fit_more(net)
    Checkpoint(FOLDER, "checkpoint").on_epoch_end(net)
    (FOLDER / "expected.json").write_text(json.dumps(fit_more(net)))
