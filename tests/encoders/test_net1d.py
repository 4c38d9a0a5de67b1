"""Net1D against 1-D convolutions with the published padding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ecgsk.encoders import Net1D
from ecgsk.encoders.net1d import Net1DModule
from ecgsk.encoders.registry import resolve_encoder

SHORT = (1, 2, 80, 256, 257, 300)


def convolve(x: torch.Tensor, layer: torch.nn.Conv2d, stride: int = 1) -> torch.Tensor:
    """Pad so that the length is divided by the stride, rounded up; the odd sample at the end."""
    kernel = layer.weight.squeeze(2)
    n_out = -(-x.shape[-1] // stride)
    padding = max(0, (n_out - 1) * stride + kernel.shape[-1] - x.shape[-1])
    x = F.pad(x, (padding // 2, padding - padding // 2))
    return F.conv1d(x, kernel, layer.bias, stride, groups=layer.groups)


def activate(x: torch.Tensor, act: torch.nn.Module) -> torch.Tensor:
    norm = act[0]  # type: ignore[index]
    if isinstance(norm, torch.nn.BatchNorm2d):
        x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    return x * torch.sigmoid(x)


def randomise(module: Net1DModule) -> Net1DModule:
    """Give the running statistics values of their own."""
    for name, buffer in module.named_buffers():
        if "running" in name:
            buffer.copy_(torch.rand_like(buffer) + 0.1)
    return module.eval()


@settings(max_examples=10)
@given(st.integers(1, 15), st.integers(1, 600), st.integers(1, 3), st.integers(1, 20))
def test_any_leads_length_and_kernel(n_leads, n_times, n_records, kernel_size):
    module = Net1D(width=2, kernel_size=kernel_size).build(n_leads, n_times).eval()
    embedding = module(torch.randn(n_records, n_leads, n_times))
    assert embedding.shape == (n_records, module.n_features) == (n_records, 64)
    assert torch.isfinite(embedding).all()


@pytest.mark.parametrize("n_times", SHORT)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_gradients_are_finite_for_every_weight(n_times, precision):
    for seed in range(3):
        torch.manual_seed(seed)
        junk = [torch.full((size,), float("nan")) for size in (256, 512, 1024, 4096, 16384)]
        del junk  # what an uninitialised gradient would find
        module = Net1D(width=4).build(3, n_times).train()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision is torch.bfloat16):
            loss = module(torch.randn(4, 3, n_times)).float().square().mean()
        loss.backward()
        for name, weight in module.named_parameters():
            assert weight.grad is not None, name
            assert torch.isfinite(weight.grad).all(), name
            assert weight.grad.abs().max() < 1e4, name
            # A bias before a normalisation shifts nothing.
            assert weight.grad.any() or name.endswith("bias"), name


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("n_times", [512, 513, 700])
def test_it_equals_one_dimensional_convolutions(n_times, batch_norm):
    torch.manual_seed(0)
    module = randomise(Net1D(width=32, batch_norm=batch_norm).build(5, n_times))
    x = torch.randn(3, 5, n_times)
    out = activate(convolve(x, module.stem, 2), module.stem_act)
    n_channels = []
    for i, block in enumerate(module.blocks):
        inner = out if i == 0 else activate(out, block.act1)
        inner = activate(convolve(inner, block.conv1), block.act2)
        inner = activate(convolve(inner, block.conv2, block.stride), block.act3)
        inner = convolve(inner, block.conv3)
        hidden = inner.mean(-1) @ block.squeeze.weight.T + block.squeeze.bias
        hidden = hidden * torch.sigmoid(hidden)
        share = torch.sigmoid(hidden @ block.excite.weight.T + block.excite.bias)
        if block.stride == 2:
            out = F.max_pool1d(F.pad(out, (0, 1)), 2)
        missing = inner.shape[1] - out.shape[1]
        before, after = (torch.zeros(3, n, out.shape[-1]) for n in (missing // 2, -(-missing // 2)))
        out = torch.cat([before, out, after], dim=1) + inner * share[:, :, None]
        n_channels.append(out.shape[1])
    assert n_channels[::2] == [32, 80, 80, 192, 192, 512, 512]
    torch.testing.assert_close(module.forward_features(x), out, atol=1e-5, rtol=1e-5)


def test_the_published_size():
    with torch.device("meta"):  # sizes alone
        module = resolve_encoder("net1d_founder").build(12, 5000)
        features = module.forward_features(torch.empty(2, 12, 5000))
    # Counted on the published network, without its head and its unused normalisations.
    assert sum(weight.numel() for weight in module.parameters()) == 30_598_896
    assert features.shape == (2, 1024, 20)
    assert module.n_features == 2048


def test_dropout_only_in_training():
    torch.manual_seed(0)
    module = Net1D(width=2, dropout=0.5).build(1, 300)
    x = torch.randn(2, 1, 300)
    module.train()
    assert not torch.equal(module(x), module(x))
    module.eval()
    torch.testing.assert_close(module(x), module(x), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"depth": 7}, r"Net1D: depth must be one of \[14, 20\], got 7"),
        ({"width": 0}, "width and kernel_size must be positive .* got width=0"),
        ({"kernel_size": 0}, "kernel_size=0"),
        ({"dropout": 1.0}, r"dropout in \[0, 1\), got .* dropout=1.0"),
    ],
)
def test_build_rejects_wrong_parameters(parameters, message):
    spec = Net1D(**parameters)
    with pytest.raises(ValueError, match=message):
        spec.build(12, 1000)
