"""SelectLeads finds leads by name and copies no sample."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import LeadMismatchError, SignalQualityWarning
from ecgsk.preprocessing import BandpassFilter, SelectLeads
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.leads import LIMB_LEADS

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


EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def twelve():
    """Twelve leads that obey Einthoven and Goldberger."""
    x = np.random.default_rng(0).normal(size=(3, 8, 200))
    i, ii = x[:, 0], x[:, 1]
    limbs = [i, ii, ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2]
    signals = np.concatenate([np.stack(limbs, axis=1), x[:, 2:]], axis=1)
    return ECGArray.from_numpy(signals, leads=STANDARD_12_LEADS, sampling_rate=100)


def test_missing_limb_leads_are_derived_on_request():
    ecg = twelve()
    eight = pd.DataFrame({"ecg": ecg.select_leads(EIGHT)})
    with pytest.raises(LeadMismatchError, match=r"follow from I and II.*derive=True"):
        SelectLeads(STANDARD_12_LEADS).fit(eight)
    out = SelectLeads(STANDARD_12_LEADS, derive=True).fit_transform(eight)["ecg"].array
    assert out.leads == STANDARD_12_LEADS
    np.testing.assert_allclose(out.read(), ecg.read(), atol=1e-6)
    again = pickle.loads(pickle.dumps(out[1:2]))
    np.testing.assert_array_equal(again.read()[0], out.read()[1])
    from_arrays = SelectLeads(STANDARD_12_LEADS, derive=True, input_leads=EIGHT)
    np.testing.assert_array_equal(
        from_arrays.fit_transform(ecg.select_leads(EIGHT).read()), out.read()
    )


@given(st.lists(st.sampled_from(list(LIMB_LEADS)[:6]), unique=True, min_size=2))
def test_limb_leads_follow_from_any_two(kept):
    ecg = twelve()
    out = SelectLeads(STANDARD_12_LEADS[:6], derive=True).fit_transform(ecg.select_leads(kept))
    np.testing.assert_allclose(out.read(), ecg.read()[:, :6], atol=2e-6)


def test_a_derived_sample_is_missing_where_its_sources_are():
    x = twelve().select_leads(EIGHT).read()
    x[1, 0, 20:30] = np.nan
    ecg = ECGArray.from_numpy(x, leads=EIGHT, sampling_rate=100)
    out = SelectLeads(["II", "III", "V1"], derive=True).fit_transform(ecg).read()
    assert np.isnan(out[1, 1]).nonzero()[0].tolist() == list(range(20, 30))
    assert not np.isnan(out[:, [0, 2]]).any()


@pytest.mark.parametrize(("available", "wanted"), [(["II", "V1"], "III"), (["I", "II"], "V1")])
def test_leads_that_follow_from_none_are_refused(available, wanted):
    ecg = make_ecg(available)
    with pytest.raises(LeadMismatchError, match=f"lead {wanted}, which cannot be derived"):
        SelectLeads([wanted], derive=True).fit(ecg)
    with pytest.raises(LeadMismatchError, match=rf"{wanted} cannot be derived from these"):
        SelectLeads([wanted]).fit(ecg)


def test_a_model_of_twelve_leads_names_the_derivation():
    ecg = twelve()
    fitted = BandpassFilter().fit(ecg)
    with pytest.raises(LeadMismatchError, match=r"III, aVR, aVL, aVF follow from I and II"):
        fitted.transform(ecg.select_leads(EIGHT))


@given(
    st.lists(st.sampled_from(STANDARD_12_LEADS), unique=True, min_size=1),
    st.lists(st.sampled_from(STANDARD_12_LEADS), unique=True, min_size=1),
    st.booleans(),
)
def test_masked_leads_are_nan_and_all_others_as_without_masking(available, wanted, derive):
    ecg = make_ecg(available)
    select = SelectLeads(wanted, derive=derive, missing="mask")
    derived = set(LIMB_LEADS) if derive and len(set(available) & set(LIMB_LEADS)) > 1 else set()
    there = [lead for lead in wanted if lead in derived.union(available)]
    if not there:
        with pytest.raises(LeadMismatchError, match="expected at least one of"):
            select.fit(ecg)
        return
    if len(there) == len(wanted):
        out = select.fit_transform(ecg)
    else:
        with pytest.warns(SignalQualityWarning, match=f"{len(wanted) - len(there)} of .* masked"):
            out = select.fit_transform(ecg)
    assert out.leads == tuple(wanted)
    samples = out.read()
    kept = [wanted.index(lead) for lead in there]
    expected = SelectLeads(there, derive=derive).fit_transform(ecg).read()
    np.testing.assert_array_equal(samples[:, kept], expected)
    assert np.isnan(np.delete(samples, kept, axis=1)).all()
    assert pickle.loads(pickle.dumps(out)).storage.leads == tuple(wanted)


def test_fitted_on_twelve_leads_transforms_one():
    select = SelectLeads(STANDARD_12_LEADS, missing="mask").fit(make_ecg(STANDARD_12_LEADS))
    with pytest.warns(SignalQualityWarning, match="predicts from II alone"):
        out = select.transform(make_ecg(["II"]))
    assert np.isfinite(out.read()[:, 1]).all()


def test_unknown_treatment_of_missing_leads_is_refused(frame):
    with pytest.raises(ValueError, match=r"missing to be one of .*, got 'drop'"):
        SelectLeads(LEADS, missing="drop").fit(frame)
