"""The command line as a user meets it, and a small model to explain with."""

import re
import sys
import warnings

import pytest
from typer.testing import CliRunner

import ecgsk
from ecgsk.cli import app, main


def _plain(text):
    """Text without colours, which some CI machines ask for."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.fixture(scope="session")
def invoke():
    """Run a command that must succeed; give what it prints."""

    def call(*arguments) -> str:
        runner = CliRunner(env={"COLUMNS": "120"})
        result = runner.invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return _plain(result.output)

    return call


@pytest.fixture
def run_main(monkeypatch, capsys):
    """Run ``ecgsk``, warnings and errors as a user sees them; give exit code, stdout, stderr."""

    def call(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ecgsk", *map(str, arguments)])
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            with pytest.raises(SystemExit) as end:
                main()
        out, err = capsys.readouterr()
        # A message may be framed and broken into lines.
        return end.value.code, out, re.sub(r"[│\s]+", " ", _plain(err))

    return call


@pytest.fixture
def fail(run_main):
    """Run ``ecgsk`` with bad input; give its message, once it is known to be clean."""

    def call(*arguments) -> str:
        code, _, message = run_main(*arguments)
        assert code not in (0, None)
        assert "Traceback" not in message
        return message

    return call


@pytest.fixture(scope="session")
def model(explaining, tmp_path_factory):
    """Folder of a small model that explains."""
    return ecgsk.save(explaining, tmp_path_factory.mktemp("saved") / "model")
