"""`ecgsk ingest` and `ecgsk check`."""

import pytest
from typer.testing import CliRunner

from ecgsk.cli import main
from ecgsk.cli._app import app
from ecgsk.io import read_ecg_folder


@pytest.fixture
def ingest(write_record, tmp_path):
    for number in range(3):
        write_record(f"in/r{number}", seconds=4)

    def call(*options):
        out = tmp_path / "out"
        result = CliRunner().invoke(
            app, ["ingest", str(tmp_path / "in"), str(out), "--jobs", "1", *options]
        )
        assert result.exit_code == 0, result.output
        return out, result.output

    return call


def test_a_folder_becomes_a_store(ingest):
    out, told = ingest()
    frame, _ = read_ecg_folder(out, verify=True)
    assert str(frame["ecg"].dtype) == "ecg[12x400, 100 Hz]"
    assert "3 records of ecg[12x400, 100 Hz]" in told
    assert "0 left out, listed in broken.csv" in told


def test_zero_leaves_rate_and_edges_as_they_are(ingest):
    out, _ = ingest("--sampling-rate", "0", "--band", "0", "0")
    assert read_ecg_folder(out)[0]["ecg"].ecg.sampling_rate == 500


def test_check_says_whether_files_are_as_they_were(ingest, monkeypatch, capsys):
    out, _ = ingest()
    result = CliRunner().invoke(app, ["check", str(out)])
    assert "Every file is as it was written." in result.output
    samples = bytearray((out / "ecg.npy").read_bytes())
    samples[-1] ^= 1
    (out / "ecg.npy").write_bytes(samples)
    monkeypatch.setattr("sys.argv", ["ecgsk", "check", str(out)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert "is not the one written down" in capsys.readouterr().err
