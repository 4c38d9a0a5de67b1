"""The command line: help, and its start without torch."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ecgsk.cli import app


def test_help_names_the_commands(invoke):
    text = invoke("--help")
    assert "demo" in text
    assert "explain" in text
    assert "Not a medical device" in text


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (
            "demo",
            ["--out", "--mimic-ecg", "--hosp", "--ed", "--subjects", "--label-fraction", "--seed"],
        ),
        (
            "evaluate",
            ["--out", "--arm", "--label-fraction", "--test-size", "--encoder", "--max-epochs"],
        ),
        (
            "explain",
            ["with or without .hea", "--model", "--out", "--record", "--limit"],
        ),
    ],
)
def test_help_names_every_option(invoke, command, names):
    text = invoke(command, "--help")
    for name in names:
        assert name in text
    assert f"ecgsk {command} " in text  # an example to copy


def test_without_a_command_there_is_help():
    result = CliRunner().invoke(app, [])
    assert "Usage" in result.output
    assert "explain" in result.output


def test_help_does_not_wait_for_torch():
    code = (
        "import sys; from typer.testing import CliRunner; from ecgsk.cli import app;"
        "assert CliRunner().invoke(app, ['demo', '--help']).exit_code == 0;"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_package_runs_as_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "ecgsk", "--help"], capture_output=True, text=True, check=True
    )
    assert "explain" in run.stdout
