"""`ecgsk ingest` and `ecgsk check`."""

import numpy as np
import pytest
from typer.testing import CliRunner

from ecgsk.cli import main
from ecgsk.cli._app import app
from ecgsk.io import read_ecg_folder


@pytest.fixture
def ingest(write_record, tmp_path):
    for number in range(3):
        write_record(f"in/r{number}", seconds=4)

    def call(*options, code=0):
        out = tmp_path / "out"
        result = CliRunner().invoke(
            app, ["ingest", str(tmp_path / "in"), str(out), "--jobs", "1", *options]
        )
        assert result.exit_code == code, result.output
        return out, result.output

    return call


def test_a_folder_becomes_a_store_as_recorded(ingest):
    out, printed = ingest()
    frame, extra = read_ecg_folder(out, verify=True)
    assert str(frame["ecg"].dtype) == "ecg[12x2000, 500 Hz]"
    assert extra["ingest"]["transform"] == []
    assert "3 records of ecg[12x2000, 500 Hz]" in printed
    assert "left out" not in printed


RESAMPLE = "Resample(input_sampling_rate=None, sampling_rate=100.0)"
BANDPASS = "BandpassFilter(high=40.0, input_sampling_rate=None, low={}, order=3)"


@pytest.mark.parametrize(
    ("options", "rate", "transform"),
    [
        ("--sampling-rate 100 --band 0.5 40", 100, [RESAMPLE, BANDPASS.format(0.5)]),
        ("--sampling-rate 100", 100, [RESAMPLE]),
        ("--band 0 40", 500, [BANDPASS.format(None)]),
        ("--band 0 0", 500, []),
    ],
)
def test_options_become_transformers(ingest, options, rate, transform):
    frame, extra = read_ecg_folder(ingest(*options.split())[0])
    assert frame["ecg"].ecg.sampling_rate == rate
    assert extra["ingest"]["transform"] == transform


def test_check_compares_files_with_their_checksums(ingest, monkeypatch, capsys):
    out, _ = ingest()
    result = CliRunner().invoke(app, ["check", str(out)])
    assert "All checksums match." in result.output
    samples = bytearray((out / "ecg.npy").read_bytes())
    samples[-1] ^= 1
    (out / "ecg.npy").write_bytes(samples)
    monkeypatch.setattr("sys.argv", ["ecgsk", "check", str(out)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert "is not that in ecg.json" in capsys.readouterr().err


def run_main(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["ecgsk", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code, capsys.readouterr().err


def test_no_process_is_refused_without_a_traceback(write_record, tmp_path, monkeypatch, capsys):
    write_record("in/r")
    for jobs in (0, 0.5):
        code, said = run_main(
            monkeypatch, capsys, "ingest", tmp_path / "in", tmp_path / "out", "--jobs", jobs
        )
        assert code != 0
        assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:ingest. left out 1 of 3")
def test_ingest_again_says_what_has_changed(ingest, tmp_path, caplog):
    out, _ = ingest()
    assert "changed" not in ingest()[1]
    (tmp_path / "in/r1.dat").write_bytes(b"")
    assert "1 left out, listed in broken.csv" in ingest(code=3)[1]
    assert "0 were added and 1 have changed since" in caplog.text
    assert len(read_ecg_folder(out)[0]) == 2


@pytest.mark.parametrize("name", ["ecg.json", "ecg.npy", "records.parquet", "sources.parquet"])
def test_check_names_the_damaged_file(ingest, monkeypatch, capsys, name):
    out, _ = ingest()
    content = bytearray((out / name).read_bytes())
    content[len(content) // 2] ^= 2
    (out / name).write_bytes(content)
    code, said = run_main(monkeypatch, capsys, "check", out)
    assert code == 1
    assert str(out / name) in said.replace("\n", "")


def test_arrays_are_ingested_as_declared(tmp_path):
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", np.full((2, 500), 250))
    arguments = [str(tmp_path / "in"), str(tmp_path / "out"), "--jobs", "1"]
    declared = ["--file-rate", "250", "--file-unit", "uV", "--file-leads", "II,V1"]
    result = CliRunner().invoke(app, ["ingest", *arguments, *declared])
    assert result.exit_code == 0, result.output
    frame, _ = read_ecg_folder(tmp_path / "out")
    assert str(frame["ecg"].dtype) == "ecg[2x500, 250 Hz: II V1]"
    assert frame["ecg"].iloc[0].signal.max() == 0.25
