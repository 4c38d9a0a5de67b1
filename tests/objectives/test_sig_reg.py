"""The Epps-Pulley statistic against its closed form, SIGReg against its equation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from ecgsk.objectives import SIGReg
from ecgsk.objectives.sig_reg import epps_pulley


def closed_form(x):
    """Integrate n |phi_n(t) - exp(-t^2/2)|^2 exp(-t^2/2) over all t, by hand."""
    n = len(x)
    pairs = np.exp(-((x[:, None] - x) ** 2) / 2).mean()
    cross = np.exp(-(x**2) / 4).mean() / np.sqrt(2)
    return n * np.sqrt(2 * np.pi) * (pairs - 2 * cross + 1 / np.sqrt(3))


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 60), st.floats(0, 2), st.floats(-2, 2))
def test_epps_pulley_equals_its_closed_form(seed, n, scale, shift):
    x = shift + scale * np.random.default_rng(seed).normal(size=(n, 3))
    expected = [closed_form(column) for column in x.T]
    np.testing.assert_allclose(epps_pulley(torch.tensor(x)), expected, rtol=1e-4, atol=1e-4 * n)


def test_the_closed_form_is_the_integral():
    x = np.random.default_rng(0).normal(0.3, 1.2, size=20)

    def integrand(t):
        sample = np.exp(1j * t * x).mean()
        return 20 * abs(sample - np.exp(-(t**2) / 2)) ** 2 * np.exp(-(t**2) / 2)

    assert quad(integrand, -np.inf, np.inf)[0] == pytest.approx(closed_form(x), rel=1e-8)


def test_epps_pulley_is_minimal_for_the_standard_normal():
    rng = np.random.default_rng(0)
    n = 4000
    samples = {
        "normal": rng.normal(size=n),
        "narrow": rng.normal(0, 0.7, n),
        "wide": rng.normal(0, 1.5, n),
        "shifted": rng.normal(0.3, 1, n),
        "uniform": rng.uniform(-np.sqrt(3), np.sqrt(3), n),
        "signs": rng.choice([-1.0, 1.0], n),
        "collapsed": np.zeros(n),
    }
    statistic = epps_pulley(torch.tensor(np.stack(list(samples.values()), axis=1)))
    assert statistic[0] < 3
    assert (statistic[1:] > 10).all()


def test_sig_reg_equals_its_equation(build, batch, loss_of):
    views, _ = batch
    module = build(SIGReg(projection_size=5, weight=0.3, n_slices=7), n_columns=0)
    loss = loss_of(module, views).item()
    with torch.no_grad():
        z = module.projection(views).numpy()
    torch.manual_seed(1)  # as loss_of does
    directions = torch.randn(5, 7, dtype=torch.float64).numpy()
    directions /= np.linalg.norm(directions, axis=0)
    apart = np.mean((z - z.mean(0)) ** 2)
    tests = [closed_form(view @ a) for view in z for a in directions.T]
    assert loss == pytest.approx(0.7 * apart + 0.3 * np.mean(tests), rel=1e-4)


def test_directions_are_new_at_every_step(build, batch):
    views, _ = batch
    module = build(SIGReg(n_slices=2), n_columns=0)
    assert module(lambda: views[0], None, None) != module(lambda: views[0], None, None)


def test_collapse_is_no_minimum(build, loss_of):
    module = build(SIGReg(), n_columns=0)
    spread = torch.randn(1, 200, 6, dtype=torch.float64).expand(2, -1, -1)
    collapsed = torch.ones(2, 200, 6, dtype=torch.float64)
    assert loss_of(module, collapsed) > loss_of(module, spread)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weight": 0.0}, r"SIGReg: weight must be in \(0, 1\), got 0.0"),
        ({"weight": 1.0}, "got 1.0"),
        ({"n_slices": 0}, "SIGReg: n_slices must be positive, got 0"),
    ],
)
def test_build_rejects_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        SIGReg(**parameters).build(4, 0)
