"""The page of errors and warnings: all classes are on it, and its messages are in the code."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from ecgsk import exceptions

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide" / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)


@cache
def templates():
    """Return the strings of the package, with an empty place for each inserted value."""
    texts = []
    for path in sorted((ROOT / "ecgsk").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "" for v in node.values)
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\0".join(texts)


@pytest.mark.parametrize("name", exceptions.__all__)
def test_every_class_is_on_the_page(name):
    assert re.search(rf"\b{name}\b", PAGE), "add a section to docs/guide/troubleshooting.md"


@pytest.mark.parametrize("message", MESSAGES)
def test_message_is_in_the_code(message):
    pieces = [re.escape(piece.strip()) for piece in message.split("...") if piece.strip()]
    assert re.search(r"[^\0]*?".join(pieces), templates()), "no such text in ecgsk"


def test_page_has_messages():
    assert len(MESSAGES) > 40
