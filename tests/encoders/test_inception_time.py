"""InceptionTime: layers, sizes and parameters."""

import pytest
import torch
from torch.nn import functional as F

from ecgsk.encoders import InceptionTime


def test_number_of_weights():
    """By the paper's figure: bottleneck, kernels of 39, 19 and 9, maximum, normalisation."""

    def inception(n_in):
        return n_in * 32 + 32 * 32 * (39 + 19 + 9) + n_in * 32 + 2 * 128

    shortcuts = (12 * 128 + 2 * 128) + (128 * 128 + 2 * 128)
    expected = inception(12) + 5 * inception(128) + shortcuts
    module = InceptionTime().build(12, 1000)
    assert sum(weight.numel() for weight in module.parameters()) == expected == 473_344


def test_block_equals_one_dimensional_convolutions():
    torch.manual_seed(0)
    module = InceptionTime(3, width=4, kernel_size=11).build(5, 300).eval()
    x = torch.randn(3, 5, 300)

    def convolve(signal, layer):
        kernel = layer.weight.squeeze(2)
        return F.conv1d(signal, kernel, padding=kernel.shape[-1] // 2)

    def normalise(signal, layer):  # fresh: mean 0, variance 1
        return signal / (1 + layer.eps) ** 0.5

    block = module.blocks[0]
    signal = x
    for inception in block.inceptions:
        squeezed = convolve(signal, inception.bottleneck)
        branches = [convolve(squeezed, layer) for layer in inception.convolutions]
        branches.append(convolve(F.max_pool1d(signal, 3, 1, 1), inception.maximum[1]))
        signal = torch.relu(normalise(torch.cat(branches, 1), inception.norm))
    shortcut = normalise(convolve(x, block.shortcut[0]), block.shortcut[1])
    expected = torch.relu(signal + shortcut)
    assert [layer.kernel_size[1] for layer in inception.convolutions] == [11, 5, 3]
    torch.testing.assert_close(module.forward_features(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"depth": 5}, "InceptionTime: depth must be a positive multiple of 3, got 5"),
        ({"depth": 0}, "depth must be a positive multiple of 3, got 0"),
        ({"width": 0}, "width must be positive .* got width=0"),
        ({"kernel_size": 40}, "kernel_size odd and positive, got width=32, kernel_size=40"),
    ],
)
def test_build_rejects_wrong_parameters(parameters, message):
    spec = InceptionTime(**parameters)
    with pytest.raises(ValueError, match=message):
        spec.build(12, 1000)
