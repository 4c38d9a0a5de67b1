"""Explanations as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.explain import Diagnosis, Explanation, LabFinding

probabilities = st.floats(0, 1, exclude_min=True, exclude_max=True)

diagnoses = st.lists(
    st.builds(Diagnosis, st.text("abc ", min_size=1), probabilities, st.floats(0.1, 0.9)),
    max_size=8,
)


def count_lines(text, ending):
    return sum(line.endswith(ending) for line in text.splitlines())


def test_text_lists_diagnoses_then_findings(make_explanation):
    assert str(make_explanation()).splitlines() == [
        "ECG 7",
        "Diagnoses, not calibrated",
        "  hyperkalaemia        p 0.82   above threshold 0.50",
        "  atrial fibrillation  p 0.30   above threshold 0.20",
        "  sepsis               p 0.04",
        "Laboratory abnormalities, most above their base rate first",
        "  potassium high       p 0.71  base rate 0.08, reference 3.5-5.1 mmol/L",
        "  troponin high        p 0.35  base rate 0.30, reference up to 0.04 ng/mL",
        "  potassium low        p 0.02  base rate 0.10, reference 3.5-5.1 mmol/L",
        "Laboratory findings are predicted from the ECG; they are not shown to cause a",
        "diagnosis. Research use only.",
    ]


def test_text_without_diagnoses_or_findings(make_explanation):
    assert "Diagnoses" not in make_explanation(diagnoses=[]).to_text()
    assert "Laboratory abn" not in make_explanation(laboratories=[]).to_text()
    bare = make_explanation("a", [], []).to_text()
    assert bare == "ECG a\nDiagnoses are predicted from the ECG. Research use only."


@given(probabilities, st.floats(0, 1, exclude_min=True))
def test_no_probability_is_shown_as_0_or_1(p, base_rate):
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
def test_text_counts_further_predicted_diagnoses(diagnoses, n):
    text = Explanation(1, tuple(diagnoses), (), None).to_text(n_diagnoses=n)
    more = [
        int(line.split()[1])
        for line in text.splitlines()
        if line.endswith("more above their thresholds")
    ]
    named = sum("  above threshold" in line for line in text.splitlines())
    assert named + sum(more) == sum(d.predicted for d in diagnoses)
    assert named <= n
    assert 0 not in more


def test_text_names_at_most_the_requested_number(make_explanation):
    text = make_explanation().to_text(n_diagnoses=1, n_laboratories=1)
    assert "hyperkalaemia" in text
    assert "  and 1 more above their thresholds" in text
    assert "atrial" not in text
    assert "potassium high" in text
    assert "troponin" not in text


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
def test_lines_have_no_trailing_space_and_aligned_numbers(diagnoses, findings):
    lines = Explanation(7, tuple(diagnoses), tuple(findings), None).to_text().splitlines()
    assert lines == [line.rstrip() for line in lines]
    # Probabilities of both lists are in one column.
    columns = {line.index("  p ") for line in lines if line.startswith("  ") and "  p " in line}
    assert len(columns) <= 1
