"""Formats found by content, whatever a file is called."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from ecgsk.exceptions import RecordReadError
from ecgsk.io.formats.detection import find_format, open_recording, root_name
from ecgsk.io.formats.recording import Declared
from tests.io.formats.writers import (
    aecg_series,
    dicom_channel,
    dicom_group,
    edf_signal,
    make_digital,
    muse_waveform,
    write_aecg,
    write_dicom,
    write_edf,
    write_muse,
    write_philips,
    write_scp,
)


def content(save, value):
    stream = io.BytesIO()
    save(stream, value)
    return stream.getvalue()


TWO = make_digital(["I", "II"], 500)
WRITERS = {
    "DICOM": lambda p: write_dicom(
        p, [dicom_group(np.ones((1, 9), "<i2"), [dicom_channel("2:1")])]
    ),
    "EDF": lambda p: write_edf(p, [edf_signal("II", [1] * 100, 100)]),
    "GE MUSE XML": lambda p: write_muse(p, [muse_waveform("Rhythm", TWO)]),
    "HL7 aECG": lambda p: write_aecg(p, aecg_series(TWO)),
    "Philips XML": lambda p: write_philips(p, TWO),
    "SCP-ECG": lambda p: write_scp(p, TWO),
    "CSV": lambda p: p.write_text("1,2\n3,4\n"),
    "NumPy": lambda p: p.write_bytes(content(np.save, np.ones((2, 9)))),
    "NumPy archive": lambda p: p.write_bytes(content(np.savez, np.ones((2, 9)))),
    "MATLAB": lambda p: p.write_bytes(content(savemat, {"signal": np.ones((2, 9))})),
}


@pytest.mark.parametrize("name", ["record", "wrong.txt", "wrong.dcm", "\u00c4 1.XML"])
@pytest.mark.parametrize("format", WRITERS)
def test_the_format_is_found_by_content(tmp_path, format, name):
    WRITERS[format](tmp_path / name)
    assert find_format(str(tmp_path / name)) == format


def test_matlab_4_and_bdf_are_found(tmp_path):
    savemat(tmp_path / "a", {"val": np.ones((2, 9), "<i2")}, format="4", appendmat=False)
    assert find_format(str(tmp_path / "a")) == "MATLAB"
    write_edf(tmp_path / "b", [edf_signal("II", [1] * 100, 100)], bdf=True)
    assert find_format(str(tmp_path / "b")) == "EDF"


@pytest.mark.parametrize(
    "before",
    ["", "\n \n", "<?xml version='1.0'?>", "<!-- <AnnotatedECG> -->\n", "<!DOCTYPE a SYSTEM 'b'>"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_root_element_decides(tmp_path, before, encoding):
    text = f"{before}<x:RestingECG xmlns:x='y'><AnnotatedECG/></x:RestingECG>"
    assert root_name(text) == "RestingECG"
    (tmp_path / "a").write_bytes(text.encode(encoding))
    assert find_format(str(tmp_path / "a")) == "GE MUSE XML"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"Some notes.\nMore, of them.\n", "no format that is read. Expected"),
        (b"<svg></svg>", "it is XML with the root svg"),
        (b"\x89HDF\r\n\x1a\n" + b" " * 600, "it is HDF5, and not written by MATLAB"),
        (b"PK\x03\x04 not an archive", "no format that is read"),
    ],
)
def test_other_content_is_refused(tmp_path, content, reason):
    (tmp_path / "a.xml").write_bytes(content)
    assert find_format(str(tmp_path / "a.xml")) is None
    with pytest.raises(RecordReadError, match=reason):
        open_recording(str(tmp_path / "a.xml"), Declared())


@given(
    head=st.sampled_from(
        [b"", b"\0" * 128 + b"DICM", b"0       ", b"\xffBIOSEMI", b"\x93NUMPY\x01\x00",
         b"PK\x03\x04", b"MATLAB 5.0 MAT-file", b"<RestingECG>", b"<AnnotatedECG>",
         b"<restingecgdata>", b"1,2\n3"]
    ),
    rest=st.binary(max_size=600),
)  # fmt: skip
def test_any_content_opens_or_is_a_record_read_error(tmp_path_factory, head, rest):
    path = tmp_path_factory.mktemp("any") / "a"
    path.write_bytes(head + rest)
    declared = Declared(500.0, "uV", ("I", "II"))
    try:
        open_recording(str(path), declared)
    except ValueError as error:
        assert type(error).__module__ == "ecgsk.exceptions"  # noqa: PT017


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(RecordReadError, match="expected a regular file, got a folder"):
        find_format(str(tmp_path))
