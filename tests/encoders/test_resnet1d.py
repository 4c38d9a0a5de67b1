"""ResNet1d: shapes, gradients and layers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.encoders import ResNet1d

TINY = ResNet1d(10, width=4)


@settings(max_examples=15)
@given(st.integers(1, 15), st.integers(1, 300), st.integers(1, 3), st.sampled_from([10, 18]))
def test_any_number_of_leads_and_any_length(n_leads, n_times, n_records, depth):
    module = ResNet1d(depth, width=4).build(n_leads, n_times).eval()
    embedding = module(torch.randn(n_records, n_leads, n_times))
    assert embedding.shape == (n_records, module.n_features)
    assert module.n_features == 16 * 4
    assert torch.isfinite(embedding).all()


@pytest.mark.parametrize("n_times", [1, 2, 63, 64, 65, 250])
def test_gradients_are_finite_for_every_weight(n_times):
    torch.manual_seed(0)
    module = ResNet1d(10, width=4).build(3, n_times).train()
    for block in module.blocks:
        torch.nn.init.ones_(block.residual[-1].weight)  # at zero it hides what stands before it
    module(torch.randn(4, 3, n_times)).square().mean().backward()
    for name, weight in module.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        assert weight.grad.any(), name


@pytest.mark.parametrize("n_times", [1, 2, 3, 5, 8])
def test_short_records_keep_weights_finite_in_bfloat16(n_times):
    """Regression: torch's bfloat16 kernels leave gradients of one-sample maps uninitialised."""
    for seed in range(10):
        torch.manual_seed(seed)
        junk = [torch.full((size,), float("nan")) for size in (320, 640, 1280, 10240)]
        del junk  # what an uninitialised gradient would find
        module = ResNet1d(10, width=8).build(1, n_times).train()
        optimiser = torch.optim.AdamW(module.parameters(), lr=1e-2)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = module(torch.randn(18, 1, n_times)).float().square().mean()
        loss.backward()
        optimiser.step()
        for name, weight in module.named_parameters():
            assert torch.isfinite(weight).all(), name
            assert weight.grad is not None, name
            assert weight.grad.abs().max() < 1e4, name


def test_embedding_is_mean_and_maximum_over_time():
    module = TINY.build(2, 400).eval()
    x = torch.randn(3, 2, 400)
    features = module.forward_features(x)
    assert features.shape == (3, 32, 13)  # a rate of 1/32, rounded up
    torch.testing.assert_close(module(x)[:, :32], features.mean(-1))
    torch.testing.assert_close(module(x)[:, 32:], features.max(-1).values)


def test_no_feature_map_is_one_sample_wide():
    for n_times in (1, 31, 64):
        assert TINY.build(1, n_times).forward_features(torch.randn(2, 1, n_times)).shape[-1] >= 2


def test_depth_50_has_bottlenecks():
    module = ResNet1d(50, width=4).build(12, 1000)
    first = module.blocks[0].residual
    assert [m.out_channels for m in first if isinstance(m, torch.nn.Conv2d)] == [4, 4, 16]
    assert module(torch.randn(2, 12, 300)).shape == (2, module.n_features) == (2, 256)
    n_layers = sum(
        len([m for m in b.residual if isinstance(m, torch.nn.Conv2d)]) for b in module.blocks
    )
    assert n_layers + 2 == 50  # with the stem and the head, as He et al. count


def test_deeper_has_more_layers():
    layers = {
        depth: sum(
            isinstance(m, torch.nn.Conv2d) and m.kernel_size[1] > 1
            for m in ResNet1d(depth).build(12, 1000).modules()
        )
        for depth in (10, 18, 34)
    }
    # He et al. count the last linear layer too; our stem has two convolutions for one.
    assert layers == {10: 10, 18: 18, 34: 34}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"depth": 20}, r"ResNet1d: depth must be one of \[10, 18, 34, 50\], got 20"),
        ({"width": 0}, "width must be positive .* got width=0"),
        ({"kernel_size": 4}, "kernel_size odd and positive, got width=16, kernel_size=4"),
        ({"kernel_size": -1}, "kernel_size odd"),
    ],
)
def test_build_rejects_wrong_parameters(parameters, message):
    spec = ResNet1d(**parameters)  # a spec only assigns, as scikit-learn asks
    with pytest.raises(ValueError, match=message):
        spec.build(12, 1000)
