"""Records join one column only when their physics agree; leads are found by name."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import DurationError, LeadMismatchError, SamplingRateError
from ecgsk.signals import STANDARD_12_LEADS, ECGArray, ECGDtype

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
def test_concat_of_unlike_columns_raises_instead_of_falling_to_object(make, other, error, message):
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


def test_concat_over_storages_copies_nothing(ecg, on_disk, x):
    joined = pd.concat([pd.Series(ecg[:3]), pd.Series(on_disk), pd.Series(ecg[5:])])
    array = joined.array
    assert list(array.storage.parts) == [ecg.storage, on_disk.storage]
    np.testing.assert_array_equal(array.read(), np.concatenate([x[:3], x, x[5:]]))


def test_concat_of_concats_keeps_each_storage_once(make):
    a, b = make(seed=1), make(seed=2)
    join = ECGArray._concat_same_type
    nested = join([join([b[1:], a]), join([a, b]), a[:0]])
    assert nested.storage.parts == (b.storage, a.storage)
    expected = np.concatenate([b.read()[1:], a.read(), a.read(), b.read()])
    np.testing.assert_array_equal(nested.read(), expected)


def test_two_columns_over_one_file_are_one_storage(on_disk):
    again = ECGArray.from_npy(on_disk.storage.path, leads=on_disk.leads, sampling_rate=100)
    assert pd.concat([pd.Series(on_disk), pd.Series(again)]).array.storage == on_disk.storage


def test_parquet_is_refused_and_the_way_out_named(frame, tmp_path):
    with pytest.raises(TypeError, match=r"parquet.*ecgsk\.datasets\.write_cohort\(cohort"):
        frame.to_parquet(tmp_path / "ecg.parquet")


@given(
    st.lists(st.sampled_from(STANDARD_12_LEADS), unique=True, min_size=1),
    st.sampled_from([100, 257.5, 1 / 3]),
    st.integers(1, 10**6),
)
def test_dtype_is_its_name(leads, sampling_rate, n_samples):
    dtype = ECGDtype(leads, sampling_rate, n_samples)
    assert ECGDtype.construct_from_string(dtype.name) == dtype
    assert dtype == dtype.name
    assert hash(dtype) == hash(ECGDtype(leads, sampling_rate, n_samples))


@pytest.mark.parametrize(
    "string",
    ["ecg", "ecg[8x1000, 100 Hz]", "ecg[12x1000, 0 Hz]", "ecg[2x10, 1 Hz: I I]", "ecg[12x0, 1 Hz]"],
)
def test_strings_that_are_no_dtype(string):
    with pytest.raises(TypeError, match="Cannot construct a 'ECGDtype' from"):
        ECGDtype.construct_from_string(string)


def test_dtype_knows_its_duration():
    assert ECGDtype(["II"], 500, 5000).duration == 10
