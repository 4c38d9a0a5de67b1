"""Screening and gaps in torch give the answers of the NumPy code."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.deployment import _screening
from ecgsk.signals.gaps import bridge_gaps
from ecgsk.signals.screening import TOO_LARGE, is_clean, screen

# Normal, missing, false and extreme samples: those at which the rules differ.
SAMPLES = [0.0, 0.1, 1.0, -3.0, 4.0, -25.0, 100.0, 290.0, -9999.0, 1e-7, np.nan]


@st.composite
def signals(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.normal(size=(draw(st.integers(1, 3)), draw(st.integers(1, 4)), 40)).astype(np.float32)
    for lead in x.reshape(-1, 40):
        kind = draw(st.integers(0, 4))
        if kind == 1:
            lead[:] = draw(st.sampled_from(SAMPLES))
        elif kind == 2:
            lead += draw(st.sampled_from([25.0, 250.0, 310.0]))
        elif kind == 3:
            lead *= draw(st.sampled_from([1e-6, 30.0, 1000.0]))
            lead[:] = lead.clip(-4, 4)
        for _ in range(draw(st.integers(0, 3))):
            start = draw(st.integers(0, 39))
            lead[start : start + draw(st.integers(1, 15))] = draw(st.sampled_from(SAMPLES))
    return x


@given(signals())
def test_screening_equals_numpy(x):
    expected, refused = screen(x)
    screened, is_refused, too_large = map(np.asarray, _screening._screened(torch.from_numpy(x)))
    np.testing.assert_array_equal(screened, expected)
    np.testing.assert_array_equal(is_refused, refused != "")
    np.testing.assert_array_equal(too_large, refused == TOO_LARGE)


@given(signals())
def test_clean_records_are_those_of_numpy(x):
    assert bool(_screening._all_clean(torch.from_numpy(x))) == is_clean(x).all()


@given(signals())
def test_bridged_gaps_equal_numpy(x):
    expected, _ = bridge_gaps(x)
    tensor = torch.from_numpy(x)
    got = _screening._bridged(tensor, ~tensor.isnan())
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("module", [_screening.Screening(), _screening.GapBridging()])
def test_clean_records_are_not_changed(module):
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 50)).astype(np.float32))
    out, odd = module(x)
    assert torch.equal(out, x)
    assert not odd.any()
