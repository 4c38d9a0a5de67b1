"""One recording of any format: WFDB beside the others, wanted leads and rates."""

import numpy as np
import pytest

from ecgsk.exceptions import ECGError, LeadMismatchError, RecordReadError
from ecgsk.io import read_ecg, read_ecgs, read_wfdb_record, record_storage
from ecgsk.signals import STANDARD_12_LEADS
from tests.io.formats.writers import (
    EIGHT,
    derive,
    edf_signal,
    make_digital,
    muse_waveform,
    write_edf,
    write_muse,
    write_scp,
)


@pytest.mark.parametrize("suffix", ["", ".hea", ".dat"])
def test_a_wfdb_record_is_read_with_all_leads(write_record, tmp_path, suffix):
    leads = ("V1", "II", "V2")
    write_record("a", leads=leads)
    record = read_ecg(f"{tmp_path}/a{suffix}")
    assert (record.leads, record.sampling_rate) == (("II", "V1", "V2"), 500)
    expected = read_wfdb_record(tmp_path / "a", leads=["II", "V1", "V2"]).read()[0]
    np.testing.assert_array_equal(record.signal, expected)


def test_eight_leads_of_a_wfdb_record_become_twelve(write_record, tmp_path):
    write_record("a", leads=EIGHT)
    record = read_ecg(tmp_path / "a")
    assert record.leads == STANDARD_12_LEADS
    stored = dict(zip(EIGHT, read_wfdb_record(tmp_path / "a", leads=EIGHT).read()[0], strict=True))
    expected = derive(stored)
    np.testing.assert_allclose(record.signal, [expected[x] for x in record.leads], atol=1e-6)


def test_a_wfdb_record_beside_a_file_of_its_name_is_told_apart(write_record, tmp_path):
    write_record("a", leads=["II"])
    write_scp(tmp_path / "a.scp", make_digital(["V1"], 100))
    assert read_ecg(tmp_path / "a.scp").leads == ("V1",)
    assert read_ecg(tmp_path / "a").leads == ("II",)


def test_a_name_in_the_file_can_be_declared(write_record, tmp_path):
    write_edf(
        tmp_path / "e", [edf_signal("MLII", [1] * 100, 100), edf_signal("V1", [2] * 100, 100)]
    )
    assert read_ecg(tmp_path / "e").leads == ("V1",)
    record = read_ecg(tmp_path / "e", leads={"V1": "V1", "MLII": "II"})
    assert record.leads == ("V1", "II")
    np.testing.assert_allclose(record.signal[:, 0], [2e-4, 1e-4], atol=1e-9)


def test_a_lead_that_occurs_twice_is_refused(tmp_path):
    write_edf(tmp_path / "e", [edf_signal("II", [1] * 100, 100), edf_signal("ii", [2] * 100, 100)])
    with pytest.raises(LeadMismatchError, match="lead II occurs more than once"):
        read_ecg(tmp_path / "e")


def test_a_file_too_large_for_memory_is_refused(tmp_path, monkeypatch):
    path = write_edf(tmp_path / "e", [edf_signal("II", [1] * 1000, 100)])
    monkeypatch.setattr(record_storage, "MAX_SAMPLES", 500)
    with pytest.raises(
        RecordReadError, match=r"at most 500 samples .* Pass duration= to read_ecgs"
    ):
        read_ecg(path)
    monkeypatch.undo()
    assert read_ecg(path).n_samples == 1000


def test_parameters_are_checked(write_record, tmp_path):
    write_record("a", leads=["II"])
    for wrong in ({"sampling_rate": 0}, {"unit": "furlong"}, {"leads": ["XX"]}, {"leads": []}):
        with pytest.raises(ECGError):
            read_ecg(tmp_path / "a", **wrong)
    with pytest.raises(RecordReadError, match="nobody"):
        read_ecg(tmp_path / "nobody")
    with pytest.raises(RecordReadError, match="expected a regular file, got a folder"):
        read_ecg(tmp_path)


def test_a_mixed_folder_is_one_table_and_a_broken_file_loses_nothing(write_record, tmp_path):
    write_record("in/a", leads=EIGHT, seconds=2)
    digital = make_digital(EIGHT, 1000)
    write_muse(tmp_path / "in" / "b.xml", [muse_waveform("Rhythm", digital, "5")])
    write_muse(tmp_path / "in" / "c.xml", [muse_waveform("Rhythm", digital, "5", units="")])
    (tmp_path / "in" / "d.dcm").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="read_ecgs: left out 2 records that cannot be read"):
        frame = read_ecgs(tmp_path / "in", leads=EIGHT)
    assert frame.index.tolist() == ["a", "b.xml"]
    np.testing.assert_array_equal(frame["ecg"].iloc[1].signal, read_ecg(
        tmp_path / "in" / "b.xml", leads=EIGHT).signal)  # fmt: skip
    broken = {entry["record"]: entry["reason"] for entry in frame.attrs["broken"]}
    assert broken.keys() == {"c.xml", "d.dcm"}
    assert "unit='uV'" in broken["c.xml"]
    assert "in no format that is read" in broken["d.dcm"]
    with pytest.warns(UserWarning, match="left out 1 records"):
        assert len(read_ecgs(tmp_path / "in", leads=EIGHT, unit="uV")) == 3


def test_arrays_of_a_folder_are_read_as_declared(tmp_path):
    for number in range(2):
        np.save(tmp_path / f"r{number}.npy", np.full((2, 500), 100 * (number + 1)))
    frame = read_ecgs(tmp_path, leads=["II", "V1"], sampling_rate=250, unit="uV")
    assert str(frame["ecg"].dtype) == "ecg[2x500, 250 Hz: II V1]"
    np.testing.assert_allclose(frame["ecg"].ecg.to_numpy()[:, 0, 0], [0.1, 0.2], rtol=1e-6)
    with pytest.raises(RecordReadError, match="names none of its 2 leads"):
        read_ecgs(tmp_path, sampling_rate=250, unit="uV")
    with pytest.raises(RecordReadError, match="unit of lead II"):
        read_ecgs(tmp_path, leads=["II", "V1"], sampling_rate=250)
