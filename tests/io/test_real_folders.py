"""Real recordings: counts, and every sample equal to what wfdb reads."""

import numpy as np
import pytest

from ecgsk.exceptions import DurationError, SamplingRateError
from ecgsk.io import read_wfdb_folder, read_wfdb_record
from ecgsk.io._wfdb import load_wfdb
from ecgsk.signals import STANDARD_12_LEADS

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize(
    ("folder", "n_records", "dtype"),
    [
        ("brugada_huca", 248, "ecg[12x1200, 100 Hz]"),
        ("ludb", 157, "ecg[12x5000, 500 Hz]"),
        ("mimic_iv_demo/ecg", 113, "ecg[12x5000, 500 Hz]"),
    ],
)
def test_folders_of_one_rate_and_length(real_data, folder, n_records, dtype):
    frame = read_wfdb_folder(real_data / folder)
    assert len(frame) == n_records
    assert str(frame["ecg"].dtype) == dtype
    assert frame.attrs["broken"] == []


def test_challenge_records_differ_in_rate_and_length(real_data):
    folder = real_data / "cinc2021"
    with pytest.raises(SamplingRateError, match=r"500 Hz \(60 records\), 1000 Hz \(10 records\)"):
        read_wfdb_folder(folder)
    with pytest.raises(DurationError, match=r"10 s \(48 records\), 115.2 s \(7 records\)"):
        read_wfdb_folder(folder, sampling_rate=500)
    frame = read_wfdb_folder(folder, sampling_rate=500, duration=10)
    assert len(frame) == 70
    assert str(frame["ecg"].dtype) == "ecg[12x5000, 500 Hz]"
    assert frame["ecg"].ecg.quality()["usable"].all()
    assert frame["age"].notna().sum() > 60
    assert set(frame["sex"].dropna()) == {"F", "M"}
    assert frame["dx"].notna().all()


@pytest.mark.parametrize("folder", ["brugada_huca", "ludb", "cinc2021", "mimic_iv_demo/ecg"])
def test_every_sample_equals_wfdb(real_data, folder):
    wfdb = load_wfdb()
    wanted = [lead.lower() for lead in STANDARD_12_LEADS]
    for path in sorted((real_data / folder).rglob("*.hea")):
        reference = wfdb.rdrecord(str(path.with_suffix("")))
        stored = [name.lower() for name in reference.sig_name]
        expected = reference.p_signal.T[[stored.index(lead) for lead in wanted]]
        ecg = read_wfdb_record(path)
        assert ecg.sampling_rate == reference.fs
        # 1e-6 mV; beyond 16 mV a float32 itself is coarser.
        np.testing.assert_allclose(ecg.read()[0], expected, atol=1e-6, rtol=1e-7)
