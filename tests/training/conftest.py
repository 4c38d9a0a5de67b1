"""A regression so small that every step can be recomputed."""

import numpy as np
import pytest
import torch
from torch import nn

from ecgsk.training import Trainer
from ecgsk.training.batches import BatchDataset
from ecgsk.training.device import forked_rng
from ecgsk.training.fitting import fit_net


class Linear(nn.Module):
    """Linear regression on the table, with a running statistic as encoders have."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, table):
        return self.layer(self.norm(table))


@pytest.fixture
def linear_data():
    def make(n_records=64, seed=0, slope=(1.0, -2.0)):
        rng = np.random.default_rng(seed)
        table = rng.normal(size=(n_records, 2)).astype(np.float32)
        target = (table @ np.array(slope, np.float32))[:, None]
        return BatchDataset(None, table, target)

    return make


@pytest.fixture
def train_linear(linear_data):
    def call(training=None, validation=None, module=None, seed=0, **changes):
        settings = {
            "precision": "float32",
            "batch_size": 16,
            "max_epochs": 3,
            "learning_rate": 0.05,
            "weight_decay": 0.0,
            **changes,
        }
        names = Trainer().get_params()
        trainer = Trainer(**{name: settings.pop(name) for name in names if name in settings})
        with forked_rng(seed, torch.device("cpu")):
            return fit_net(
                Linear() if module is None else module,
                nn.MSELoss(),
                linear_data() if training is None else training,
                validation,
                trainer=trainer,
                device=torch.device("cpu"),
                **settings,
            )

    return call
