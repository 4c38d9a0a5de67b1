"""Formats of rounded tables."""

import pytest

from ecgsk.evaluation.rounded_tables import format_interval, format_p


@pytest.mark.parametrize(("p", "text"), [(0.0004, "<0.001"), (0.04567, "0.046"), (1, "1.000")])
def test_formatted_p_value_is_never_0(p, text):
    assert format_p(p) == text
    assert format_p(float("nan")) == ""


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ((0.5, 0.25, 0.75), "+0.50 [+0.25, +0.75]"),
        ((0.5, float("-inf"), float("inf")), "+0.50, no bounds"),
        ((float("nan"),) * 3, ""),
    ],
)
def test_interval_without_finite_bounds_has_none(bounds, text):
    assert format_interval(*bounds, "+.2f") == text
