"""ECG dtype: names, and which columns can be concatenated."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import DurationError, LeadMismatchError, SamplingRateError
from ecgsk.signals import STANDARD_12_LEADS, ECGArray, ECGDtype


def test_other_leads_are_named_in_the_dtype(frame):
    assert str(frame["ecg"].ecg.select_leads(["v1", "II"]).dtype) == "ecg[2x1000, 100 Hz: V1 II]"


OTHERS = {
    "leads": (
        {"leads": ["I", "V1"]},
        LeadMismatchError,
        r"expected 2 leads \((I, II|I, V1)\), got 2 \((I, II|I, V1)\).*SelectLeads",
    ),
    "sampling rate": (
        {"sampling_rate": 500},
        SamplingRateError,
        r"sampled at (100|500) Hz, got (100|500) Hz.*Resample\((100|500)\)",
    ),
    "length": (
        {"n_samples": 60},
        DurationError,
        r"records of (50|60) samples \(0\.[56] s\), got (50|60)",
    ),
}


@pytest.mark.parametrize(("other", "error", "message"), OTHERS.values(), ids=OTHERS)
def test_concat_of_different_dtypes_raises(make, other, error, message):
    a, b = make(), make(**other)
    with pytest.raises(error, match=message):
        pd.concat([pd.DataFrame({"ecg": a}), pd.DataFrame({"ecg": b})])
    with pytest.raises(error, match=message):
        pd.concat([pd.Series(a), pd.Series(b)])
    with pytest.raises(error):
        a[0] = b[0]
    with pytest.raises(error):
        pd.Series([a[0], b[0]], dtype=a.dtype)
    with pytest.raises(error):
        pd.Series(b).astype(a.dtype)


@given(st.permutations(STANDARD_12_LEADS), st.booleans())
def test_concat_reorders_leads_by_name(leads, standard_first):
    x = np.random.default_rng(0).normal(size=(2, 12, 5)).astype(np.float32)
    permuted = x[:, [STANDARD_12_LEADS.index(lead) for lead in leads]]
    parts = [
        pd.Series(ECGArray.from_numpy(x, leads=STANDARD_12_LEADS, sampling_rate=1)),
        pd.Series(ECGArray.from_numpy(permuted, leads=leads, sampling_rate=1)),
    ]
    joined = pd.concat(parts if standard_first else parts[::-1])
    assert joined.ecg.leads == STANDARD_12_LEADS
    np.testing.assert_array_equal(joined.ecg.to_numpy(), np.concatenate([x, x]))


@given(
    st.lists(st.sampled_from(STANDARD_12_LEADS), unique=True, min_size=1),
    st.sampled_from([100, 257.5, 1000 / 3]),
    st.integers(1, 10**6),
)
def test_name_round_trips(leads, sampling_rate, n_samples):
    dtype = ECGDtype(leads, sampling_rate, n_samples)
    assert ECGDtype.construct_from_string(dtype.name) == dtype
    assert dtype == dtype.name
    assert hash(dtype) == hash(ECGDtype(leads, sampling_rate, n_samples))


@pytest.mark.parametrize(
    "string",
    ["ecg", "ecg[8x1000, 100 Hz]", "ecg[12x1000, 0 Hz]", "ecg[2x10, 1 Hz: I I]", "ecg[12x0, 1 Hz]"],
)
def test_construct_from_string_rejects_other_strings(string):
    with pytest.raises(TypeError, match="Cannot construct a 'ECGDtype' from"):
        ECGDtype.construct_from_string(string)


def test_duration():
    assert ECGDtype(["II"], 500, 5000).duration == 10
