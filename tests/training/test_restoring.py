"""Modules built around stored weights."""

import numpy as np
import pytest
import torch
from torch import nn

from ecgsk.encoders import (
    S4,
    Encoder,
    EncoderModule,
    InceptionTime,
    Net1D,
    RandomConvolution,
    RecordScaled,
    ResNet1d,
    ViT1d,
    XResNet1d,
)
from ecgsk.exceptions import ECGError
from ecgsk.training.restoring import restore_module

_ENCODERS = [
    ResNet1d(10, width=4),
    XResNet1d(18, width=8),
    InceptionTime(3, width=4),
    Net1D(width=4),
    RandomConvolution(500),
    RecordScaled(ResNet1d(10, width=4)),
    S4(2, width=8),
    ViT1d(1, width=8, n_heads=2),
]


def _weights(module):
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize("encoder", _ENCODERS, ids=lambda encoder: type(encoder).__name__)
def test_restored_encoder_computes_the_same_and_draws_nothing(encoder):
    module = encoder.build(12, 200).eval()
    state = torch.get_rng_state()
    restored = restore_module(lambda: encoder.build(12, 200), _weights(module), [encoder]).eval()
    assert torch.equal(torch.get_rng_state(), state)
    x = torch.randn(2, 12, 200, generator=torch.Generator().manual_seed(0))
    assert torch.equal(restored(x), module(x))
    for name, tensor in module.state_dict().items():
        assert restored.state_dict()[name].stride() == tensor.stride()


class _ComputedModule(EncoderModule):
    def __init__(self, n_leads):
        super().__init__()
        self.linear = nn.Conv1d(n_leads, 2, 1)
        # A value of a tensor, and a tensor that is no buffer: neither is on the meta device.
        self.largest = float(torch.linspace(0, 1, 5).max())
        self.offset = torch.ones(1)
        self.n_features = 4

    def forward_features(self, x):
        return self.linear(x) * self.largest + self.offset


class Computed(Encoder):
    def build(self, n_leads, n_times):
        return _ComputedModule(n_leads)


class _Offset(_ComputedModule):
    def __init__(self, n_leads):
        EncoderModule.__init__(self)
        self.linear = nn.Conv1d(n_leads, 2, 1)
        self.largest, self.offset, self.n_features = 1.0, torch.ones(1), 4


class Offset(Encoder):
    def build(self, n_leads, n_times):
        return _Offset(n_leads)


@pytest.mark.parametrize("encoder", [Computed(), RecordScaled(Computed()), Offset()])
def test_an_encoder_of_others_may_compute_while_it_is_built(encoder):
    module = encoder.build(3, 50)
    restored = restore_module(lambda: encoder.build(3, 50), _weights(module), [encoder, None])
    x = torch.randn(2, 3, 50)
    assert torch.equal(restored(x), module(x))
    with pytest.raises(ECGError, match=r"the weights .* have shape \(2, 3, 1\) .* \(2, 4, 1\)"):
        restore_module(lambda: encoder.build(4, 50), _weights(module), [encoder])


@pytest.mark.parametrize("wide", [ResNet1d(10, width=10**7), ResNet1d(10, kernel_size=10**9 + 1)])
def test_a_module_larger_than_its_weights_is_not_allocated(wide):
    weights = _weights(ResNet1d(10, width=4).build(12, 200))
    with pytest.raises(ECGError, match=r"the weights .* have shape .* the module needs"):
        restore_module(lambda: wide.build(12, 200), weights, [wide])


@pytest.mark.parametrize("deep", [InceptionTime(3 * 10**10, width=1), S4(10**10, width=1)])
def test_a_module_without_end_is_not_built(deep):
    weights = _weights(ResNet1d(10, width=4).build(12, 200))
    with pytest.raises(ECGError, match="more parameters than the weights"):
        restore_module(lambda: deep.build(12, 200), weights, [deep])


def test_other_names_and_kinds_are_refused():
    def build():
        return nn.Linear(2, 1)

    weights = _weights(build())
    with pytest.raises(ECGError, match="'bias' are missing"):
        restore_module(build, {"weight": weights["weight"]}, [])
    with pytest.raises(ECGError, match="'more' fit no part"):
        restore_module(build, {**weights, "more": np.zeros(1)}, [])
    with pytest.raises(ECGError, match=r"torch\.int64"):
        restore_module(build, {**weights, "bias": np.zeros(1, dtype=np.int64)}, [])
    # Of another precision they are converted, as load_state_dict does.
    restored = restore_module(build, {**weights, "bias": np.ones(1, dtype=np.float64)}, [])
    assert restored.bias.dtype == torch.float32


def test_restored_tensors_keep_dtype_and_memory_format():
    def build():
        return nn.Conv2d(3, 4, (1, 5)).to(memory_format=torch.channels_last)

    weights = {name: values.numpy() for name, values in build().double().state_dict().items()}
    restored = restore_module(build, weights, [])
    assert restored.weight.is_contiguous(memory_format=torch.channels_last)
    assert restored.weight.dtype == torch.float32
    assert restored.weight.requires_grad
    np.testing.assert_array_equal(restored.weight.detach(), weights["weight"].astype(np.float32))
