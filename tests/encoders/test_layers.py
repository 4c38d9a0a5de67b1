"""Convolutions over time and residual blocks against torch's 1-D layers."""

import pytest
import torch
from torch.nn import functional as F

from ecgsk.encoders import ResNet1d
from ecgsk.encoders.resnet1d import ResNet1dModule

TINY = ResNet1d(10, width=4)


def batch_norm(x: torch.Tensor, norm: torch.nn.BatchNorm2d) -> torch.Tensor:
    """Normalise maps of shape (n, channels, times) as a trained network does."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return (x - norm.running_mean[:, None]) * scale[:, None] + norm.bias[:, None]


def convolve(x: torch.Tensor, layer: torch.nn.Conv2d, stride: int = 1) -> torch.Tensor:
    kernel = layer.weight.squeeze(2)
    return F.conv1d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)


def randomise(module: ResNet1dModule) -> ResNet1dModule:
    """Give every weight and every running statistic a value of its own."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.2 + 0.1 if "var" in name else tensor)
            if tensor.ndim == 1:
                tensor.copy_(torch.rand_like(tensor) + 0.1)
    return module.eval()


@pytest.mark.parametrize("n_times", [64, 77])
def test_block_equals_one_dimensional_convolutions(n_times):
    torch.manual_seed(2)
    module = randomise(TINY.build(5, 1000))
    block = module.blocks[1]  # halves the rate and doubles the channels
    x = torch.randn(3, 4, n_times)
    first, first_norm, _, second, second_norm = block.residual
    inner = torch.relu(batch_norm(convolve(x, first, stride=2), first_norm))
    inner = batch_norm(convolve(inner, second), second_norm)
    pool, projection, norm = block.shortcut
    halved = F.avg_pool1d(x, 2, ceil_mode=True)
    shortcut = batch_norm(F.conv1d(halved, projection.weight.squeeze(2)), norm)
    expected = torch.relu(inner + shortcut)
    assert pool.kernel_size == (1, 2)
    torch.testing.assert_close(block(x.unsqueeze(2)).squeeze(2), expected, atol=1e-5, rtol=1e-5)


def test_fresh_block_is_the_identity():
    block = TINY.build(12, 1000).eval().blocks[0]
    x = torch.rand(2, 4, 1, 50)
    torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize("n_times", [100, 101])
def test_stem_equals_one_dimensional_convolutions(n_times):
    torch.manual_seed(1)
    stem = randomise(TINY.build(5, n_times)).stem
    x = torch.randn(3, 5, n_times)
    first = torch.relu(batch_norm(convolve(x, stem[0], stride=2), stem[1]))
    second = torch.relu(batch_norm(convolve(first, stem[3]), stem[4]))
    expected = F.max_pool1d(second, 3, stride=2, padding=1)
    torch.testing.assert_close(stem(x.unsqueeze(2)).squeeze(2), expected, atol=1e-5, rtol=1e-5)
