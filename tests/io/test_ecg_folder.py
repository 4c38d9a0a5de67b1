"""Round trip of a table with an ECG column through a folder of plain files."""

import json
import os

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk._stored_files import seal
from ecgsk.exceptions import (
    DamagedFileError,
    ECGError,
    RecordReadError,
    SignalQualityWarning,
)
from ecgsk.io import read_ecg_folder, write_ecg_folder
from ecgsk.signals import ECGArray
from ecgsk.signals.storage import NpyStorage

LEADS = ["V1", "II"]


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2, 50)).astype("float32")
    x[3, 1, 10:20] = np.nan
    table = pd.DataFrame({"age": rng.normal(60, 10, 300)}, index=np.arange(300) + 7)
    table["ecg"] = ECGArray.from_numpy(x, sampling_rate=250, leads=LEADS)
    table["sex"] = pd.Categorical(["F", "M", None] * 100, categories=["X", "F", "M"], ordered=True)
    table["grade"] = pd.Categorical([2, 1, 3] * 100, categories=[3, 1, 2])
    table["alive"] = pd.array([True, None, False] * 100, dtype="boolean")
    table["seen"] = pd.Timestamp("2180-05-06 22:23:00").as_unit("ms")  # as parquet has it
    return table


def test_read_returns_what_was_written(tmp_path, frame):
    write_ecg_folder(frame, tmp_path / "new" / "folder", extra={"who": "é"})
    again, extra = read_ecg_folder(tmp_path / "new" / "folder", verify=True)
    assert extra == {"who": "é"}
    pd.testing.assert_frame_equal(again.drop(columns="ecg"), frame.drop(columns="ecg"))
    assert list(again.columns) == list(frame.columns)
    assert again["ecg"].dtype == frame["ecg"].dtype
    written, read = frame["ecg"].ecg.to_numpy(), again["ecg"].ecg.to_numpy()
    np.testing.assert_allclose(read, written, atol=0.5e-3 + 1e-6)
    np.testing.assert_array_equal(np.isnan(read), np.isnan(written))
    assert isinstance(again["ecg"].array.storage, NpyStorage)


def test_files_are_read_without_ecgsk(tmp_path, frame):
    write_ecg_folder(frame, tmp_path, gain=200)
    assert {path.name for path in tmp_path.iterdir()} == {"ecg.npy", "records.parquet", "ecg.json"}
    samples = np.load(tmp_path / "ecg.npy")
    assert samples.dtype == np.int16
    assert samples.shape == (300, 2, 50)
    assert (samples[3, 1, 10:20] == -32768).all()
    np.testing.assert_allclose(samples[0] / 200, frame["ecg"].array[[0]].read()[0], atol=0.0026)
    assert list(pd.read_parquet(tmp_path / "records.parquet")["age"]) == list(frame["age"])
    stated = json.loads((tmp_path / "ecg.json").read_text())
    assert stated["leads"] == LEADS
    assert (stated["sampling_rate"], stated["gain"], stated["unit"]) == (250.0, 200.0, "mV")


def test_missing_records_stay_missing(tmp_path, frame):
    shuffled = frame.iloc[[5, 5, 2]].reset_index(drop=True)
    shuffled["ecg"] = shuffled["ecg"].where([True, False, True])
    write_ecg_folder(shuffled, tmp_path)
    again, _ = read_ecg_folder(tmp_path)
    assert again["ecg"].isna().tolist() == [False, True, False]
    np.testing.assert_allclose(
        again["ecg"].array[[2]].read(), frame["ecg"].array[[2]].read(), atol=0.0006
    )


def test_clipping_warns(tmp_path):
    x = np.zeros((2, 1, 4), "float32")
    x[1, 0] = [40, -40, np.inf, 32.767]
    column = ECGArray.from_numpy(x, sampling_rate=100, leads=["I"])
    with pytest.warns(SignalQualityWarning, match=r"3 samples beyond 32.767 mV were clipped"):
        write_ecg_folder(pd.DataFrame({"ecg": column}), tmp_path)
    again, _ = read_ecg_folder(tmp_path)
    np.testing.assert_allclose(
        again["ecg"].ecg.to_numpy()[1, 0], [32.767, -32.767, 32.767, 32.767], rtol=1e-6
    )


def test_a_cohort_is_replaced_only_with_overwrite(tmp_path, frame):
    write_ecg_folder(frame, tmp_path)
    with pytest.raises(ECGError, match=r"holds a cohort already. .* overwrite=True"):
        write_ecg_folder(frame, tmp_path)
    write_ecg_folder(frame.iloc[:4], tmp_path, overwrite=True)
    assert len(read_ecg_folder(tmp_path, verify=True)[0]) == 4


def test_writing_over_the_samples_of_the_table_is_refused(tmp_path, frame):
    write_ecg_folder(frame, tmp_path)
    again, _ = read_ecg_folder(tmp_path)
    again["ecg"] = again["ecg"].ecg.select_leads(["II"])
    with pytest.raises(ECGError, match=r"are read from .* Choose another folder"):
        write_ecg_folder(again, tmp_path, overwrite=True)


@pytest.mark.parametrize(
    ("damage", "verify", "error", "message"),
    [
        (lambda f: (f / "ecg.json").unlink(), False, RecordReadError, "there is no .*ecg.json"),
        (lambda f: (f / "ecg.npy").unlink(), False, RecordReadError, "ecg.npy is absent"),
        (lambda f: _make_pipe(f / "ecg.json"), False, RecordReadError, "expected a regular file"),
        (lambda f: _make_pipe(f / "ecg.npy"), False, RecordReadError, "expected a regular file"),
        (
            lambda f: (f / "ecg.json").write_text("{"),
            False,
            DamagedFileError,
            "damaged: .* not JSON",
        ),
        (lambda f: (f / "ecg.json").write_text("[" * 9**5), False, DamagedFileError, "is damaged"),
        (lambda f: (f / "ecg.json").write_text("{}"), False, RecordReadError, "got .None, None"),
        (lambda f: (f / "ecg.npy").write_bytes(b"cut"), False, DamagedFileError, "bytes, got 3"),
        (lambda f: _flip_last_byte(f / "ecg.npy"), True, DamagedFileError, "checksum of .*ecg.npy"),
        (lambda f: _flip_last_byte(f / "records.parquet"), False, DamagedFileError, "checksum of"),
    ],
)
def test_a_damaged_folder_is_refused(tmp_path, frame, damage, verify, error, message):
    write_ecg_folder(frame, tmp_path)
    damage(tmp_path)
    with pytest.raises(error, match=message):
        read_ecg_folder(tmp_path, verify=verify)


def _make_pipe(path):
    path.unlink()
    os.mkfifo(path)


def _flip_last_byte(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_unwritable_frames_leave_no_file(tmp_path, frame):
    with pytest.raises(ECGError, match="with an ECG column, got columns"):
        write_ecg_folder(frame.drop(columns="ecg"), tmp_path)
    with pytest.raises(ECGError, match="names must be strings, got 3"):
        write_ecg_folder(frame.rename(columns={"age": 3}), tmp_path)
    with pytest.raises(ECGError, match="positive gain, got 0"):
        write_ecg_folder(frame, tmp_path, gain=0)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Bytes of every file of a small store."""
    x = np.random.default_rng(0).normal(size=(3, 2, 50)).astype("float32")
    ecg = ECGArray.from_numpy(x, sampling_rate=250, leads=LEADS)
    table = pd.DataFrame({"ecg": ecg, "sex": pd.Categorical(["F", "M", None])})
    folder = write_ecg_folder(
        table, tmp_path_factory.mktemp("stored"), extra={"a": [1.5e-30, "é\x1f"]}
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_bit_flipped_in_the_manifest_is_refused(stored, tmp_path_factory, place, bit):
    content = bytearray(stored["ecg.json"])
    place %= len(content)
    content[place] ^= 1 << bit
    folder = tmp_path_factory.mktemp("flipped")
    for name, old in (stored | {"ecg.json": bytes(content)}).items():
        (folder / name).write_bytes(old)
    if chr(stored["ecg.json"][place]).isspace() and chr(content[place]).isspace():
        return  # between the values
    with pytest.raises(ECGError):
        read_ecg_folder(folder)


@pytest.mark.parametrize("name", ["ecg.npy", "records.parquet"])
@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.999])
def test_a_changed_byte_of_any_file_is_found_by_verified_reading(stored, tmp_path, name, share):
    for file, content in stored.items():
        (tmp_path / file).write_bytes(content)
    content = bytearray(stored[name])
    content[int(share * len(content))] ^= 64
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DamagedFileError, match=rf"checksum of .*{name}"):
        read_ecg_folder(tmp_path, verify=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_records": 10**12}, r"states 1000000000000 records of 50 samples"),
        ({"n_records": -1}, "n_records is -1"),
        ({"n_samples": 49}, r"of 49 samples, .* has the shape|of 49 samples"),
        ({"sampling_rate": 0.5}, "impossible values: .*sampling rate"),
        ({"sampling_rate": 10**7}, "impossible values: .*sampling rate"),
        ({"gain": 0.0}, "impossible values: .*one positive gain"),
        ({"gain": 1e-320}, "impossible values: .*one positive gain"),
        ({"gain": "1000"}, "one positive gain"),
        ({"leads": ["I", "I"]}, "impossible values"),
        ({"missing_rows": [3]}, "missing_rows is"),
        ({"missing_rows": None}, "impossible values"),
        ({"files": {"../ecg.npy": {}}}, "files is"),
        ({"categories": {"sex": ["F"]}}, "impossible values"),
        ({"extra": None}, "extra is None"),
    ],
)
def test_impossible_values_are_refused_even_under_a_right_checksum(
    stored, tmp_path, change, message
):
    for file, content in stored.items():
        (tmp_path / file).write_bytes(content)
    manifest = json.loads(stored["ecg.json"])
    del manifest["sha256"]
    (tmp_path / "ecg.json").write_text(seal(manifest | change))
    with pytest.raises(DamagedFileError, match=message):
        read_ecg_folder(tmp_path)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"age": [1, "x", 2.5]}, r"records.parquet cannot hold the table: .*astype\(str\)"),
        ({"age": pd.cut([1, 2, 3], 2)}, "cannot hold"),
    ],
)
def test_a_column_that_cannot_be_stored_leaves_the_old_store(tmp_path, column, message):
    ecg = ECGArray.from_numpy(np.zeros((3, 1, 9)), sampling_rate=100, leads=["I"])
    write_ecg_folder(pd.DataFrame({"ecg": ecg}), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ECGError, match=message):
        write_ecg_folder(pd.DataFrame({"ecg": ecg, **column}), tmp_path, overwrite=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_extra_that_json_cannot_hold_is_refused(tmp_path, frame):
    for extra in ({"a": object()}, {"a": float("nan")}):
        with pytest.raises(ECGError, match=r"ecg.json cannot hold extra="):
            write_ecg_folder(frame, tmp_path, extra=extra)
    assert not list(tmp_path.iterdir())


def test_other_files_in_the_folder_are_left_alone(tmp_path, frame):
    (tmp_path / "notes.txt").write_text("mine")
    write_ecg_folder(frame, tmp_path)
    write_ecg_folder(frame, tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_hash_of_a_column_is_that_of_its_store(tmp_path, frame):
    def read(shift):
        changed = frame.assign(ecg=ECGArray.from_numpy(
            frame["ecg"].ecg.to_numpy() + shift, sampling_rate=250, leads=LEADS
        ))  # fmt: skip
        write_ecg_folder(changed, tmp_path, overwrite=True)
        os.utime(tmp_path / "ecg.npy", ns=(0, 0))
        return read_ecg_folder(tmp_path)[0]["ecg"]

    first, same, other = read(0), read(0), read(1)
    assert joblib.hash(first) == joblib.hash(same) != joblib.hash(other)
    assert first.array.storage == same.array.storage != other.array.storage
    assert not (first == other).any()
