"""Docstrings of the reference: fitted attributes and numpydoc's own checks."""

import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest

REFERENCE = sorted(
    name
    for page in (Path(__file__).parents[2] / "docs" / "api").glob("*.rst")
    for name in re.findall(r"^   ([\w.]+)$", page.read_text("utf-8"), re.M)
)
CODES = {
    "GL06",  # unknown section
    "GL07",  # sections in another order
    "GL09",  # deprecation in the wrong place
    "PR02",  # parameters that the signature lacks
    "PR10",  # no space before the colon of a parameter's type
    "YD01",  # a generator without Yields
    "SS01",  # no summary
    "SS03",  # a summary without a full stop
    "SS04",  # spaces before the summary
}


def find(name):
    module, _, attribute = f"ecgsk.{name}".rpartition(".")
    return getattr(import_module(module), attribute)


CLASSES = [name for name in REFERENCE if inspect.isclass(find(name))]


def fitted_attributes(cls):
    """Names with a trailing underscore that methods of ours assign, and properties."""
    names = set()
    for base in cls.__mro__:
        if base.__module__.startswith("ecgsk"):
            names |= set(
                re.findall(r"\bself\.([a-z]\w*_)(?=: .*= |, .*= | = )", inspect.getsource(base))
            )
            names |= {name for name, value in vars(base).items() if isinstance(value, property)}
    return {name for name in names if re.fullmatch(r"[a-z]\w*_", name)}


def documented_attributes(cls):
    lines = re.split(r"^(\w[\w ]*)\n-{3,}$", inspect.cleandoc(cls.__doc__), flags=re.M)
    sections = dict(zip(lines[1::2], lines[2::2], strict=True))
    named = [line for line in sections.get("Attributes", "").splitlines() if line[:1].isalpha()]
    return {name.strip() for line in named for name in line.partition(" : ")[0].split(",")}


@pytest.mark.parametrize("name", CLASSES)
def test_fitted_attributes_are_documented(name):
    cls = find(name)
    assert fitted_attributes(cls) - documented_attributes(cls) == set()


def public_methods(cls):
    for name in dir(cls):
        value = inspect.getattr_static(cls, name)
        function = getattr(value, "__func__", value)
        ours = (getattr(function, "__module__", None) or "").startswith("ecgsk")
        if ours and not name.startswith("_") and inspect.isroutine(function):
            yield name


@pytest.mark.parametrize("name", REFERENCE)
def test_docstring_passes_the_checks_of_numpydoc(name):
    validate = pytest.importorskip("numpydoc.validate").validate
    value = find(name)
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return
    methods = public_methods(value) if inspect.isclass(value) else ()
    for full in [f"ecgsk.{name}", *(f"ecgsk.{name}.{method}" for method in methods)]:
        errors = [error for error in validate(full)["errors"] if error[0] in CODES]
        assert errors == [], full
