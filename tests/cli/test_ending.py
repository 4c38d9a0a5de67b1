"""Whatever comes in and however a command ends: a message and an exit code, no traceback."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import typer

from ecgsk.cli import _app
from ecgsk.cli._ending import interruptible, run_to_end

ENV = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def ecgsk(*arguments, **settings):
    command = [sys.executable, "-m", "ecgsk", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, env=ENV, **settings)


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
    @interruptible("{out} holds the chunks.")
    def work(out: str = "store"):
        raise KeyboardInterrupt

    code, message = end_of(lambda: app([]), capsys)
    assert (code, message) == (130, "interrupted: store holds the chunks.\n")


def test_every_command_says_how_to_go_on_after_an_interrupt():
    groups = [_app.app, _app.cohort_app]
    commands = [info.callback for group in groups for info in group.registered_commands]
    assert len(commands) == 6
    for command in commands:
        assert command.__closure__  # decorated by interruptible
        assert command.__wrapped__


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
    sys.argv = ["ecgsk", "demo", "--subjects", "100", "--out", sys.argv[1]]
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
        f"interrupted: {out}/checkpoints holds the finished epochs. The same command goes on from "
        "there; delete the folder to begin anew.\n"
    )
    assert "epoch 2 of" in run.stderr  # a log has a line per epoch
    assert len(list((out / "checkpoints").glob("*.pt"))) >= 1


@pytest.mark.slow
def test_ctrl_c_during_an_ingest_in_processes_and_the_same_command_goes_on(
    tmp_path, write_record_into
):
    for number in range(1500):
        write_record_into(tmp_path / "records", f"{number:04d}", rate=100, seconds=1)
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
    assert "1,500 records" in again.stdout


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_any_console_prints_a_path_in_any_alphabet(tmp_path, write_record_into, encoding):
    folder = tmp_path / "Łukasz 患者"
    write_record_into(folder, "a", rate=100, seconds=1)
    command = [sys.executable, "-m", "ecgsk", "ingest", str(folder), str(folder / "store")]
    run = subprocess.run(
        command, capture_output=True, check=False, env={**ENV, "PYTHONIOENCODING": encoding}
    )
    assert run.returncode == 0, run.stderr
    text = run.stdout.decode("utf-8" if encoding == "ascii" else encoding)
    assert "ukasz" in text
    missing = subprocess.run(
        [*command[:4], str(folder / "absent"), str(folder / "store")],
        capture_output=True,
        check=False,
        env={**ENV, "PYTHONIOENCODING": encoding},
    )
    assert missing.returncode == 2
    assert b"Traceback" not in missing.stderr


def test_a_reader_that_leaves_is_no_error(tmp_path, write_record_into):
    write_record_into(tmp_path / "records", "a", rate=100, seconds=1)
    command = f"{sys.executable} -m ecgsk ingest {tmp_path}/records {tmp_path}/store"
    run = subprocess.run(
        f"{command} | true", shell=True, capture_output=True, text=True, check=False, env=ENV
    )
    assert run.stderr == ""
