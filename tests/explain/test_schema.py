"""JSON form of explanations, and its schema."""

import copy
import json
import math
from dataclasses import replace

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.explain import Diagnosis, Explanation, Explanations, LabFinding, explanation_schema

SCHEMA = explanation_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def as_read(explanation):
    return json.loads(json.dumps(explanation.to_dict(), allow_nan=False))


def test_schema_is_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_full_and_bare_explanations_match_the_schema(make_full_explanation, make_explanation):
    both = Explanations([make_full_explanation(), make_explanation()])
    for document in as_read(both):
        VALIDATOR.validate(document)


@settings(max_examples=40)
@given(
    st.floats(0, 1),
    st.floats(),
    st.sampled_from([None, (), (True,), (False, True)]),
    st.one_of(st.none(), st.floats()),
    st.one_of(st.integers(), st.text(), st.tuples(st.integers(), st.text())),
)
def test_any_values_match_the_schema(p, threshold, answers, bound, record):
    diagnosis = Diagnosis("sepsis", np.float64(p), threshold, answers, 0.9)
    finding = LabFinding("ph", "low", p, math.nan, bound, None, "", threshold)
    VALIDATOR.validate(as_read(Explanation(record, (diagnosis,), (finding,), None)))


def parts(document, path=()):
    """Every object of a document and the path to it."""
    if isinstance(document, dict):
        yield path, document
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        if isinstance(value, (dict, list)):
            yield from parts(value, (*path, key))


def test_missing_and_unknown_fields_are_refused(make_full_explanation):
    whole = as_read(make_full_explanation())
    free = ("model", "patient", "table", "leads")  # the caller's own names
    objects = [path for path, _ in parts(whole) if not set(path) & set(free)]
    assert len(objects) == 1 + 6 + 2 + 2 + 1 + 1
    for path in objects:
        for name in [*dict(parts(whole))[path], "unheard of"]:
            changed = copy.deepcopy(whole)
            part = dict(parts(changed))[path]
            if name in part:
                del part[name]
            else:
                part[name] = 1
            assert not VALIDATOR.is_valid(changed), (path, name)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("version",), 1),
        (("diagnoses", 0, "probability"), 1.2),
        (("diagnoses", 0, "decision"), "perhaps"),
        (("diagnoses", 0, "answers"), [True, True]),
        (("evidence", 0, "odds_ratio_low"), -1),
        (("attributions", 0, "beats", 0), [0.1, 0.9]),
        (("similar", 0, "diagnoses"), "sepsis"),
    ],
)
def test_wrong_values_are_refused(make_full_explanation, where, value):
    document = as_read(make_full_explanation())
    part = document
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    assert not VALIDATOR.is_valid(document)


def test_dictionary_is_strict_json_and_complete(make_explanation):
    unmeasured = LabFinding("ph", "low", 0.5, math.nan, None, None, "")
    explanation = make_explanation(3)
    explanation = replace(explanation, laboratories=(*explanation.laboratories, unmeasured))
    back = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert back["record"] == 3
    for got, d in zip(back["diagnoses"], explanation.diagnoses, strict=True):
        assert (got["name"], got["probability"]) == (d.name, d.probability)
        assert (got["threshold"], got["predicted"]) == (d.threshold, d.predicted)
    for got, finding in zip(back["laboratories"], explanation.laboratories, strict=True):
        rate = got.pop("base_rate")
        assert rate == finding.base_rate or (rate is None and math.isnan(finding.base_rate))
        names = ("laboratory", "direction", "probability", "low", "high", "unit")
        assert [got[name] for name in names] == [getattr(finding, name) for name in names]
    assert "Research use only" in back["note"]


def test_infinite_bound_is_null(make_explanation):
    finding = LabFinding("crp", "high", 0.5, 0.1, -math.inf, 10.0, "mg/L")
    back = json.loads(json.dumps(make_explanation(laboratories=[finding]).to_dict()))
    assert back["laboratories"][0]["low"] is None


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (7, 7),
        ("visit 7", "visit 7"),
        (True, True),
        (2.5, 2.5),
        (np.int64(7), 7),
        (np.float32(0.5), 0.5),
        (np.str_("a"), "a"),
        (math.nan, None),
        (None, None),
        ((10, "a"), [10, "a"]),
        ((np.int32(1), pd.Timestamp("2020-01-02")), [1, "2020-01-02 00:00:00"]),
        (pd.Timestamp("2020-01-02"), "2020-01-02 00:00:00"),
    ],
)
def test_any_index_label_is_strict_json(make_explanation, record, expected):
    explanation = make_explanation(record)
    back = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert back["record"] == expected
    assert explanation.to_text().startswith(f"ECG {record}\n")


def test_explanations_are_a_list_of_dictionaries(make_explanation):
    several = Explanations([make_explanation("a"), make_explanation("b", [])])
    assert several.to_dict() == [explanation.to_dict() for explanation in several]


@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.float16])
@pytest.mark.parametrize("threshold", [0.25, math.inf, -math.inf, math.nan])
def test_diagnoses_are_strict_json(kind, threshold):
    """An infinite threshold predicts a label never or always."""
    diagnosis = Diagnosis("sepsis", kind(0.5), kind(threshold))
    explanation = Explanation(7, (diagnosis,), (), None)
    (back,) = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))["diagnoses"]
    assert back == {
        "name": "sepsis",
        "title": "sepsis",
        "recorded": None,
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
