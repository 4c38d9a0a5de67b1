"""The net: gradient accumulation."""

import numpy as np
import torch


def weights(net):
    return {name: tensor.numpy() for name, tensor in net.module_.state_dict().items()}


def test_parts_of_a_batch_make_the_same_step(train_linear):

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, table):
            return self.layer(table)

    def fit(accumulation_steps):
        torch.manual_seed(0)
        module = Plain()
        return train_linear(module=module, accumulation_steps=accumulation_steps)

    whole, parts, more_than_records = fit(1), fit(3), fit(50)
    for other in (parts, more_than_records):
        for name, value in weights(whole).items():
            np.testing.assert_allclose(weights(other)[name], value, rtol=1e-5, atol=1e-6)
