"""Explanations as values, text, dictionaries and tables."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.explain import Diagnosis, Evidence, Explanation, Explanations, LabFinding

probabilities = st.floats(0, 1, exclude_min=True, exclude_max=True)
diagnoses = st.lists(
    st.builds(Diagnosis, st.text("abc ", min_size=1), probabilities, st.floats(0.1, 0.9)),
    max_size=8,
)
findings = st.lists(
    st.builds(
        LabFinding,
        st.sampled_from(["potassium", "sodium"]),
        st.sampled_from(["low", "high"]),
        probabilities,
        st.one_of(st.just(math.nan), st.floats(0, 1)),
        st.one_of(st.none(), st.floats(0, 10)),
        st.one_of(st.none(), st.floats(10, 200)),
        st.sampled_from(["", "mmol/L"]),
    ),
    max_size=8,
)


def count_lines(text, ending):
    return sum(line.endswith(ending) for line in text.splitlines())


@pytest.mark.parametrize(("p", "predicted"), [(0.51, True), (0.5, False), (0.49, False)])
def test_a_diagnosis_is_predicted_above_its_threshold(p, predicted):
    assert Diagnosis("sepsis", p, 0.5).predicted is predicted


@given(diagnoses, st.integers(0, 10))
def test_predicted_diagnoses_come_first_then_the_probable(diagnoses, n):
    explanation = Explanation(1, tuple(diagnoses), (), None)
    everything = explanation.top_diagnoses(len(diagnoses))
    assert sorted(map(id, everything)) == sorted(map(id, diagnoses))
    keys = [(d.predicted, d.probability) for d in everything]
    assert keys == sorted(keys, reverse=True)
    assert explanation.top_diagnoses(n) == everything[:n]


@given(findings, st.integers(0, 10))
def test_findings_come_by_how_far_they_stand_above_their_base_rate(findings, n):
    explanation = Explanation(1, (), tuple(findings), None)
    everything = explanation.top_laboratories(len(findings))
    # What was never measured, or never abnormal, cannot be told from the ECG.
    known = [f for f in findings if f.base_rate > 0]
    assert sorted(map(id, everything)) == sorted(map(id, known))
    above = [f.probability - f.base_rate for f in everything]
    assert above == sorted(above, reverse=True)
    assert explanation.top_laboratories(n) == everything[:n]


def test_lift():
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
def test_reference_range_in_words(make_explanation, low, high, unit, words):
    finding = LabFinding("test", "high", 0.7, 0.1, low, high, unit)
    assert finding.reference == words
    text = make_explanation(laboratories=[finding]).to_text()
    assert (f", reference {words}\n" in text) == bool(words)
    assert ("reference" in text) == bool(words)


def test_text(make_explanation):
    assert str(make_explanation()).splitlines() == [
        "ECG 7",
        "Diagnoses, not calibrated",
        "  hyperkalaemia        p 0.82   predicted",
        "  atrial fibrillation  p 0.30   predicted",
        "  sepsis               p 0.04",
        "Laboratory abnormalities, most above their base rate first",
        "  potassium high       p 0.71  base rate 0.08, reference 3.5-5.1 mmol/L",
        "  troponin high        p 0.35  base rate 0.30, reference up to 0.04 ng/mL",
        "  potassium low        p 0.02  base rate 0.10, reference 3.5-5.1 mmol/L",
        "Laboratory findings are predicted from the ECG and stand beside the diagnoses;",
        "they do not cause them. Research use only.",
    ]


def test_text_without_diagnoses_or_findings(make_explanation):
    assert "Diagnoses" not in make_explanation(diagnoses=[]).to_text()
    assert "Laboratory abn" not in make_explanation(laboratories=[]).to_text()
    bare = make_explanation("a", [], []).to_text()
    assert bare.startswith("ECG a\nLaboratory findings are predicted from")


@given(probabilities, st.floats(0, 1, exclude_min=True))
def test_no_probability_is_shown_as_certain(p, base_rate):
    text = Explanation(
        1, (Diagnosis("d", p, 0.5),), (LabFinding("l", "low", p, base_rate, None, None, ""),), None
    ).to_text()
    shown = [line.split(" p ")[1].split()[0] for line in text.splitlines() if " p " in line]
    assert len(shown) == 2
    shown.append(text.split("base rate ")[-1].split("\n")[0])
    for value, words in zip((p, p, base_rate), shown, strict=True):
        if words[0] in "<>":
            assert words == ("<0.01" if value < 0.5 else ">0.99")
            assert value < 0.01 or value > 0.99
        else:
            assert 0 < float(words) < 1
            assert float(words) == pytest.approx(value, abs=0.0050001)


@given(diagnoses, st.integers(1, 6))
def test_text_says_how_many_more_are_predicted(diagnoses, n):
    text = Explanation(1, tuple(diagnoses), (), None).to_text(n_diagnoses=n)
    more = [int(line.split()[1]) for line in text.splitlines() if line.endswith("more predicted")]
    named = count_lines(text, "  predicted")
    assert named + sum(more) == sum(d.predicted for d in diagnoses)
    assert named <= n
    assert 0 not in more


def test_text_names_as_many_as_asked(make_explanation):
    text = make_explanation().to_text(n_diagnoses=1, n_laboratories=1)
    assert "hyperkalaemia" in text
    assert "  and 1 more predicted" in text
    assert "atrial" not in text
    assert "potassium high" in text
    assert "troponin" not in text


@given(diagnoses, findings)
def test_dictionary_is_strict_json_and_complete(diagnoses, findings):
    explanation = Explanation(3, tuple(diagnoses), tuple(findings), None)
    back = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert back["record"] == 3
    for got, d in zip(back["diagnoses"], diagnoses, strict=True):
        assert (got["name"], got["probability"]) == (d.name, d.probability)
        assert (got["threshold"], got["predicted"]) == (d.threshold, d.predicted)
    for got, finding in zip(back["laboratories"], findings, strict=True):
        rate = got.pop("base_rate")
        assert rate == finding.base_rate or (rate is None and math.isnan(finding.base_rate))
        told = ("laboratory", "direction", "probability", "low", "high", "unit")
        assert [got[name] for name in told] == [getattr(finding, name) for name in told]
    assert "Research use only" in back["note"]


def test_no_bound_is_null(make_explanation):
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


def test_dictionaries_of_several(make_explanation):
    several = Explanations([make_explanation("a"), make_explanation("b", [])])
    assert several.to_dict() == [explanation.to_dict() for explanation in several]


def test_frame(make_explanation):
    frame = Explanations([make_explanation("a"), make_explanation("b")]).to_frame()
    assert frame.columns.tolist() == [
        "record",
        "kind",
        "name",
        "probability",
        "threshold",
        "decision",
        "base_rate",
        "lift",
        "ppv",
        "npv",
        "low",
        "high",
        "unit",
    ]
    assert frame["record"].tolist() == ["a"] * 6 + ["b"] * 6
    first = frame[:6]
    assert first["kind"].tolist() == ["diagnosis"] * 3 + ["laboratory"] * 3
    assert first["name"].tolist()[:3] == ["sepsis", "hyperkalaemia", "atrial fibrillation"]
    assert first["name"].tolist()[3:] == ["potassium low", "potassium high", "troponin high"]
    assert first["probability"].tolist() == [0.04, 0.82, 0.3, 0.02, 0.71, 0.35]
    assert first["threshold"].tolist()[:3] == [0.5, 0.5, 0.2]
    assert first["decision"].tolist()[:3] == ["absent", "present", "present"]
    assert first["base_rate"].tolist()[3:] == [0.1, 0.08, 0.3]
    assert first[["base_rate", "ppv"]].iloc[:3].isna().all(axis=None)
    np.testing.assert_array_equal(first["low"], [np.nan] * 3 + [3.5, 3.5, np.nan])
    np.testing.assert_array_equal(first["high"], [np.nan] * 3 + [5.1, 5.1, 0.04])
    assert first["unit"].isna().tolist() == [True] * 3 + [False] * 3
    assert first["unit"].tolist()[3:] == ["mmol/L", "mmol/L", "ng/mL"]
    assert frame["low"].dtype == frame["high"].dtype == np.float64


def test_evidence_frame(make_explanation):
    for_it = Evidence("sepsis", "lactate high", 0.4, 3.0, 2.0, 4.5, 0.2, 0.01)
    against = Evidence("sepsis", "crp high", -0.1, 2.0, 1.2, 3.1, 0.1, 0.03)
    some = dataclasses.replace(make_explanation("a"), evidence=(for_it, against))
    frame = Explanations([some, make_explanation("b")]).evidence_to_frame()
    assert frame["record"].tolist() == ["a", "a"]
    assert frame["finding"].tolist() == ["lactate high", "crp high"]
    assert frame["supports"].tolist() == [True, False]
    assert len(Explanations([make_explanation("b")]).evidence_to_frame()) == 0


@pytest.mark.parametrize("lacking", ["diagnoses", "laboratories"])
def test_frame_of_one_kind(make_explanation, lacking):
    full, part = make_explanation(), make_explanation(**{lacking: []})
    frame, both = Explanations([part]).to_frame(), Explanations([full]).to_frame()
    kind = {"diagnoses": "laboratory", "laboratories": "diagnosis"}[lacking]
    expected = both[both["kind"] == kind].reset_index(drop=True)
    for table in (frame, expected):
        for name in ("unit", "decision"):
            table[name] = table[name].astype(object).where(table[name].notna(), "")
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)


def test_frame_of_nothing(make_explanation):
    nothing = Explanations([]).to_frame()
    assert len(nothing) == 0
    assert nothing.columns.equals(Explanations([make_explanation()]).to_frame().columns)


def test_they_are_a_sequence(make_explanation):
    items = [make_explanation(record) for record in "abcd"]
    several = Explanations(items)
    assert len(several) == 4
    assert list(several) == items
    assert several[1] is items[1]
    assert several[-1] is items[3]
    assert isinstance(several[1:3], Explanations)
    assert list(several[1:3]) == items[1:3]
    assert list(several[::-1]) == items[::-1]
    assert items[2] in several
    assert repr(several) == "<Explanations of 4 records>"
    with pytest.raises(IndexError):
        several[4]
