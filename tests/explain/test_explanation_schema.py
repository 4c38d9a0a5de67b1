"""The published JSON schema: what to_dict gives, and nothing else."""

import copy
import json
import math

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.explain import Diagnosis, Explanation, Explanations, LabFinding, explanation_schema

SCHEMA = explanation_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def as_read(explanation):
    return json.loads(json.dumps(explanation.to_dict(), allow_nan=False))


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_full_and_a_bare_explanation_fit(make_full_explanation, make_explanation):
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
def test_whatever_a_caller_has_fits(p, threshold, answers, bound, record):
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


def test_no_field_may_be_missing_or_unheard_of(make_full_explanation):
    whole = as_read(make_full_explanation())
    free = ("model", "table", "leads")  # the caller's own names
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
        (("version",), 2),
        (("diagnoses", 0, "probability"), 1.2),
        (("diagnoses", 0, "decision"), "perhaps"),
        (("diagnoses", 0, "answers"), [True, True]),
        (("evidence", 0, "odds_ratio_low"), -1),
        (("attributions", 0, "beats", 0), [0.1, 0.9]),
        (("similar", 0, "diagnoses"), "sepsis"),
    ],
)
def test_wrong_values_are_told(make_full_explanation, where, value):
    document = as_read(make_full_explanation())
    part = document
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value
    assert not VALIDATOR.is_valid(document)
