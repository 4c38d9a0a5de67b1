"""The bar is for people who watch: a terminal or a notebook, never a log file."""

import builtins
import io
import sys
from types import SimpleNamespace

import pytest


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def stderr(monkeypatch):
    def replace(stream):
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return replace


def test_bar_on_a_terminal_shows_stage_epochs_and_losses(stderr, train_linear, linear_data):
    shown = stderr(Terminal())
    train_linear(validation=linear_data(16, seed=1), description="Pre-training")
    text = shown.getvalue()
    assert "Pre-training" in text
    assert "3/3" in text
    assert "train_loss=" in text
    assert "valid_loss=" in text


def test_no_bar_in_a_log_file(stderr, train_linear):
    shown = stderr(io.StringIO())
    train_linear(description="Pre-training")
    assert shown.getvalue() == ""


def test_no_bar_without_a_description(stderr, train_linear, capsys):
    shown = stderr(Terminal())
    train_linear(description=None)
    assert shown.getvalue() == ""
    assert capsys.readouterr().out == ""  # skorch prints no table either


def test_a_notebook_has_a_bar_though_it_is_no_terminal(stderr, train_linear, monkeypatch):
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setattr(builtins, "get_ipython", lambda: shell, raising=False)
    shown = stderr(io.StringIO())
    train_linear(description="Pre-training")
    assert "Pre-training" in shown.getvalue()
