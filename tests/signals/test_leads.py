"""Lead names and look-up of leads by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import LeadMismatchError
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.leads import (
    KNOWN_LEADS,
    canonical_lead,
    canonical_leads,
    lead_order,
    lead_positions,
)


@given(st.sampled_from(KNOWN_LEADS), st.sampled_from([str.upper, str.lower, str.title]))
def test_leads_are_read_in_any_case(lead, spell):
    assert canonical_lead(f"  {spell(lead)} ") == lead


@pytest.mark.parametrize(
    ("spelling", "lead"),
    [("x", "VX"), ("vz", "VZ"), ("MDC_ECG_LEAD_AVF", "aVF"), ("Lead II", "II"), ("-avr", "-aVR")],
)
def test_canonical_lead_accepts_other_spellings(spelling, lead):
    assert canonical_lead(spelling) == lead


@pytest.mark.parametrize("name", ["IV", "", "ECG", "V10", 3])
def test_unknown_lead_lists_known_leads(name):
    with pytest.raises(LeadMismatchError, match=r"unknown lead .*expected one of I, II, III"):
        canonical_lead(name)


def test_repeated_lead_raises():
    with pytest.raises(LeadMismatchError, match="lead aVF is repeated in I, aVF, aVF"):
        canonical_leads(["I", "aVF", "AVF"])


def test_empty_leads_raise():
    with pytest.raises(LeadMismatchError, match="expected at least one lead"):
        canonical_leads([])


def test_single_string_is_one_lead():
    assert canonical_leads("II") == ("II",)


@given(
    st.permutations(STANDARD_12_LEADS),
    st.lists(st.sampled_from(STANDARD_12_LEADS), unique=True, min_size=1),
)
def test_positions_find_leads_by_name(available, wanted):
    assert [available[i] for i in lead_positions(available, wanted)] == wanted


def test_missing_lead_lists_available_leads():
    with pytest.raises(LeadMismatchError, match=r"Net: expected lead V1; got 2 leads .*\(I, II\)"):
        lead_positions(["I", "II"], ["I", "V1"], name="Net")


def test_a_lead_that_no_standard_names_begins_with_x():
    assert canonical_leads(["X-CM5", "II"]) == ("x-cm5", "II")
    with pytest.raises(LeadMismatchError, match=r"leads=\{'MLII': 'II'\}.*begins with x-"):
        canonical_lead("CM5")
    with pytest.raises(LeadMismatchError, match="x-cm5 is repeated"):
        canonical_leads(["x-cm5", "X-CM5"])
    leads = ["V6R", "x-a", "II"]
    assert sorted(leads, key=lead_order) == ["II", "V6R", "x-a"]
