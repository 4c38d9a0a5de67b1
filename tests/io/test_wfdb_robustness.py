"""Records of odd names, layouts and damages: their own samples, or an error of that record."""

import os
import tracemalloc
import unicodedata
import warnings
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgsk import io
from ecgsk.exceptions import ECGError, LeadMismatchError, RecordReadError, SignalQualityWarning
from ecgsk.io import read_ecg_folder, read_wfdb_folder, read_wfdb_record

ODD_NAMES = ["患者1", "Ä1", "my record", "50%", "a#b", "a*b", "a.dat", "b.mat", "c.hea", "-1", "~"]
ODD_NAMES += [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")]


class Signal(NamedTuple):
    name: str
    samples: np.ndarray
    gain: float = 200
    baseline: int = 0
    unit: str = "mV"
    per_frame: int = 1
    skew: int = 0


def level(value):
    return [Signal("II", value + np.arange(1000) % 7)]


@pytest.fixture
def odd_names(tmp_path, write_signals):
    """Records of odd names beside those that a careless reader takes for them."""
    folder, value = tmp_path / "records", {}
    folder.mkdir()
    for number, name in enumerate([*ODD_NAMES, "1", "a", "b", "c", "2", "record", "e"]):
        value[name] = 100 * number
        write_signals(folder, name, level(100 * number))
    return folder, value


def test_records_of_odd_names_keep_their_own_samples(odd_names, tmp_path):
    folder, value = odd_names
    frame = read_wfdb_folder(folder, leads=["II"])
    io.ingest(folder, tmp_path / "out", leads=["II"], progress=False)
    stored, _ = read_ecg_folder(tmp_path / "out")
    for table in (frame, stored):
        assert set(table["record"]) == set(value)
        first = table["ecg"].ecg.to_numpy()[:, 0, 0] * 200
        np.testing.assert_allclose(first, [value[name] for name in table["record"]], atol=0.2)
    for name in ("a.dat", "c.hea.hea", "患者1"):
        ecg = read_wfdb_record(folder / name, leads=["II"])
        assert ecg.read()[0, 0, 0] == np.float32(value[name.removesuffix(".hea")] / 200)


@settings(max_examples=25)
@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_any_name_gives_its_own_samples_or_an_error(tmp_path_factory, write_signals, names):
    folder = tmp_path_factory.mktemp("names")
    names = [name for name in names if len(name.encode()) < 240 and name not in (".", "..")]
    for number, name in enumerate(names):
        write_signals(folder, name, level(100 * number))
    for number, name in enumerate(names):
        with suppress(ECGError):
            ecg = read_wfdb_record(folder / f"{name}.hea", leads=["II"])
            assert ecg.read()[0, 0, 0] == np.float32(100 * number / 200)


def test_a_name_that_reads_as_a_comment_is_refused(tmp_path, write_signals):
    write_signals(tmp_path, "#1", level(5))
    with pytest.raises(RecordReadError, match="begins with # is read as one"):
        read_wfdb_record(tmp_path / "#1", leads=["II"])


def test_a_file_in_another_unicode_form_is_named(tmp_path, write_signals):
    nfc, nfd = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    write_signals(tmp_path, nfc, level(5))
    (tmp_path / f"{nfc}.dat").rename(tmp_path / f"{nfd}.dat")
    with pytest.raises(RecordReadError, match="Unicode form NFD: rename it"):
        read_wfdb_record(tmp_path / nfc, leads=["II"])


def test_file_names_that_are_no_text_do_not_lose_the_others(tmp_path, write_signals):
    write_signals(tmp_path, "good", level(5))
    text = (tmp_path / "good.hea").read_bytes()
    for name in (b"\xff1.hea", b"\xff2.hea"):
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(text if name[1:2] == b"1" else b"broken")
    with pytest.warns(SignalQualityWarning, match=r"left out 1 of 3.*\\udcff2"):
        frame = read_wfdb_folder(tmp_path, leads=["II"])
    assert sorted(frame["record"]) == ["\\udcff1", "good"]


SPECIAL = {
    "a pipe as header": lambda folder: os.mkfifo(folder / "bad.hea"),
    "a device as header": lambda folder: (folder / "bad.hea").symlink_to("/dev/zero"),
    "a link to itself": lambda folder: (folder / "bad.hea").symlink_to(folder / "bad.hea"),
    "a large header": lambda folder: (folder / "bad.hea").write_bytes(b"# x\n" * 2**19),
    "many signals": lambda folder: (folder / "bad.hea").write_text("bad 99999999 500 9\n"),
    "a pipe as samples": lambda folder: with_samples(folder, os.mkfifo),
    "a device as samples": lambda folder: with_samples(folder, lambda p: p.symlink_to("/dev/zero")),
    "a folder as samples": lambda folder: with_samples(folder, lambda p: p.mkdir()),
    "slow": lambda folder: with_rate(folder, "0.5"),
    "fast": lambda folder: with_rate(folder, "1e6"),
    "no rate": lambda folder: (folder / "bad.hea").write_text("bad 1\nbad.dat 16 200 II"),
    "a long record": lambda folder: with_rate(folder, "500 999999999999999"),
}


def with_samples(folder, make):
    with_rate(folder, "500")
    (folder / "bad.dat").unlink()
    make(folder / "bad.dat")


def with_rate(folder, stated):
    text = (folder / "good.hea").read_text().replace("good", "bad").replace("500 1000", stated)
    (folder / "bad.hea").write_text(text)
    (folder / "bad.dat").write_bytes((folder / "good.dat").read_bytes())


@pytest.mark.parametrize("make", SPECIAL.values(), ids=list(SPECIAL))
def test_a_special_file_or_an_impossible_header_is_broken(tmp_path, write_signals, make):
    folder = tmp_path / "records"
    folder.mkdir()
    write_signals(folder, "good", level(5))
    make(folder)
    with pytest.raises(RecordReadError, match=r"record .*bad"):
        read_wfdb_record(folder / "bad", leads=["II"])
    with pytest.warns(SignalQualityWarning, match="left out 1 of 2"):
        frame = read_wfdb_folder(folder, leads=["II"])
    assert frame["record"].tolist() == ["good"]
    with pytest.warns(SignalQualityWarning, match="left out 1 of 2"):
        io.ingest(folder, tmp_path / "out", leads=["II"], progress=False)
    assert pd.read_csv(tmp_path / "out" / "broken.csv")["record"].tolist() == ["bad"]


def test_a_file_that_becomes_a_pipe_is_an_error(tmp_path, write_signals):
    write_signals(tmp_path, "r", level(5))
    ecg = read_wfdb_record(tmp_path / "r", leads=["II"])
    (tmp_path / "r.dat").unlink()
    os.mkfifo(tmp_path / "r.dat")
    with pytest.raises(RecordReadError, match="has changed since it was read"):
        ecg.read()


def read_everything(folder):
    frame = read_wfdb_folder(folder, leads=["II"], sampling_rate=100, duration=1, verify=True)
    return frame["ecg"].ecg.to_numpy()


@pytest.mark.parametrize("fmt", ["16", "212", "8", "311"])
@settings(max_examples=30)
@given(data=st.data())
def test_mutated_records_are_read_or_refused_in_bounded_memory(
    tmp_path_factory, write_signals, fmt, data
):
    folder = tmp_path_factory.mktemp("mutated")
    samples = np.arange(200) % 50
    names = ("I", "II", "V1")
    write_signals(folder, "r", [Signal(name, samples) for name in names], fmt=fmt, comments=["x"])
    for suffix in ("hea", "dat"):
        raw = (folder / f"r.{suffix}").read_bytes()
        for _ in range(data.draw(st.integers(0, 3))):
            start = data.draw(st.integers(0, len(raw)))
            removed = data.draw(st.integers(0, 20))
            instead = data.draw(
                st.one_of(
                    st.binary(max_size=8),
                    st.sampled_from([b"999999999999", b"-1", b"0", b"1e9", b"x2", b":9", b"+24"]),
                )
            )
            raw = raw[:start] + instead + raw[start + removed :]
        (folder / f"r.{suffix}").write_bytes(raw)
    tracemalloc.start()
    with suppress(ECGError), warnings.catch_warnings():
        warnings.simplefilter("ignore", SignalQualityWarning)
        assert read_everything(folder).shape == (1, 1, 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6


def test_each_signal_is_read_at_its_own_rate(tmp_path, write_signals):
    ecg, slow = np.arange(400) % 101, np.arange(100)
    signals = [
        Signal("II", ecg, per_frame=4),
        Signal("RESP", slow),
        Signal("V1", ecg, 200, 0, "mV", 4),
    ]
    write_signals(tmp_path, "r", signals, rate=62.5)
    read = read_wfdb_record(tmp_path / "r", leads=["V1", "II"])
    assert (read.sampling_rate, read.n_samples) == (250, 400)
    np.testing.assert_array_equal(read.read()[0], np.float32([ecg, ecg]) / np.float32(200))
    text = (tmp_path / "r.hea").read_text()
    (tmp_path / "r.hea").write_text(text.replace("RESP", "V2"))
    with pytest.raises(RecordReadError, match=r"one sampling rate, got V2 62.5 Hz, II 250 Hz"):
        read_wfdb_record(tmp_path / "r", leads=["V2", "II"])


def damage(path):
    raw = bytearray(path.read_bytes())
    raw[101] ^= 1
    path.write_bytes(raw)


def test_samples_that_differ_from_the_checksum_are_reported(tmp_path, write_signals):
    folder = tmp_path / "records"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write_signals(folder, name, [Signal("I", np.arange(1000)), Signal("II", np.arange(1000))])
    damage(folder / "b.dat")
    text = (folder / "c.hea").read_text()
    stated = str((int(np.arange(1000).sum()) + 2**15) % 2**16 - 2**15)
    (folder / "c.hea").write_text(text.replace(f" {stated} ", " 0 "))  # 0 states none
    damage(folder / "c.dat")
    frame = read_wfdb_folder(folder, leads=["I", "II"])
    with pytest.warns(SignalQualityWarning, match=r"1 of 3 records differ from the checksums.*/b "):
        frame["ecg"].ecg.to_numpy()
    with pytest.warns(SignalQualityWarning, match="left out 1 of 3"):
        verified = read_wfdb_folder(folder, leads=["I", "II"], verify=True)
    assert verified["record"].tolist() == ["a", "c"]
    assert "differ from the checksums of its header in I" in verified.attrs["broken"][0]["reason"]
    with pytest.warns(SignalQualityWarning, match="1 of 3 records differ"):
        io.ingest(folder, tmp_path / "out", leads=["I", "II"], progress=False)
    stored, _ = read_ecg_folder(tmp_path / "out")
    assert len(stored.loc[1, "checksum_differs"]) > 0
    assert stored["checksum_differs"].ne("").tolist() == [False, True, False]


def test_a_gain_that_is_not_stated_is_reported(tmp_path, write_signals):
    write_signals(tmp_path, "a", level(5))
    text = write_signals(tmp_path, "b", level(5))
    (tmp_path / "b.hea").write_text(text.replace(" 200(0)/mV", " 0"))
    with pytest.warns(
        SignalQualityWarning, match="1 of 2 records state no gain, such as .*b in II"
    ):
        frame = read_wfdb_folder(tmp_path, leads=["II"])
    np.testing.assert_array_equal(*frame["ecg"].ecg.to_numpy())


@pytest.mark.parametrize("duration", [1e-9, 1e12, np.inf, np.nan])
def test_an_impossible_duration_is_refused(tmp_path, write_signals, duration):
    write_signals(tmp_path, "r", level(5))
    for read in (read_wfdb_record, read_wfdb_folder):
        path = tmp_path / "r" if read is read_wfdb_record else tmp_path
        with pytest.raises(ECGError, match=r"duration|seconds"):
            read(path, leads=["II"], duration=duration)
    with pytest.raises(ECGError, match=r"duration|seconds"):
        io.ingest(tmp_path, tmp_path / "out", leads=["II"], duration=duration, progress=False)


def test_a_crop_is_not_compared_with_the_checksum(tmp_path, write_signals):
    write_signals(tmp_path, "r", level(5))
    damage(tmp_path / "r.dat")
    read_wfdb_folder(tmp_path, leads=["II"], duration=1)["ecg"].ecg.to_numpy()


@pytest.fixture
def monitor(tmp_path, write_signals):
    folder = tmp_path / "records"
    folder.mkdir()
    for name, lead in (("a", "MLII"), ("b", "II"), ("c", "modified  lead 2")):
        write_signals(folder, name, [Signal(lead, np.arange(1000)), Signal("CM5", np.arange(1000))])
    return folder


NAMES = {"mlii": "II", "modified lead 2": "ii", "CM5": "x-CM5"}


def test_leads_of_other_names_are_declared(monitor, tmp_path):
    frame = read_wfdb_folder(monitor, leads=NAMES)
    assert frame["ecg"].ecg.leads == ("II", "x-cm5")
    assert frame["ecg"].dtype == str(frame["ecg"].dtype)
    assert len(frame) == 3
    assert read_wfdb_record(monitor / "a", leads={"CM5": "x-cm5"}).leads == ("x-cm5",)
    io.ingest(monitor, tmp_path / "out", leads=NAMES, progress=False)
    stored, _ = read_ecg_folder(tmp_path / "out")
    np.testing.assert_allclose(stored["ecg"].ecg.to_numpy(), frame["ecg"].ecg.to_numpy(), atol=6e-4)


def test_the_error_says_how_a_lead_is_declared(monitor):
    with pytest.raises(LeadMismatchError, match=r"pass leads=\{'MLII': 'II'\}; .*'x-cm5'"):
        read_wfdb_record(monitor / "a", leads=["II"])
    with pytest.raises(LeadMismatchError, match=r"begins with x-, such as 'x-cm5'"):
        read_wfdb_record(monitor / "a", leads=["CM5"])


def test_two_signals_declared_as_one_lead_are_refused(tmp_path, write_signals):
    write_signals(tmp_path, "r", [Signal("MLII", np.arange(9)), Signal("II", np.arange(9))])
    with pytest.raises(LeadMismatchError, match="lead II occurs more than once"):
        read_wfdb_record(tmp_path / "r", leads={"MLII": "II"})


def test_a_record_of_eight_leads_names_the_derivation(tmp_path, write_record):
    eight = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    write_record("r", leads=eight)
    with pytest.raises(LeadMismatchError, match=r"III, aVR, aVL, aVF follow .*derive=True"):
        read_wfdb_record(tmp_path / "r")
    assert read_wfdb_record(tmp_path / "r", leads=eight).leads == eight


@pytest.mark.parametrize("checksum", ["right", "wrong", "none"])
@pytest.mark.parametrize("fmt", ["16", "212"])
def test_a_file_of_more_signals_than_its_header_describes_is_refused(
    tmp_path, write_signals, fmt, checksum
):
    """As Holter recordings of MUSIC: two of three channels. A longer file is read."""
    samples = np.random.default_rng(0).integers(-900, 900, (3, 300))
    stored = [Signal(name, row) for name, row in zip(("I", "II", "V1"), samples, strict=True)]
    if checksum == "right":  # a record of two signals whose header states 300 of 450 samples
        flat = samples.T.reshape(-1, 2)
        stored = [Signal("I", flat[:, 0]), Signal("II", flat[:, 1])]
    text = write_signals(tmp_path, "r", stored, fmt=fmt)
    lines = text.splitlines()[:3]
    lines[0] = "r 2 500 300"
    for place in (1, 2):
        fields = lines[place].split()
        if checksum == "none":
            fields[6] = "0"
        elif checksum == "right":
            fields[6] = str(int(flat[:300, place - 1].sum()) % 2**16)
        lines[place] = " ".join(fields)
    (tmp_path / "r.hea").write_text("\n".join([*lines, ""]))
    if checksum == "right":
        found = read_wfdb_record(tmp_path / "r", leads=["I", "II"]).read()[0]
        np.testing.assert_allclose(found, flat[:300].T / stored[0].gain, rtol=1e-6)
        return
    with pytest.raises(RecordReadError, match=r"300 samples of 3 signals; the header describes 2"):
        read_wfdb_record(tmp_path / "r", leads=["I"])
