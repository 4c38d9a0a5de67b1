"""Code blocks of the pages: all are known to the runner, few are left out, and failures fail."""

import ast
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest
from sybil import Document, Example, Lexeme, Region
from typer.testing import CliRunner

from docs import code_blocks
from ecgsk.cli import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(page for pattern in code_blocks.PAGES for page in ROOT.glob(pattern))
FENCE = re.compile(r"^\s*(?:`{3,}|~{3,})(\S.*)$", re.MULTILINE)
SKIP = re.compile(r'<!-- skip: next "([^"]+)" -->\s+```(\w+)\n(.*?)```', re.DOTALL)
# Blocks of a page that are skipped. Prefer a block that runs.
SKIPPED = {
    "command_line.md": 10,  # open databases, and a comparison that takes minutes
    "comparing_models.md": 1,  # a comparison that takes minutes
    "deployment.md": 2,  # a server
    "encoders.md": 1,  # a file of weights
    "model_selection.md": 1,  # a cluster
    "open_databases.md": 6,
    "saving_models.md": 1,  # a class of the reader's
    "scaling_out.md": 2,  # a cluster
    "training.md": 1,  # several GPUs
}


def read(page):
    return page.read_text(encoding="utf-8")


def run(evaluate, text, **namespace):
    document = Document(text, "page.md")
    document.namespace.update(namespace)
    region = Region(0, len(text), Lexeme(text, 0, 0))
    return evaluate(Example(document, 1, 1, region, document.namespace))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_has_a_language_that_the_runner_knows(page):
    languages = Counter(FENCE.findall(read(page)))
    for name in list(languages):
        if name.startswith("{") and not name.startswith("{code"):  # a directive, no code
            del languages[name]
    parsed = [example.region for example in code_blocks.blocks.parse(page).examples()]
    skips = len(re.findall(r"<!--.*skip:", read(page)))
    assert set(languages) <= set(code_blocks.EVALUATORS)
    assert len(parsed) - skips == languages.total()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_few_blocks_are_skipped_and_each_with_a_reason(page):
    marks = len(re.findall(r"<!--.*skip:", read(page)))
    assert len(SKIP.findall(read(page))) == marks
    assert marks == SKIPPED.get(page.name, 0)


def test_most_blocks_run():
    blocks = sum(len(list(code_blocks.blocks.parse(page).examples())) for page in PAGES)
    skipped = sum(len(SKIP.findall(read(page))) for page in PAGES)
    print(f"{blocks - 2 * skipped} blocks run, {skipped} are skipped")
    assert blocks - 2 * skipped > 80


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_do_not_run_have_known_options(page):
    skipped = [code for _, language, code in SKIP.findall(read(page)) if language == "bash"]
    lines = [line for code in skipped for kind in code_blocks.split_lines(code) for line in kind]
    for example in code_blocks.blocks.parse(page).examples():
        if example.region.evaluator is code_blocks.run_bash:
            lines += code_blocks.split_lines(example.parsed)[1]
    for line in lines:
        words = shlex.split(line, comments=True)
        if words[:1] == ["ecgsk"]:
            result = CliRunner().invoke(app, [*words[1:], "--help"])
            assert result.exit_code == 0, (line, result.output)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_that_does_not_run_imports_names_that_exist(page):
    for _, language, code in SKIP.findall(read(page)):
        if language == "python":
            body = ast.parse(code).body
            imports = [node for node in body if ast.unparse(node).startswith("from ecgsk")]
            exec(compile(ast.Module(imports, []), page.name, "exec"), {})


def test_python_block_that_raises_fails():
    with pytest.raises(ZeroDivisionError):
        run(code_blocks.run_python, "1 / 0")


def test_block_of_output_differs_from_what_was_printed():
    namespace = {code_blocks._PRINTED: "AUROC 0.71 of 40 records\n"}
    assert run(code_blocks.compare_output, "AUROC ... of 40 records\n", **namespace) is None
    assert "Got:\nAUROC 0.71" in run(code_blocks.compare_output, "AUROC 0.61\n", **namespace)


def test_bash_block_stops_at_the_line_that_fails():
    failure = run(code_blocks.run_bash, "echo first\nfalse\necho last\n")
    assert failure.startswith("exit code 1")
    assert "first" in failure
    assert "last" not in failure


def test_bash_block_leaves_out_commands_of_the_list():
    assert run(code_blocks.run_bash, 'pip install "no-such-package" \\\n  --quiet\ntrue\n') is None


def test_json_and_toml_blocks_are_parsed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="Expecting"):
        run(code_blocks.parse_json, "{")
    with pytest.raises(ValueError, match="Invalid"):
        run(code_blocks.parse_toml, "a = \n")
    run(code_blocks.parse_toml, "# study.toml\na = 1\n")
    assert (tmp_path / "study.toml").read_text() == "# study.toml\na = 1\n"
