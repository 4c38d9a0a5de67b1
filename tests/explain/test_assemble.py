"""Explanations from arrays and frames, without an estimator."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.explain import SimilarPatient, assemble_explanations

TARGETS = ["potassium low", "white cell count high"]


@pytest.fixture
def laboratories():
    return pd.DataFrame([[0.1, 0.7], [0.2, 0.4]], columns=TARGETS)


@pytest.fixture
def facts():
    return pd.DataFrame(
        {
            "base_rate": [0.05, 0.3],
            "low": [3.5, np.nan],
            "high": [5.1, 11.0],
            "unit": ["mmol/L", ""],
        },
        index=TARGETS,
    )


@pytest.fixture
def diagnoses():
    return pd.DataFrame([[0.9, 0.2, 0.6], [0.1, 0.3, 0.4]], columns=["sepsis", "gout", "rare"])


def test_laboratories_take_their_facts_by_name(laboratories, facts):
    for table in (facts, facts[::-1]):
        first, second = assemble_explanations(["a", "b"], laboratories, table)
        assert (first.record, second.record) == ("a", "b")
        assert first.diagnoses == first.evidence == first.attributions == first.similar == ()
        assert (first.ecg, first.quality, first.model) == (None, "", {})
        potassium, cells = first.laboratories
        assert (potassium.laboratory, potassium.direction) == ("potassium", "low")
        assert potassium.reference == "3.5-5.1 mmol/L"
        assert (cells.laboratory, cells.low, cells.unit) == ("white cell count", None, "")
        assert (cells.probability, cells.base_rate) == (0.7, 0.3)
        assert cells.threshold is cells.sensitivity is cells.ppv is None
        assert [f.probability for f in second.laboratories] == [0.2, 0.4]


def test_calibrated_facts_give_predictive_values(laboratories, facts):
    facts = facts.assign(
        threshold=[0.3, np.nan],
        sensitivity=[0.8, np.nan],
        specificity=[0.9, np.nan],
        prevalence=0.5,
    )
    (explanation, _) = assemble_explanations([0, 1], laboratories, facts)
    potassium, cells = explanation.laboratories
    assert potassium.ppv == pytest.approx(0.8 / 0.9)
    assert cells.ppv is None


def test_diagnoses_have_sets_only_if_calibrated(laboratories, facts, diagnoses):
    sets = np.array([[[0, 1], [1, 1], [1, 1]], [[1, 0], [0, 0], [1, 1]]], dtype=bool)
    explained = assemble_explanations(
        [0, 1],
        laboratories,
        facts,
        diagnoses=diagnoses,
        thresholds=np.array([0.4, 0.1, 0.5]),
        prediction_sets=sets,
        calibrated=np.array([True, True, False]),
        coverage=0.8,
    )
    answers = [[d.answers for d in e.diagnoses] for e in explained]
    assert answers == [[(True,), (False, True), None], [(False,), (), None]]
    assert [[d.coverage for d in e.diagnoses] for e in explained] == [[0.8, 0.8, None]] * 2
    decisions = [[d.decision for d in e.diagnoses] for e in explained]
    assert decisions == [["present", "uncertain", "present"], ["absent", "uncertain", "absent"]]


def test_diagnoses_without_thresholds_use_one_half(laboratories, facts, diagnoses):
    (first, _) = assemble_explanations([0, 1], laboratories, facts, diagnoses=diagnoses)
    assert {d.threshold for d in first.diagnoses} == {0.5}
    assert {d.answers for d in first.diagnoses} == {None}


def test_evidence_keeps_order_and_omits_links_that_the_model_sees_the_other_way(
    laboratories, facts
):
    links = pd.DataFrame(
        {
            "diagnosis": ["sepsis", "sepsis", "gout"],
            "finding": ["lactate high", "sodium low", "urate high"],
            "odds_ratio": [3.0, 1.5, 4.0],
            "low": [2.0, 1.4, 3.0],
            "high": [4.0, 1.7, 5.0],
            "crude_odds_ratio": [5.0, 2.5, 6.0],
            "adjusted_odds_ratio": [4.5, 2.0, 5.5],
            "sensitivity": [0.5, -0.2, 0.3],
            "carried_by_ecg": [1.0, 0.0, np.nan],
            "is_definition": [False, False, True],
            "holds": True,
        }
    )
    contributions = np.array([[0.4, 0.2, -0.1], [-0.3, -0.2, 0.6]])
    explained = assemble_explanations(
        [0, 1], laboratories, facts, links=links, contributions=contributions
    )
    for explanation in explained:
        assert [e.finding for e in explanation.evidence] == ["lactate high", "urate high"]
    item, last = explained[1].evidence
    assert [item.supports, last.supports] == [False, True]
    assert (item.odds_ratio, item.odds_ratio_low, item.odds_ratio_high) == (3.0, 2.0, 4.0)
    assert (item.crude_odds_ratio, item.adjusted_odds_ratio) == (5.0, 4.5)
    assert (item.contribution, item.sensitivity) == (-0.3, 0.5)
    assert item.carried_by_ecg is True
    assert last.carried_by_ecg is None
    assert [item.is_definition, last.is_definition] == [False, True]


def test_signals_problems_and_neighbours_are_per_record(laboratories, facts, make_record):
    ecgs = [make_record(), make_record(("II",))]
    similar = [[SimilarPatient("x", 0.9, (), {})], []]
    first, second = assemble_explanations(
        [0, 1],
        laboratories,
        facts,
        ecgs=ecgs,
        problems=["", "lead II flat"],
        similar=similar,
        model={"name": "m"},
    )
    assert (first.ecg, second.ecg) == tuple(ecgs)
    assert (first.quality, second.quality) == ("", "lead II flat")
    assert (len(first.similar), len(second.similar)) == (1, 0)
    assert first.model == second.model == {"name": "m"}


def test_parts_of_another_length_are_refused(laboratories, facts):
    with pytest.raises(ValueError, match="zip"):
        assemble_explanations([0, 1], laboratories, facts, problems=[""])
