"""Progress of training: a bar for people who watch, a line per epoch in a log."""

import builtins
import io
import logging
import os
import re
import select
import sys
from functools import partial
from types import SimpleNamespace

import pytest

from ecgsk import _progress
from ecgsk.training import callbacks


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def stderr(monkeypatch):
    """Replace stderr, with logging as a script finds it: not configured."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])

    def replace(stream):
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return replace


def test_bar_of_80_columns_shows_stage_epochs_and_losses(
    stderr, train_linear, linear_data, monkeypatch
):
    narrow = partial(_progress.progress_bar, ncols=79)  # tqdm leaves one column empty
    monkeypatch.setattr(callbacks, "progress_bar", narrow)
    shown = stderr(Terminal())
    train_linear(validation=linear_data(16, seed=1), description="Pre-training", verbose=1)
    text = shown.getvalue()
    assert "Pre-training" in text
    assert "3/3" in text
    assert "train_loss=" in text
    assert re.search(r"valid_loss=\d\.\d{3}\]", text)
    assert "epoch 1 of 3" not in text


def test_a_log_file_has_a_line_per_epoch_with_losses_and_time_left(
    stderr, train_linear, linear_data
):
    shown = stderr(io.StringIO())
    train_linear(validation=linear_data(16, seed=1), description="Pre-training", verbose=1)
    lines = shown.getvalue().splitlines()
    assert len(lines) == 3
    for number, line in enumerate(lines, start=1):
        assert re.fullmatch(
            rf"Pre-training: epoch {number} of 3, train loss [\d.]+, valid loss [\d.]+, "
            r"\d+\.\d s, 0:00:00 left",
            line,
        )


def test_verbose_0_shows_nothing(stderr, train_linear, capsys):
    for stream in (Terminal(), io.StringIO()):
        shown = stderr(stream)
        train_linear(verbose=0)
        assert shown.getvalue() == ""
    assert capsys.readouterr().out == ""  # skorch prints no table either


def test_verbose_2_has_lines_on_a_terminal_too_and_describes_the_stage(stderr, train_linear):
    shown = stderr(Terminal())
    train_linear(verbose=2)
    text = shown.getvalue()
    assert "3/3" in text
    assert "epoch 2 of 3, train loss" in text
    assert "Training: 3 epochs of 4 steps with 16 records, 7 weights, on cpu" in text


def test_a_notebook_has_a_bar_though_it_is_no_terminal(stderr, train_linear, monkeypatch):
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    shown = stderr(io.StringIO())
    train_linear(description="Pre-training", verbose=1)
    assert "Pre-training" in shown.getvalue()
    assert "3/3" in shown.getvalue()


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()])
def test_configured_logging_has_the_lines_once(stderr, train_linear, caplog, stream):
    shown = stderr(stream)
    with caplog.at_level(logging.INFO, logger="ecgsk"):
        logging.getLogger().addHandler(caplog.handler)
        train_linear(verbose=1)
    assert len(caplog.messages) == 3
    assert {record.name for record in caplog.records} == {"ecgsk"}
    assert "epoch 1 of 3" not in shown.getvalue()


def test_a_logger_of_a_higher_level_is_silent(stderr, train_linear, monkeypatch):
    monkeypatch.setattr(_progress.logger, "level", logging.WARNING)
    _progress.logger.manager._clear_cache()
    shown = stderr(io.StringIO())
    train_linear(verbose=1)
    assert shown.getvalue() == ""
    monkeypatch.undo()
    _progress.logger.manager._clear_cache()


def test_a_long_epoch_reports_its_steps(stderr, train_linear, monkeypatch):
    monkeypatch.setattr(callbacks, "_SECONDS_BETWEEN_STEPS", 0.0)
    shown = stderr(io.StringIO())
    train_linear(verbose=1, max_epochs=1)
    assert "Training: epoch 1 of 1, step 2 of 4" in shown.getvalue()


def test_other_long_work_reports_lines(stderr, monkeypatch):
    monkeypatch.setattr(_progress, "SECONDS_BETWEEN_LINES", 1e-6)
    shown = stderr(io.StringIO())
    with _progress.progress_bar(total=20, desc="records", unit=" records") as bar:
        bar.update(10)
        bar.update(10)
    lines = shown.getvalue().splitlines()
    assert len(lines) == len(set(lines)) <= 3
    assert lines[-1].startswith("records: 20 of 20 records, 00:00 gone")


def test_short_work_reports_no_line(stderr):
    shown = stderr(io.StringIO())
    assert list(_progress.progress_bar(range(5), desc="records")) == list(range(5))
    assert shown.getvalue() == ""


def test_bar_on_a_real_terminal(stderr, train_linear):
    termios = pytest.importorskip("termios", reason="Windows has no pseudo-terminals")
    main, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    text = ""
    with open(terminal, "w", encoding="utf-8") as stream:
        stderr(stream)
        train_linear(verbose=1)
        stream.flush()
        while select.select([main], [], [], 0.1)[0]:
            text += os.read(main, 10_000).decode()
    os.close(main)
    assert "3/3" in text
    assert "epoch 1 of 3" not in text
