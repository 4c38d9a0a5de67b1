"""Explanations of values a caller may well have: single precision, thresholds that are infinite."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.explain import Diagnosis, Explanation, LabFinding

probabilities = st.floats(0, 1, exclude_min=True, exclude_max=True)


def of_reference(low, high, unit=""):
    return LabFinding("test", "low", 0.5, 0.1, low, high, unit).reference


@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.float16])
@pytest.mark.parametrize("threshold", [0.25, math.inf, -math.inf, math.nan])
def test_diagnoses_are_strict_json(kind, threshold):
    """A threshold at infinity predicts a label never, or always."""
    diagnosis = Diagnosis("sepsis", kind(0.5), kind(threshold))
    explanation = Explanation(7, (diagnosis,), (), None)
    (back,) = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))["diagnoses"]
    assert back == {
        "name": "sepsis",
        "probability": 0.5,
        "threshold": 0.25 if math.isfinite(threshold) else None,
        "predicted": threshold < 0.5,
        "decision": "present" if threshold < 0.5 else "absent",
        "answers": None,
        "coverage": None,
    }


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_findings_are_strict_json(kind):
    finding = LabFinding("ph", "low", kind(0.5), kind(math.nan), kind(7.5), None, "")
    explanation = Explanation(7, (), (finding,), None)
    (back,) = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))["laboratories"]
    assert (back["probability"], back["base_rate"], back["low"]) == (0.5, None, 7.5)


def test_ranges_below_zero_read_as_ranges():
    assert of_reference(-2.0, 3.0, "mmol/L") == "-2 to 3 mmol/L"
    assert of_reference(-5.0, -1.0) == "-5 to -1"
    assert of_reference(-2.0, None) == "from -2"
    assert of_reference(None, -2.0) == "up to -2"


def test_ranges_of_counts_keep_their_digits():
    assert of_reference(4_200_000.0, 5_900_000.0, "/uL") == "4200000-5900000 /uL"
    assert of_reference(None, 1_234_567.0) == "up to 1234567"


@given(
    st.one_of(st.none(), st.decimals(-999, 9999, places=2)),
    st.one_of(st.none(), st.decimals(-999, 9999, places=2)),
    st.sampled_from([np.float32, np.float64]),
)
def test_bounds_can_be_read_back(low, high, kind):
    """Whatever the precision they are stored in."""
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


@given(
    st.lists(
        st.builds(Diagnosis, st.text("abc ", min_size=1), probabilities, probabilities), max_size=7
    ),
    st.lists(
        st.builds(
            LabFinding,
            st.sampled_from(["ph", "potassium"]),
            st.sampled_from(["low", "high"]),
            probabilities,
            probabilities,
            st.one_of(st.none(), st.floats(0, 10)),
            st.one_of(st.none(), st.floats(10, 200)),
            st.sampled_from(["", "mmol/L"]),
        ),
        max_size=7,
    ),
)
def test_lines_end_where_their_words_end(diagnoses, findings):
    lines = Explanation(7, tuple(diagnoses), tuple(findings), None).to_text().splitlines()
    assert lines == [line.rstrip() for line in lines]
    # And all numbers of the two lists stand below one another.
    columns = {line.index("  p ") for line in lines if line.startswith("  ") and "  p " in line}
    assert len(columns) <= 1
