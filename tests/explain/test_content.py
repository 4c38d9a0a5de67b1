"""Rankings of diagnoses and findings."""

import math

from hypothesis import given
from hypothesis import strategies as st

from ecgsk.explain import Diagnosis, Explanation, LabFinding

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


@given(diagnoses, st.integers(0, 10))
def test_diagnoses_rank_by_predicted_then_probability(diagnoses, n):
    explanation = Explanation(1, tuple(diagnoses), (), None)
    everything = explanation.top_diagnoses(len(diagnoses))
    assert sorted(map(id, everything)) == sorted(map(id, diagnoses))
    keys = [(d.predicted, d.probability) for d in everything]
    assert keys == sorted(keys, reverse=True)
    assert explanation.top_diagnoses(n) == everything[:n]


@given(findings, st.integers(0, 10))
def test_findings_rank_by_excess_over_base_rate(findings, n):
    explanation = Explanation(1, (), tuple(findings), None)
    everything = explanation.top_laboratories(len(findings))
    # Findings that were never measured or never abnormal are left out.
    known = [f for f in findings if f.base_rate > 0]
    assert sorted(map(id, everything)) == sorted(map(id, known))
    above = [f.probability - f.base_rate for f in everything]
    assert above == sorted(above, reverse=True)
    assert explanation.top_laboratories(n) == everything[:n]


def test_five_diagnoses_and_five_findings_by_default(make_record):
    explanation = Explanation(
        7,
        tuple(Diagnosis(f"diagnosis {i}", 0.9, 0.5) for i in range(9)),
        tuple(LabFinding(f"test {i}", "high", 0.7, 0.1, None, None, "") for i in range(9)),
        make_record(("II",)),
    )
    text = explanation.to_text()
    assert text.count("  diagnosis ") == text.count("  test ") == 5
    assert "  and 4 more above their thresholds" in text
    assert len(explanation.top_diagnoses()) == len(explanation.top_laboratories()) == 5
    assert [len(ax.patches) for ax in explanation.plot().axes[1:]] == [5, 5]
