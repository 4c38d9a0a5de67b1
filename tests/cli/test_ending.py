"""Whatever comes in and however a command ends: a message and an exit code, no traceback."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest
import typer

from ecgsk.cli import _app, main
from ecgsk.cli._ending import command, run_to_end
from ecgsk.signals import STANDARD_12_LEADS

ENV = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


@pytest.fixture(autouse=True)
def _restored_warnings():
    with warnings.catch_warnings():
        yield


def end_of(app, capsys):
    with pytest.raises(SystemExit) as end:
        run_to_end(app)
    return end.value.code, capsys.readouterr().err


def raising(error, module):
    """Return a function of a module that raises an error."""
    scope = {"__name__": module, "error": error}
    exec("def app():\n    raise error", scope)
    return scope["app"]


@pytest.mark.parametrize(
    ("error", "module"),
    [
        (ValueError("batch_size must be a number"), "ecgsk.training.fitting"),
        (TypeError("trainer must be a Trainer"), "ecgsk.estimators._settings"),
        (OSError("disk full"), "numpy"),
        (MemoryError("2 TB"), "numpy"),
    ],
)
def test_error_about_input_is_a_line(capsys, error, module):
    assert end_of(raising(error, module), capsys) == (1, f"error: {error}\n")


@pytest.mark.parametrize(
    ("error", "module"),
    [
        (ValueError("operands could not be broadcast"), "numpy"),
        (KeyError("dur"), "ecgsk.training.fitting"),
        (AttributeError("no attribute"), "ecgsk.io"),
    ],
)
def test_mistake_of_ours_shows_its_traceback_and_asks_for_a_report(capsys, error, module):
    code, message = end_of(raising(error, module), capsys)
    assert code == 1
    assert "Traceback" in message
    assert message.endswith("this is a mistake in ecgsk. Please report it, with the lines above.\n")


def test_interrupted_command_says_what_is_kept(capsys):
    app = typer.Typer()

    @app.command()
    @command("{out} holds the chunks.")
    def work(out: str = "store"):
        raise KeyboardInterrupt

    code, message = end_of(lambda: app([]), capsys)
    assert (code, message) == (130, "interrupted: store holds the chunks.\n")


def test_every_command_says_how_to_go_on_after_an_interrupt():
    groups = [_app.app, _app.cohort_app]
    callbacks = [info.callback for group in groups for info in group.registered_commands]
    assert len(callbacks) >= 7
    assert all(hasattr(callback, "__wrapped__") for callback in callbacks)


DEMO = """
    import os, signal, sys
    from ecgsk.training.net import ECGNet
    from ecgsk.cli import main

    train = ECGNet.train_step_single
    def step(self, *args, **kwargs):
        if len(self.history) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return train(self, *args, **kwargs)
    ECGNet.train_step_single = step
    sys.argv = ["ecgsk", "demo", "--subjects", "100", "--jobs", "1", "--out", sys.argv[1]]
    main()
"""


@pytest.mark.slow
def test_ctrl_c_during_the_demo(tmp_path):
    out = tmp_path / "demo"
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DEMO), str(out)],
        capture_output=True,
        text=True,
        check=False,
        env=ENV,
    )
    assert run.returncode == 130
    assert "Traceback" not in run.stderr
    assert run.stderr.endswith(
        f"interrupted: {out} holds the explanation, if it was printed, and in checkpoints the "
        "finished epochs. The same command goes on from there; delete the folder to begin anew.\n"
    )
    assert len(list((out / "checkpoints").glob("*.pt"))) >= 1


@pytest.mark.slow
def test_ctrl_c_during_an_ingest_in_processes_and_the_same_command_goes_on(tmp_path):
    (tmp_path / "records").mkdir()
    samples = np.random.default_rng(0).integers(-1000, 1000, (100, 12)).astype("<i2").tobytes()
    for number in range(4000):
        path = tmp_path / "records" / f"{number:04d}"
        lines = [f"{path.name}.dat 16 1000 16 0 0 0 0 {lead}" for lead in STANDARD_12_LEADS]
        path.with_suffix(".hea").write_text("\n".join([f"{path.name} 12 100 100", *lines, ""]))
        path.with_suffix(".dat").write_bytes(samples)
    command = [sys.executable, "-m", "ecgsk", "ingest", str(tmp_path / "records")]
    command += [str(tmp_path / "store"), "--jobs", "2"]
    run = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=ENV, start_new_session=True
    )
    while run.poll() is None and not (tmp_path / "store" / ".ingest").exists():
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal sends it: to the workers too
    _, message = run.communicate()
    assert run.returncode == 130, message
    assert "Traceback" not in message
    assert "interrupted: " in message
    again = subprocess.run(command, capture_output=True, text=True, check=False, env=ENV)
    assert again.returncode == 0
    assert "4,000 records" in again.stdout


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_any_console_prints_a_path_in_any_alphabet(
    tmp_path, write_record_into, monkeypatch, encoding
):
    folder = tmp_path / "Łukasz 患者"
    write_record_into(folder, "a", rate=100, seconds=1)
    for arguments, expected in (
        (["ingest", folder, folder / "store", "--jobs", 1], 0),
        (["check", folder / "store"], 0),
        (["check", folder / "absent"], 2),
        (["check", folder], 1),
    ):
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
        monkeypatch.setattr(sys, "stdout", streams[0])
        monkeypatch.setattr(sys, "stderr", streams[1])
        monkeypatch.setattr(sys, "argv", ["ecgsk", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == expected
        text = b"".join(stream.buffer.getvalue() for stream in streams if not stream.flush())
        assert b"Traceback" not in text
        if arguments[0] == "ingest":
            assert b"ukasz" in text


def test_a_reader_that_leaves_is_no_error(tmp_path, write_record_into):
    write_record_into(tmp_path / "records", "a", rate=100, seconds=1)
    command = f"{sys.executable} -m ecgsk ingest {tmp_path}/records {tmp_path}/store --jobs 1"
    run = subprocess.run(
        f"{command} | true", shell=True, capture_output=True, text=True, check=False, env=ENV
    )
    assert "pipe" not in run.stderr.lower()
    assert "Traceback" not in run.stderr
