"""QualityGate: records without enough signal become missing, each by itself."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk.exceptions import ECGError, SignalQualityWarning
from ecgsk.io import read_wfdb_folder
from ecgsk.preprocessing import QualityGate
from ecgsk.signals import ECGArray

# Share of samples without signal of a record of two leads and ten seconds, by what it holds.
WITHOUT = {
    "good": 0.0,
    "lead off": 0.5,
    "lead NaN": 0.5,
    "flat 3 s": 0.3,
    "gap 6 s": 0.6,
    "flat": 1.0,
    "microvolts": 1.0,
    "infinite": 1.0,
    "artefact": 0.001,
}


def make(kinds, rate=100):
    x = np.random.default_rng(0).normal(scale=0.3, size=(len(kinds), 2, 10 * rate))
    for record, kind in zip(x, kinds, strict=True):
        if kind == "lead off":
            record[1] = 0.3
        elif kind == "lead NaN":
            record[0] = np.nan
        elif kind == "flat 3 s":
            record[:, 2 * rate : 5 * rate] = 0.1
        elif kind == "gap 6 s":
            record[:, :600] = np.nan
        elif kind == "flat":
            record[:] = 0
        elif kind == "microvolts":
            record *= 1000
        elif kind == "infinite":
            record[0, 5] = np.inf
        elif kind == "artefact":
            record[1, 7] = record[0, 8] = 200
    ecg = ECGArray.from_numpy(x.astype(np.float32), leads=["I", "II"], sampling_rate=rate)
    return pd.DataFrame({"age": range(len(kinds)), "ecg": ecg}, index=range(5, 5 + len(kinds)))


@pytest.mark.parametrize("kind", list(WITHOUT))
def test_quality_is_the_share_of_samples_with_a_signal(kind):
    (quality,) = QualityGate().describe(make([kind]))["quality"]
    assert quality == pytest.approx(1 - WITHOUT[kind])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(list(WITHOUT)), min_size=1, max_size=12),
    st.floats(0, 1).map(lambda share: round(share, 2)),
)
def test_records_below_the_quality_become_missing_and_no_other_changes(kinds, min_quality):
    X, gate = make(kinds), QualityGate(min_quality)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignalQualityWarning)
        out = gate.fit_transform(X)
    described = gate.describe(X)
    passes = np.array([WITHOUT[k] < 1 and 1 - WITHOUT[k] >= min_quality - 1e-9 for k in kinds])
    assert (out["ecg"].notna() == passes).all()
    assert ((described["reason"] == "") == passes).all()
    pd.testing.assert_frame_equal(out.drop(columns="ecg"), X.drop(columns="ecg"))
    np.testing.assert_array_equal(
        out["ecg"][passes].ecg.to_numpy(), X["ecg"][passes].ecg.to_numpy()
    )
    signals, *_ = gate.transform_signals(X["ecg"].ecg.to_numpy(), ("I", "II"), 100.0)
    np.testing.assert_array_equal(signals, out["ecg"].ecg.to_numpy())


def test_refused_records_are_counted_with_a_reason():
    X = make(["good", "flat", "gap 6 s"])
    message = r"2 of 3 records have a signal in less than 50% .* row 1: every lead flat"
    with pytest.warns(SignalQualityWarning, match=message):
        QualityGate().fit_transform(X)
    reasons = QualityGate().describe(X)["reason"]
    assert reasons.to_dict() == {5: "", 6: "every lead flat", 7: "every lead partly NaN"}


def test_missing_records_stay_missing_without_being_counted():
    X = make(["good", "good"])
    X.loc[5, "ecg"] = pd.NA
    assert QualityGate().fit_transform(X)["ecg"].isna().tolist() == [True, False]
    assert QualityGate().describe(X)["reason"].tolist() == ["missing record", ""]


def test_a_column_without_refused_records_is_the_column_itself():
    ecg = make(["good", "good"])["ecg"].array
    assert QualityGate().fit_transform(ecg).storage is ecg.storage
    gate = pickle.loads(pickle.dumps(QualityGate().fit(ecg)))
    assert gate.transform(make(["good"], rate=250))["ecg"].notna().all()


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.SignalQualityWarning")
@pytest.mark.parametrize("folder", ["ludb", "brugada_huca", "cinc2021"])
def test_no_record_of_the_open_data_sets_is_refused(real_data, folder):
    X = read_wfdb_folder(real_data / folder, sampling_rate=500, duration=10, progress=False)
    described = QualityGate().describe(X)
    assert (described["reason"] == "").all()
    assert (described["quality"] == 1).mean() > 0.95


@pytest.mark.parametrize("min_quality", [-0.1, 1.5, "half", None, float("nan")])
def test_a_quality_that_is_no_share_is_refused(min_quality):
    with pytest.raises(ECGError, match="QualityGate: expected min_quality from 0 to 1, got"):
        QualityGate(min_quality).fit(make(["good"]))
