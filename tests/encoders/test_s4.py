"""S4 against its recurrence, in both directions."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.encoders import S4
from ecgsk.encoders.registry import ENCODERS
from ecgsk.encoders.s4 import StateSpace, _Convolution, _fast_length

TINY = S4(2, width=8, stride=1)


def fresh(width: int = 3, state_size: int = 6) -> StateSpace:
    """Make a filter whose every parameter has a value of its own, in float64."""
    torch.manual_seed(0)
    space = StateSpace(width, state_size).double()
    for weight in space.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return space


@torch.no_grad()
def recurrence(space: StateSpace, u: torch.Tensor, direction: int) -> torch.Tensor:
    """Step through (n, times, width), one sample after the other, without the term in ``D``."""
    dt, a_real, a_imag = space.continuous()
    a = torch.complex(a_real, a_imag)
    transition = torch.exp(dt * a)
    into = (transition - 1) / a
    out_of = torch.complex(space.c_real, space.c_imag)[direction]
    state = torch.zeros(len(u), *a.shape, dtype=a.dtype)
    outputs = []
    for sample in u.unbind(1):
        state = transition * state + into * sample[..., None]
        outputs.append(2 * (out_of * state).sum(-1).real)
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 150])
def test_kernel_is_the_impulse_response_of_the_recurrence(length):
    space = fresh()
    impulse = torch.zeros(1, length, 3, dtype=torch.float64)
    impulse[:, 0] = 1
    for direction in (0, 1):
        expected = recurrence(space, impulse, direction)[0].T
        torch.testing.assert_close(space.kernel(length)[direction], expected)


@pytest.mark.parametrize("length", [1, 2, 97, 200])
def test_kernel_filters_past_and_future(length):
    space = fresh()
    u = torch.randn(4, length, 3, dtype=torch.float64)
    past = recurrence(space, u, 0)
    # The present belongs to the past's filter; the future's begins with the next sample.
    later = torch.cat([u.flip(1).new_zeros(4, 1, 3), u.flip(1)[:, :-1]], dim=1)
    future = recurrence(space, later, 1).flip(1)
    expected = (past + future + space.d * u).float()
    torch.testing.assert_close(space.float()(u.float()), expected, atol=2e-5, rtol=1e-4)


def test_fresh_filter_is_s4d_lin_with_time_constants_of_ten_to_a_thousand_samples():
    dt, a_real, a_imag = StateSpace(64, 8).continuous()
    assert (a_real == -0.5).all()
    torch.testing.assert_close(a_imag, math.pi * torch.arange(4.0).expand(64, 4))
    assert 1e-3 <= dt.min() < 3e-3
    assert 3e-2 < dt.max() <= 1e-1


def test_weight_decay_keeps_initial_dynamics():
    space = StateSpace(4, 8)
    for name in ("log_dt", "log_decay", "frequency"):
        assert not space.get_parameter(name).any()


def test_compiled_gradients_are_equal():
    torch.compiler.reset()
    torch.manual_seed(0)
    module = S4(1, width=8, dropout=0).build(2, 250)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True, dynamic=False)
    for n_times in (250, 333):
        x = torch.randn(3, 2, n_times)
        gradients = []
        for call in (module, compiled):
            module.zero_grad()
            call(x).square().sum().backward()
            gradients.append({n: w.grad.clone() for n, w in module.named_parameters()})
        torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-4)


def test_gradient_of_the_convolution():
    torch.manual_seed(0)
    u = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    for n in (10, 12, 15):
        response = torch.randn(n, 3, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(_Convolution.apply, (u, response))


@given(st.integers(1, 20_000))
def test_fast_length_is_smooth_and_close(n):
    length = _fast_length(n)
    assert n <= length <= 1.1 * n + 1
    for prime in (2, 3, 5, 7):
        while length % prime == 0:
            length //= prime
    assert length == 1


def test_every_position_depends_on_every_other():
    torch.manual_seed(0)
    module = TINY.build(1, 300).eval()
    x = torch.randn(1, 1, 300)
    features = module.forward_features(x)
    for moved in (0, 150, 299):
        other = x.clone()
        other[..., moved] += 1
        assert ((module.forward_features(other) - features).abs().amax(1) > 0).all()


@settings(max_examples=15)
@given(st.integers(1, 15), st.integers(1, 300), st.integers(1, 3), st.integers(1, 4))
def test_any_number_of_leads_and_any_length(n_leads, n_times, n_records, stride):
    module = S4(1, width=4, stride=stride).build(n_leads, n_times).eval()
    x = torch.randn(n_records, n_leads, n_times)
    assert module.forward_features(x).shape == (n_records, 4, -(-n_times // stride))
    assert module(x).shape == (n_records, module.n_features) == (n_records, 8)
    assert torch.isfinite(module(x)).all()


@pytest.mark.parametrize("n_times", [1, 2, 80, 1000])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_gradients_are_finite_for_every_weight(n_times, bfloat16):
    torch.manual_seed(0)
    module = TINY.build(3, n_times).train()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bfloat16):
        loss = module(torch.randn(4, 3, n_times)).float().square().mean()
    loss.backward()
    for name, weight in module.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name
        # One sample has no past and no future to learn the dynamics of.
        assert weight.grad.any() or n_times == 1, name


def test_filters_stay_float32_under_autocast():
    torch.manual_seed(0)
    space, u = StateSpace(8, 8), torch.randn(2, 1000, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(space(u), space.float()(u))
        assert space(u.bfloat16()).dtype == torch.float32


def test_state_dict_is_real():
    module = TINY.build(2, 100)
    module(torch.randn(2, 2, 100)).sum().backward()
    optimiser = torch.optim.AdamW(module.parameters())
    optimiser.step()
    stored = list(module.state_dict().values())
    stored += [t for state in optimiser.state.values() for t in state.values()]
    assert not any(tensor.is_complex() for tensor in stored)


def test_s4_512_has_the_benchmark_size():
    spec = ENCODERS["s4_512"]()
    assert isinstance(spec, S4)
    assert (spec.width, spec.depth, spec.state_size, spec.stride) == (512, 4, 8, 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"depth": 0}, r"S4: depth, width and stride must be positive .* got depth=0"),
        ({"stride": 0}, "stride=0"),
        ({"dropout": 1.0}, r"dropout in \[0, 1\), .* dropout=1.0"),
        ({"state_size": 7}, "S4: state_size must be even and positive, got 7"),
        ({"state_size": 0}, "state_size must be even"),
    ],
)
def test_build_rejects_wrong_parameters(parameters, message):
    spec = S4(**parameters)  # a spec only assigns, as scikit-learn asks
    with pytest.raises(ValueError, match=message):
        spec.build(12, 1000)
