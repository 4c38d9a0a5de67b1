"""SelectLeads finds leads by name and copies no sample."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import LeadMismatchError
from ecgsk.preprocessing import SelectLeads
from ecgsk.signals import STANDARD_12_LEADS, ECGArray

LEADS = ("I", "II", "V1")


def make_ecg(leads=LEADS, sampling_rate=100):
    x = np.random.default_rng(0).normal(size=(20, len(leads), 1000)).astype(np.float32)
    return ECGArray.from_numpy(x, leads=leads, sampling_rate=sampling_rate)


@pytest.fixture
def frame():
    return pd.DataFrame({"age": range(20), "ecg": make_ecg(), "sex": "F"}, index=range(100, 120))


def test_no_sample_of_a_column_is_copied(frame):
    out = SelectLeads(["v1", "I"]).fit_transform(frame)["ecg"]
    assert out.ecg.leads == ("V1", "I")
    assert out.array.storage.storage is frame["ecg"].array.storage


@given(st.lists(st.sampled_from(STANDARD_12_LEADS), unique=True, min_size=1))
def test_leads_are_found_by_name(leads):
    x = np.arange(24, dtype=np.float32).reshape(1, 12, 2)
    ecg = ECGArray.from_numpy(x, leads=STANDARD_12_LEADS, sampling_rate=2)
    expected = x[:, [STANDARD_12_LEADS.index(lead) for lead in leads]]
    np.testing.assert_array_equal(SelectLeads(leads).fit_transform(ecg).read(), expected)
    from_array = SelectLeads(leads, input_leads=STANDARD_12_LEADS).fit_transform(x)
    np.testing.assert_array_equal(from_array, expected)


def test_transform_accepts_other_leads_beside_the_requested(frame):
    fitted = SelectLeads(["I", "II"]).fit(frame)
    other = make_ecg(leads=("V6", "II", "I"), sampling_rate=500)
    np.testing.assert_array_equal(fitted.transform(other).read(), other.read()[:, [2, 1]])


@pytest.mark.parametrize(
    ("leads", "message"),
    [
        (
            ["I", "V4"],
            r"SelectLeads: expected lead V4; got 3 leads without it \(I, II, V1\)",
        ),
        (["I", "IX"], "unknown lead 'IX'"),
        (["I", "i"], "lead I is repeated in I, I"),
        ([], "expected at least one lead, got none"),
    ],
)
def test_impossible_leads_are_refused(frame, leads, message):
    with pytest.raises(LeadMismatchError, match=message):
        SelectLeads(leads).fit(frame)
    with pytest.raises(LeadMismatchError, match=message):
        SelectLeads(leads, input_leads=LEADS).fit(frame["ecg"].ecg.to_numpy())


def test_plain_arrays_need_lead_names():
    with pytest.raises(LeadMismatchError, match=r"carry no lead names. State them"):
        SelectLeads(["I"]).fit(np.zeros((2, 3, 10)))
    with pytest.raises(LeadMismatchError, match=r"names 2 leads \(I, II\); got an array .* has 3"):
        SelectLeads(["I"], input_leads=["I", "II"]).fit(np.zeros((2, 3, 10)))
