"""XResNet1d has the layers of the PTB-XL benchmark."""

import pytest
import torch

from ecgsk.encoders import XResNet1d


def convolutions(depth):
    """List (channels out, channels in, kernel) by the benchmark's rule, at 12 leads."""
    shapes = [(32, 12, 5), (32, 32, 5), (64, 32, 5)]
    n_in = 64
    for n_blocks in {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}[depth]:
        for _ in range(n_blocks):
            if depth == 18:
                n_out, block = 64, [(64, n_in, 5), (64, 64, 5)]
            else:
                n_out, block = 256, [(64, n_in, 1), (64, 64, 5), (256, 64, 1)]
            shapes += block if n_in == n_out else [*block, (n_out, n_in, 1)]
            n_in = n_out
    return shapes


@pytest.mark.parametrize("depth", [18, 50, 101])
def test_layers_are_the_benchmarks(depth):
    module = XResNet1d(depth).build(12, 1000)
    expected = []
    for n_out, n_in, kernel in convolutions(depth):  # each with its normalisation
        expected += [(n_out, n_in, 1, kernel), (n_out,), (n_out,)]
    assert [tuple(weight.shape) for weight in module.parameters()] == expected


@pytest.mark.parametrize(("depth", "n_weights"), [(50, 886_400), (101, 1_804_672)])
def test_number_of_weights(depth, n_weights):
    module = XResNet1d(depth).build(12, 1000)
    assert sum(weight.numel() for weight in module.parameters()) == n_weights


def test_rate_is_reduced_as_in_the_benchmark():
    module = XResNet1d(18, width=8).build(12, 1000).eval()
    strides = [m.stride[1] for m in module.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [i for i, stride in enumerate(strides) if stride == 2] == [0, 7, 11, 15]
    assert module.forward_features(torch.randn(1, 12, 1000)).shape == (1, 8, 32)


def test_initialisation_keeps_the_variance():
    """As the benchmark begins: normal weights of variance 2 / (inputs of a convolution)."""
    torch.manual_seed(0)
    for layer in XResNet1d(18).build(12, 1000).modules():
        if isinstance(layer, torch.nn.Conv2d):
            inputs = layer.in_channels * layer.kernel_size[1]
            assert layer.weight.var().item() == pytest.approx(2 / inputs, rel=0.1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"depth": 10}, r"XResNet1d: depth must be one of \[18, 34, 50, 101\], got 10"),
        ({"width": 7}, "width must be even and positive .* got width=7"),
        ({"width": 0}, "width must be even"),
        ({"kernel_size": 4}, "kernel_size odd and positive, got width=64, kernel_size=4"),
    ],
)
def test_build_rejects_wrong_parameters(parameters, message):
    spec = XResNet1d(**parameters)
    with pytest.raises(ValueError, match=message):
        spec.build(12, 1000)
