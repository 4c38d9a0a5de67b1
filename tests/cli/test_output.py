"""What --quiet and --json leave of a command's output."""

import json
import logging

import pytest
import typer
from typer.testing import CliRunner

from ecgsk._progress import progress_bar, report
from ecgsk.cli._ending import command
from ecgsk.cli._output import finish, say, show


@pytest.fixture
def printed():
    """Run a command with options; give stdout and stderr."""
    app = typer.Typer()

    @app.command()
    @command("nothing was changed.")
    def work():
        say("on the way")
        report("epoch 1 of 2")
        for _ in progress_bar(range(3), desc="records"):
            pass
        show("result", {"result": 1})

    def run(*options):
        result = CliRunner().invoke(app, options, catch_exceptions=False)
        return result.stdout, result.stderr

    return run


def test_people_read_lines(printed):
    assert printed() == ("on the way\nresult\n", "epoch 1 of 2\n")


def test_quiet_leaves_the_result(printed):
    assert printed("--quiet") == ("result\n", "")


def test_programs_read_one_document_and_progress_goes_to_stderr(printed):
    out, err = printed("--json")
    assert json.loads(out) == {"result": 1}
    assert err == "epoch 1 of 2\n"


def test_logger_has_its_level_again(printed):
    before = logging.getLogger("ecgsk").level
    printed("--quiet")
    assert logging.getLogger("ecgsk").level == before


def test_notice_of_what_was_written_is_no_result(capsys):
    finish("Written to out", {"out": "out"})
    assert capsys.readouterr().out == "Written to out\n"
