"""What all commands have in common: help, JSON, --quiet, exit codes, interrupts, and docs."""

import inspect
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

import ecgsk.datasets
from ecgsk.cli import app
from ecgsk.datasets import make_clinical_ecg, write_cohort
from tests.cli.commands import COMMANDS

DOCS = Path(__file__).parents[2] / "docs" / "guide" / "command_line.md"


def _registered() -> list[str]:
    """Return the words of every command, those of groups included."""
    group = typer.main.get_command(app)
    names = []
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        names += [name] if inner is None else [f"{name} {other}" for other in inner]
    return names


REGISTERED = _registered()
CASES = {name: example for name, example in COMMANDS.items() if name in REGISTERED}
ALL = [
    pytest.param(name, marks=[getattr(pytest.mark, mark) for mark in example.marks])
    for name, example in CASES.items()
]


@pytest.fixture(scope="module")
def place(tmp_path_factory, write_record_into, model):
    """Folders and files by name, right and wrong ones."""
    root = tmp_path_factory.mktemp("inputs")
    for name in ("a", "sub/b"):
        write_record_into(root / "records", name, rate=100, seconds=10)
    (root / "empty").mkdir()
    (root / "file").write_text("text")
    (root / "bytes").write_bytes(bytes(range(256)))
    (root / "garbage").mkdir()
    for name in ("ecg.json", "manifest.json", "x.hea", "record_list.csv", "labevents.csv.gz"):
        (root / "garbage" / name).write_bytes(b"\x00\xff{]")
    (root / "listed").mkdir()
    (root / "listed" / "ecg.json").write_text("[1]")
    rows = {"record": list("ab"), "patient": [1, 2], "age": [60, 41], "sex": list("FM")}
    pd.DataFrame(rows | {"AF": [1, 0]}).to_csv(root / "table", index=False)
    cohort = make_clinical_ecg(20, random_state=0)
    for name in ("cohort", "cut", "swapped"):
        write_cohort(cohort, root / name, progress=False)
    (root / "cut" / "ecg.npy").write_bytes((root / "cut" / "ecg.npy").read_bytes()[:1000])
    np.save(root / "swapped" / "ecg.npy", np.zeros((2, 3)))
    cohort.X["seen"] = "2020-01-01"
    write_cohort(cohort, root / "dated", progress=False)
    (root / "model").symlink_to(model)
    return root


@pytest.fixture
def words(place, tmp_path):
    """Return the words of a call, with paths in place of names in braces."""

    def fill(name: str, call: str) -> list[str]:
        def path(match: re.Match) -> str:
            return str((tmp_path if match[1] == "new" else place) / match[1])

        return [*name.split(), *(re.sub(r"\{(\w+)\}", path, word) for word in call.split())]

    return fill


@pytest.fixture(scope="module")
def few():
    return make_clinical_ecg(4, random_state=0)


@pytest.fixture
def with_loader(monkeypatch, few):
    """Let a loader return a small cohort, once it is known to take the arguments."""

    def replace(name: str) -> None:
        if name:  # the command is one of those of a database
            signature = inspect.signature(getattr(ecgsk.datasets, name))

            def load(*args, **kwargs):
                signature.bind(*args, **kwargs)
                return few

            monkeypatch.setattr(ecgsk.datasets, name, load)

    return replace


def _odd_keys(document: object, by_name: tuple[str, ...], named: bool = False) -> list[str]:
    """Return keys that are not in snake case, but for those that users choose."""
    if isinstance(document, list):
        return [key for item in document for key in _odd_keys(item, by_name, named)]
    if not isinstance(document, dict):
        return []
    odd = [] if named else [key for key in document if not re.fullmatch(r"[a-z][a-z0-9_]*", key)]
    for key, value in document.items():
        odd += _odd_keys(value, by_name, not named and key in by_name)
    return odd


def test_every_command_has_an_entry():
    assert set(REGISTERED) <= set(COMMANDS)


@pytest.mark.parametrize("name", CASES)
def test_help_has_an_example(invoke, name):
    text = invoke(*name.split(), "--help")
    assert f"ecgsk {name} " in text
    assert "--quiet" in text
    assert "--json" in text


@pytest.mark.parametrize("name", CASES)
def test_every_option_has_a_help_text(name):
    command = typer.main.get_command(app)
    for word in name.split():
        command = command.commands[word]
    for parameter in command.params:
        assert parameter.help or parameter.name == "help", parameter.name


@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_json_is_one_document_with_keys_in_snake_case(run_main, words, with_loader, name):
    example = CASES[name]
    with_loader(example.loader)
    code, out, _ = run_main(*words(name, example.good), "--json")
    assert code == 0
    document = json.loads(out)
    assert isinstance(document, dict)
    assert document
    assert _odd_keys(document, example.by_name) == []


@pytest.mark.parametrize("name", ALL)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quiet_prints_the_result_alone(run_main, words, with_loader, name):
    example = CASES[name]
    with_loader(example.loader)
    code, out, _ = run_main(*words(name, example.good), "--quiet")
    assert code == 0
    assert bool(out) == example.prints


@pytest.mark.parametrize(
    ("name", "call", "code"),
    [(name, call, 1) for name, example in CASES.items() for call in example.failing]
    + [(name, call, 2) for name, example in CASES.items() for call in example.wrong],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_mistake_has_an_exit_code_and_no_traceback(run_main, words, name, call, code):
    got, out, message = run_main(*words(name, call), "--json")
    assert (got, "Traceback" in message) == (code, False), message
    if not CASES[name].prints:
        assert out == ""
    if not out:
        assert len(message) > 10
    assert "mistake in ecgsk" not in message


@pytest.mark.parametrize("name", CASES)
def test_ctrl_c_says_what_is_kept(run_main, words, with_loader, monkeypatch, name):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(CASES[name].work, interrupted)
    code, _, message = run_main(*words(name, CASES[name].good))
    assert code == 130
    assert re.match(r"interrupted: .{10,}\.", message)
    assert "{" not in message


@pytest.mark.parametrize("name", [name for name in CASES if name != "demo"])
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="root may become another")
def test_folders_without_permission_are_named(run_main, words, tmp_path, place, name):
    """Reading needs a folder that may be entered; writing, one that may be changed."""
    closed = tmp_path / "closed"
    for part in ("records", "cohort", "empty"):
        shutil.copytree(place / part, closed / part)
    shutil.copytree((place / "model").resolve(), closed / "model")
    call = [
        word.replace(str(place), str(closed)) if not word.endswith("table") else word
        for word in words(name, CASES[name].good)
    ]
    closed.chmod(0o700)
    os.seteuid(65534)
    try:
        code, _, message = run_main(*call)
    finally:
        os.seteuid(0)
    assert code in (1, 2)
    assert "Traceback" not in message
    assert "mistake in ecgsk" not in message


def test_records_that_are_left_out_end_with_exit_code_3(run_main, words, place, tmp_path):
    shutil.copytree(place / "records", tmp_path / "in")
    (tmp_path / "in" / "a.dat").write_bytes(b"")
    records = str(tmp_path / "in")
    calls = {
        "ingest": f"{records} {{new}} --jobs 1",
        "cohort csv": f"{records} {{table}} {{new}}1 --key record --patient patient",
        "predict": f"{{model}} {records} --out {{new}}2.csv",
    }
    for name, call in calls.items():
        code, out, message = run_main(*words(name, call), "--json")
        assert code == 3, message
        assert json.loads(out)["n_left_out" if name == "predict" else "n_broken"] == 1


@pytest.mark.parametrize("name", REGISTERED)
def test_docs_have_a_section_for_every_command(name):
    assert f"## `ecgsk {name}`" in DOCS.read_text("utf-8")


def test_an_unknown_command_is_wrong_usage(run_main):
    code, _, message = run_main("unknown")
    assert code == 2
    assert "No such command 'unknown'" in message
