"""Diagnoses and laboratory findings as values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.explain import Diagnosis, LabFinding


@pytest.mark.parametrize(("p", "predicted"), [(0.51, True), (0.5, False), (0.49, False)])
def test_diagnosis_is_predicted_above_its_threshold(p, predicted):
    assert Diagnosis("sepsis", p, 0.5).predicted is predicted


def test_lift_is_probability_over_base_rate():
    finding = LabFinding("potassium", "high", 0.6, 0.2, None, None, "")
    assert finding.lift == pytest.approx(3)
    assert finding.name == "potassium high"
    for base_rate in (0.0, math.nan):
        assert math.isnan(LabFinding("ph", "low", 0.6, base_rate, None, None, "").lift)


@pytest.mark.parametrize(
    ("low", "high", "unit", "words"),
    [
        (3.5, 5.1, "mmol/L", "3.5-5.1 mmol/L"),
        (135.0, 145.0, "mmol/L", "135-145 mmol/L"),
        (None, 0.04, "ng/mL", "up to 0.04 ng/mL"),
        (11.5, None, "g/dL", "from 11.5 g/dL"),
        (0.0, 5.0, "mg/L", "0-5 mg/L"),
        (7.33, 7.45, "", "7.33-7.45"),
        (None, 450.0, "", "up to 450"),
        (None, None, "mmol/L", ""),
        (None, None, "", ""),
    ],
)
def test_reference_range_as_text(make_explanation, low, high, unit, words):
    finding = LabFinding("test", "high", 0.7, 0.1, low, high, unit)
    assert finding.reference == words
    text = make_explanation(laboratories=[finding]).to_text()
    assert (f", reference {words}\n" in text) == bool(words)
    assert ("reference" in text) == bool(words)


def of_reference(low, high, unit=""):
    return LabFinding("test", "low", 0.5, 0.1, low, high, unit).reference


def test_negative_bounds_are_readable():
    assert of_reference(-2.0, 3.0, "mmol/L") == "-2 to 3 mmol/L"
    assert of_reference(-5.0, -1.0) == "-5 to -1"
    assert of_reference(-2.0, None) == "from -2"
    assert of_reference(None, -2.0) == "up to -2"


def test_large_bounds_keep_their_digits():
    assert of_reference(4_200_000.0, 5_900_000.0, "/uL") == "4200000-5900000 /uL"
    assert of_reference(None, 1_234_567.0) == "up to 1234567"


@given(
    st.one_of(st.none(), st.decimals(-999, 9999, places=2)),
    st.one_of(st.none(), st.decimals(-999, 9999, places=2)),
    st.sampled_from([np.float32, np.float64]),
)
def test_bounds_parse_back_to_their_values(low, high, kind):
    words = of_reference(*(None if b is None else float(kind(b)) for b in (low, high)))
    if low is None and high is None:
        assert words == ""
    elif low is None or high is None:
        first, bound = words.rsplit(" ", 1)
        assert first == ("up to" if low is None else "from")
        assert float(bound) == float(high if low is None else low)
    else:
        parts = words.split(" to ") if low < 0 else words.split("-", 1)
        assert [float(part) for part in parts] == [float(low), float(high)]
