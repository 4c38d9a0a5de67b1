import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import LeadMismatchError, SamplingRateError, UnitError
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.leads import KNOWN_LEADS, canonical_lead, canonical_leads, lead_positions
from ecgsk.signals.units import check_sampling_rate, format_hertz, to_millivolt


@given(st.sampled_from(KNOWN_LEADS), st.sampled_from([str.upper, str.lower, str.title]))
def test_leads_are_read_in_any_case(lead, spell):
    assert canonical_lead(f"  {spell(lead)} ") == lead


@pytest.mark.parametrize(
    ("spelling", "lead"),
    [("x", "VX"), ("vz", "VZ"), ("MDC_ECG_LEAD_AVF", "aVF"), ("Lead II", "II"), ("-avr", "-aVR")],
)
def test_other_spellings(spelling, lead):
    assert canonical_lead(spelling) == lead


@pytest.mark.parametrize("name", ["IV", "", "ECG", "V10", 3])
def test_unknown_lead_names_those_known(name):
    with pytest.raises(LeadMismatchError, match=r"unknown lead .*expected one of I, II, III"):
        canonical_lead(name)


def test_duplicate_lead_is_named():
    with pytest.raises(LeadMismatchError, match="lead aVF is repeated in I, aVF, aVF"):
        canonical_leads(["I", "aVF", "AVF"])


def test_no_lead_is_an_error():
    with pytest.raises(LeadMismatchError, match="expected at least one lead"):
        canonical_leads([])


def test_one_string_is_one_lead():
    assert canonical_leads("II") == ("II",)


@given(
    st.permutations(STANDARD_12_LEADS),
    st.lists(st.sampled_from(STANDARD_12_LEADS), unique=True, min_size=1),
)
def test_positions_find_leads_by_name(available, wanted):
    assert [available[i] for i in lead_positions(available, wanted)] == wanted


def test_missing_lead_says_what_is_available():
    with pytest.raises(LeadMismatchError, match=r"Net: expected lead V1; got 2 leads .*\(I, II\)"):
        lead_positions(["I", "II"], ["I", "V1"], name="Net")


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("mV", 1), ("MV", 1), ("uV", 1e-3), ("µV", 1e-3), ("μV", 1e-3), ("V", 1e3), (" nV ", 1e-6)],
)
def test_units(unit, factor):
    assert to_millivolt(unit) == factor


def test_unknown_unit_names_those_known():
    with pytest.raises(UnitError, match=r"unknown unit 'pA'; expected one of V, mV, uV, nV"):
        to_millivolt("pA")


@pytest.mark.parametrize("rate", [None, 0, -1, np.nan, np.inf, "fast"])
def test_sampling_rate_must_be_a_positive_number(rate):
    with pytest.raises(SamplingRateError, match="expected a sampling rate in Hz above 0"):
        check_sampling_rate(rate)


@given(st.floats(min_value=1e-3, max_value=1e5))
def test_sampling_rate_as_text_is_lossless(rate):
    assert float(format_hertz(rate).removesuffix(" Hz")) == rate
