import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from ecgsk.signals.record_quality import check_millivolt

pytestmark = pytest.mark.real_data


@pytest.fixture
def ptbxl(real_data):
    folder = real_data / "ptbxl_subset"
    X = pd.read_csv(folder / "labels.csv")
    X["ecg"] = ECGArray.from_npy(
        folder / "signals_100hz_zscored_float16.npy", leads=STANDARD_12_LEADS, sampling_rate=100
    )
    return X


def test_ptbxl_stays_on_disk_through_patient_folds(ptbxl, real_data):
    samples = np.load(real_data / "ptbxl_subset" / "signals_100hz_zscored_float16.npy")
    assert str(ptbxl["ecg"].dtype) == "ecg[12x1000, 100 Hz]"
    for train, test in GroupKFold(5).split(ptbxl, groups=ptbxl["patient_id"]):
        fold = ptbxl.iloc[test]
        assert fold["ecg"].array.storage is ptbxl["ecg"].array.storage
        assert len(pickle.dumps(ptbxl.iloc[train]["ecg"].array)) < 10 * len(train) + 2000
        np.testing.assert_array_equal(fold["ecg"].ecg.to_numpy(), samples[test].astype("float32"))


def test_ptbxl_normalised_signals_pass_the_unit_check(ptbxl):
    check_millivolt(ptbxl["ecg"].array)


def test_ptbxl_has_an_ecg_in_every_record(ptbxl):
    report = ptbxl["ecg"].ecg.quality()
    assert report["usable"].all()
    assert report["n_nan_samples"].sum() == 0
