"""Results as plain JSON values."""

import json
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk._json_values import json_value, snake_case

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False).map(float),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
)


@pytest.mark.parametrize("missing", [float("nan"), np.float32("nan"), np.inf, -np.inf])
def test_what_json_lacks_becomes_null(missing):
    assert json_value({"x": [missing, 1.5]}) == {"x": [None, 1.5]}


def test_numpy_and_dates_become_plain():
    value = {1: np.int64(3), "b": np.bool_(True), "a": np.arange(2), "d": date(2150, 1, 31)}
    assert json_value(value) == {"1": 3, "b": True, "a": [0, 1], "d": "2150-01-31"}
    assert type(json_value(np.bool_(True))) is bool


@given(plain)
def test_any_plain_value_is_strict_json_and_stays_as_it_is(value):
    document = json_value(value)
    assert json_value(json.loads(json.dumps(document, allow_nan=False))) == document


def test_keys_are_in_snake_case():
    table = json_value([{"AUROC low": 0.5, "Sampling rate (Hz)": 100}], snake_case)
    assert table == [{"auroc_low": 0.5, "sampling_rate_hz": 100}]
