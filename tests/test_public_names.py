"""The public surface: what packages export, what the reference lists, and who imports whom."""

import ast
import inspect
import re
from dataclasses import is_dataclass
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import ecgsk

ROOT = Path(__file__).parents[1]
REFERENCE = [
    name
    for page in sorted((ROOT / "docs" / "api").glob("*.rst"))
    for name in re.findall(r"^   ([\w.]+)$", page.read_text("utf-8"), re.M)
]
PACKAGES = [
    module.name
    for module in iter_modules(ecgsk.__path__, "ecgsk.")
    if module.ispkg and hasattr(import_module(module.name), "__all__")
]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "ecgsk").rglob("*.py")
}


def parse(module):
    return ast.parse(MODULES[module].read_text("utf-8"))


def is_type_checking(node):
    return isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"


# Modules whose names are imported at their first use.
DEFERRED = [
    module
    for module, path in MODULES.items()
    if "= import_on_first_use(__name__)\n" in path.read_text("utf-8") and module != "ecgsk._lazy"
]


def find(name):
    module, _, attribute = f"ecgsk.{name}".rpartition(".")
    return getattr(import_module(module), attribute)


def documented(package):
    """Names that the reference lists for a package, under it or at the top level."""
    names = set()
    for name in REFERENCE:
        parent, _, attribute = f"ecgsk.{name}".rpartition(".")
        defined_here = parent == "ecgsk" and find(name).__module__.startswith(f"{package}.")
        if parent == package or defined_here:
            names.add(attribute)
    return names


@pytest.mark.parametrize("package", [*PACKAGES, "ecgsk.exceptions", "ecgsk.utils.estimator_checks"])
def test_all_holds_what_the_reference_lists(package):
    names = import_module(package).__all__
    assert len(names) == len(set(names))
    assert set(names) == documented(package)


def test_reference_lists_each_name_once():
    assert sorted(REFERENCE) == sorted(set(REFERENCE))


@pytest.mark.parametrize("name", REFERENCE)
def test_documented_name_says_since_when_it_exists(name):
    value = inspect.unwrap(find(name))
    if inspect.isclass(value) or inspect.isfunction(value):
        assert ".. versionadded:: " in (value.__doc__ or "")  # __doc__ is not inherited


def test_every_page_of_the_reference_is_linked():
    linked = re.findall(r"^   api/(\w+)$", (ROOT / "docs" / "api.rst").read_text("utf-8"), re.M)
    assert sorted(linked) == sorted(page.stem for page in (ROOT / "docs" / "api").glob("*.rst"))


def test_top_level_holds_what_the_reference_lists():
    assert {*ecgsk.__all__} - {"__version__"} == {name for name in REFERENCE if "." not in name}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_public_names(package):
    module = import_module(package)
    names = {name for name in dir(module) if not inspect.ismodule(getattr(module, name))}
    assert {name for name in names if not name.startswith("_")} == set(module.__all__)


@pytest.mark.parametrize("module", DEFERRED)
def test_every_deferred_import_is_in_all(module):
    blocks = [node for node in parse(module).body if is_type_checking(node)]
    deferred = {alias.name for block in blocks for node in block.body for alias in node.names}
    assert deferred == {*import_module(module).__all__} - {"__version__"}


def sections(text):
    """Return a numpydoc docstring's sections: title to lines."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", text, flags=re.M)
    return {title: body.splitlines() for title, body in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.mark.parametrize("name", REFERENCE)
def test_docstring_is_complete(name):
    value = find(name)
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return
    found = sections(inspect.cleandoc(value.__doc__))  # its own: a class inherits none
    if inspect.isclass(value) and issubclass(value, BaseException):
        return
    described = {
        parameter.strip(" *")
        for title in ("Parameters", "Other Parameters", "Attributes")
        for line in found.get(title, ())
        if re.match(r"[*\w]", line)
        for parameter in line.partition(" : ")[0].split(",")
    }
    if inspect.isroutine(value) or "__init__" in vars(value):
        assert set(inspect.signature(value).parameters) <= described
    # A dataclass is returned by a function, whose example shows it.
    assert is_dataclass(value) or "Examples" in found


def imports(tree):
    """Yield (module, name) of every import of ours, those within functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ecgsk"):
            assert node.level == 0
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full, "") if full in MODULES else (node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "ecgsk":
                    yield alias.name, ""


def package_of(module):
    """Return the package of ecgsk that a module belongs to; "" for modules at the top."""
    package = module.split(".")[1:2]
    return package[0] if package and (ROOT / "ecgsk" / package[0]).is_dir() else ""


@pytest.mark.parametrize("package", sorted({package_of(module) for module in MODULES}))
def test_no_private_name_is_imported_from_another_package(package):
    private = [
        f"{module} imports {source}.{name}"
        for module in MODULES
        if package_of(module) == package
        for source, name in imports(parse(module))
        if package_of(source) != package
        and any(part.startswith("_") for part in (*source.split(".")[2:], name))
    ]
    assert private == []


def test_modules_import_one_another_without_circles():
    graph = {}
    for module in MODULES:
        tree = parse(module)
        # These run at the first use of a name, when the module has been imported.
        tree.body = [node for node in tree.body if not is_type_checking(node)]
        graph[module] = {source for source, _ in imports(tree)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_type_information_is_in_the_package():
    assert (ROOT / "ecgsk" / "py.typed").is_file()
