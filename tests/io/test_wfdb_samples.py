"""Samples read directly are bit-equal to those read by wfdb."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.io import read_wfdb_folder
from ecgsk.io._wfdb import load_wfdb
from ecgsk.io._wfdb_header import read_header
from ecgsk.io._wfdb_samples import read_block
from ecgsk.io.wfdb_storage import WFDBStorage
from ecgsk.signals import STANDARD_12_LEADS
from ecgsk.signals.leads import canonical_leads

DTYPES = {"16": "<i2", "61": ">i2", "32": "<i4"}
LEADS = ("i", "II", "iii", "AVR", "v1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


def write(folder, stored, signals, *, offset=0):
    """Write record "r": signals as (file, format, gain) and samples interleaved by file."""
    lines = [f"r {len(signals)} 500 {len(stored)}"]
    lines += [
        f"{file} {fmt} {gain} 16 0 0 0 0 {lead}"
        for (file, fmt, gain), lead in zip(signals, LEADS, strict=False)
    ]
    (folder / "r.hea").write_text("\n".join([*lines, ""]))
    files = [file for file, _, _ in signals]
    for file in set(files):
        columns = [column for column, name in enumerate(files) if name == file]
        (folder / file).write_bytes(b"\xff" * offset + stored[:, columns].tobytes())
    return folder / "r"


def assert_as_wfdb(path, leads, seconds=None, rate=None):
    """Compare the float64 signal in the header's units, and the float32 that a storage gives."""
    header = read_header(path, canonical_leads(leads))
    layout = header.layout
    end = layout.n_samples if seconds is None else round(seconds * layout.sampling_rate)
    expected = load_wfdb().rdrecord(header.path, sampto=end).p_signal.T[list(layout.channels)]
    assert layout.block is not None
    assert read_block(layout.block, header.path, end).tobytes() == expected.tobytes()
    rate = rate or layout.sampling_rate
    ours, wfdbs = (
        WFDBStorage([path], leads, rate, round(end * rate / layout.sampling_rate), layouts=[kept])
        for kept in (layout, replace(layout, block=None))
    )
    assert ours.read(np.array([0])).tobytes() == wfdbs.read(np.array([0])).tobytes()


gains = st.builds(
    "{}{}{}".format,
    st.sampled_from(["200", "1000.0", "0", "-3.7", "1716", "1e-2", "0.1", ""]),
    st.sampled_from(["", "(0)", "(6)", "(-32768)", "(65535)"]),
    st.sampled_from(["", "/mV", "/uV", "/V"]),
).filter(lambda gain: gain[:1] not in ("(", "/"))


@given(data=st.data())
def test_samples_equal_wfdb_for_any_gains_offsets_and_leads(folder, data):
    n_samples, n_signals = data.draw(st.integers(1, 30)), data.draw(st.integers(1, len(LEADS)))
    fmt = data.draw(st.sampled_from(list(DTYPES)))
    limits = np.iinfo(DTYPES[fmt])
    values = st.one_of(st.sampled_from([limits.min, limits.max, 0]), st.integers(-500, 500))
    n_values = n_samples * n_signals
    drawn = data.draw(st.lists(values, min_size=n_values, max_size=n_values))
    stored = np.array(drawn, DTYPES[fmt]).reshape(n_samples, n_signals)
    offset = data.draw(st.sampled_from([0, 1, 24]))
    form = f"{fmt}+{offset}" if offset else fmt
    signals = [("r.dat", form, data.draw(gains)) for _ in range(n_signals)]
    path = write(folder, stored, signals, offset=offset)
    names = st.lists(st.sampled_from(LEADS[:n_signals]), min_size=1, unique=True)
    seconds = data.draw(st.integers(1, n_samples)) / 500
    assert_as_wfdb(path, data.draw(names), seconds, rate=data.draw(st.sampled_from([500, 250])))


@pytest.mark.parametrize("folder", ["brugada_huca", "ludb", "cinc2021", "mimic_iv_demo/ecg"])
@pytest.mark.real_data
def test_samples_of_real_records_equal_wfdb(real_data, folder):
    for path in sorted((real_data / folder).rglob("*.hea")):
        assert_as_wfdb(path, STANDARD_12_LEADS)
        assert_as_wfdb(path, ["V6", "I"], seconds=2)


def sine(n_signals, dtype="<i2"):
    times, phases = np.arange(500)[:, None], np.arange(n_signals)
    return np.round(400 * np.sin(times / 20 + phases)).astype(dtype)


def test_leads_in_one_of_several_files(tmp_path):
    signals = [("r.dat", "16", "200"), ("r.dat", "16", "100"), ("r.xyz", "16", "1000")]
    path = write(tmp_path, sine(3), signals)
    assert_as_wfdb(path, ["II", "I"])
    assert_as_wfdb(path, ["III"])


UNKNOWN = {
    "format 80": [("r.dat", "80", "200")] * 3,
    "format 212": [("r.dat", "212", "200")] * 3,
    "samples per frame": [("r.dat", "16x2", "200")] * 3,
    "skew": [("r.dat", "16:3", "200")] * 3,
    "leads in two files": [("r.dat", "16", "200"), ("r.xyz", "16", "200"), ("r.xyz", "16", "200")],
    "files by turns": [(f"r.{end}", "16", "200") for end in ("dat", "dat", "xyz", "dat", "xyz")],
    "two formats": [("r.dat", "16", "200"), ("r.dat", "16", "200"), ("r.xyz", "80", "200")],
    "two offsets": [("r.dat", "16", "200"), ("r.dat", "16", "200"), ("r.dat", "16+2", "200")],
    "signals beyond the count": [("r.dat", "16", "200")] * 4,
}


@pytest.mark.parametrize("signals", UNKNOWN.values(), ids=list(UNKNOWN))
def test_no_block_is_found_in_other_formats(tmp_path, signals):
    path = write(tmp_path, sine(len(signals)), signals)
    # Few samples, so that the files are long enough in any form.
    header = (tmp_path / "r.hea").read_text().replace("r 4 ", "r 3 ").replace(" 500\n", " 99\n")
    (tmp_path / "r.hea").write_text(header)
    assert read_header(path, ["I", "II"]).layout.block is None


@pytest.mark.parametrize("fmt", ["80", "16x2", "16:3"])
def test_records_left_to_wfdb_are_read(tmp_path, fmt):
    path = write(tmp_path, sine(2), [("r.dat", fmt, "200")] * 2)
    (tmp_path / "r.hea").write_text((tmp_path / "r.hea").read_text().replace(" 500\n", " 99\n"))
    expected = load_wfdb().rdrecord(str(path)).p_signal.T[::-1]
    ecg = read_wfdb_folder(tmp_path, leads=["II", "I"])["ecg"].ecg.to_numpy()
    np.testing.assert_array_equal(ecg[0], expected.astype(np.float32))
