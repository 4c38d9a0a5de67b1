"""Leads that are read of a recording in memory: present, wanted, derived and of two rates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import LeadMismatchError, RecordReadError, SamplingRateError, UnitError
from ecgsk.io.formats.header import choose_leads, choose_names, present_leads, read_samples
from ecgsk.io.formats.recording import Channel, Declared, Recording, from_arrays
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.leads import KNOWN_LEADS

LIMB, CHEST = STANDARD_12_LEADS[:6], STANDARD_12_LEADS[6:]


@given(st.sets(st.sampled_from(KNOWN_LEADS), min_size=1))
def test_present_leads_are_the_stored_ones_completed_to_twelve(stored):
    found = present_leads({lead: [0] for lead in stored})
    assert [*found] == sorted(found, key=KNOWN_LEADS.index)
    # Two limb leads, or Cabrera's -aVR, and all chest leads give the standard twelve.
    limb = stored & {*LIMB, "-aVR"} - ({"-aVR"} if "aVR" in stored else set())
    complete = stored >= {*CHEST} and len(limb) >= 2
    assert {*found} == stored | ({*STANDARD_12_LEADS} if complete else set())


@given(
    pair=st.permutations(LIMB).map(lambda leads: leads[:2]),
    wanted=st.permutations(LIMB).map(lambda leads: leads[:3]),
)
def test_any_two_limb_leads_give_the_others(pair, wanted):
    one, two = np.random.default_rng(0).normal(size=(2, 9))
    truth = {
        **{"I": one, "II": two, "III": two - one, "aVR": -(one + two) / 2},
        **{"aVL": one - two / 2, "aVF": two - one / 2},
    }
    channels = tuple(Channel(lead, "mV", 100.0, 9) for lead in pair)
    recording = Recording("test", channels, from_arrays([truth[lead] for lead in pair]))
    header = choose_leads("a", recording, wanted, Declared(), None)
    got = read_samples(header, recording=recording)
    assert header.leads == tuple(wanted)
    np.testing.assert_allclose(got, [truth[lead] for lead in wanted], atol=1e-12)


def test_a_lead_that_is_not_there_is_named_with_a_remedy():
    with pytest.raises(LeadMismatchError, match=r"lacks V1; it stores I, ECG. .*\{'ECG': 'V1'\}"):
        choose_names(["I", "ECG"], ["V1"], "a")
    with pytest.raises(LeadMismatchError, match=r"lacks V1; it stores I. V1 cannot be derived"):
        choose_names(["I"], ["V1"], "a")
    with pytest.raises(LeadMismatchError, match="no lead that is known by name; it stores no sig"):
        choose_names([], None, "a")


def read(*channels, declared=None, sampling_rate=None):
    samples = [np.arange(channel.n_samples, dtype=float) for channel in channels]
    recording = Recording("test", channels, from_arrays(samples))
    header = choose_leads("a", recording, None, declared or Declared(), sampling_rate)
    return header, read_samples(header, recording=recording)


def test_a_shorter_lead_ends_with_missing_samples():
    header, signal = read(Channel("I", "mV", 100.0, 4), Channel("II", "uV", 100.0, 2))
    assert (header.n_samples, header.seconds) == (4, 0.04)
    np.testing.assert_allclose(signal, [[0, 1, 2, 3], [0, 1e-3, np.nan, np.nan]])


def test_what_a_file_states_comes_before_what_is_declared():
    declared = Declared(250.0, "V")
    header, signal = read(Channel("I", "uV", 500.0, 2), declared=declared)
    assert header.sampling_rate == 500
    np.testing.assert_allclose(signal, [[0, 1e-3]])
    header, signal = read(Channel("I", None, None, 2), declared=declared)
    assert header.sampling_rate == 250
    np.testing.assert_allclose(signal, [[0, 1e3]])


def test_what_cannot_be_used_is_refused():
    with pytest.raises(UnitError, match="lead I: unknown unit 'kg'"):
        read(Channel("I", "kg", 500.0, 2))
    with pytest.raises(SamplingRateError, match="expected a sampling rate of 1 to 20000 Hz"):
        read(Channel("I", "mV", 1e6, 2))
    with pytest.raises(RecordReadError, match="holds no sample"):
        read(Channel("I", "mV", 500.0, 0))
