"""Units and sampling rates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import SamplingRateError, UnitError
from ecgsk.signals.units import check_sampling_rate, format_hertz, to_millivolt


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("mV", 1), ("MV", 1), ("uV", 1e-3), ("µV", 1e-3), ("μV", 1e-3), ("V", 1e3), (" nV ", 1e-6)],
)
def test_units(unit, factor):
    assert to_millivolt(unit) == factor


def test_unknown_unit_lists_known_units():
    with pytest.raises(UnitError, match=r"unknown unit 'pA'; expected one of V, mV, uV, nV"):
        to_millivolt("pA")


@pytest.mark.parametrize("rate", [None, 0, -1, np.nan, np.inf, "fast"])
def test_sampling_rate_must_be_a_positive_number(rate):
    with pytest.raises(SamplingRateError, match="expected a sampling rate in Hz above 0"):
        check_sampling_rate(rate)


@given(st.floats(min_value=1e-3, max_value=1e5))
def test_sampling_rate_as_text_is_lossless(rate):
    assert float(format_hertz(rate).removesuffix(" Hz")) == rate
