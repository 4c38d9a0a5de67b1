"""Import of names at their first use."""

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def import_on_first_use(module: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a module's ``__getattr__`` and ``__dir__``, which import its names when asked.

    The names are those that the module imports under ``if TYPE_CHECKING:``. Type checkers,
    editors and readers see usual imports; Python executes them one by one, at the first use of
    each name (PEP 562). So nobody waits for torch who builds no model.

    Examples
    --------
    A package's ``__init__.py``, or a module through which others reach slow imports::

        if TYPE_CHECKING:
            from ecgsk.encoders.resnet1d import ResNet1d

        __all__ = ["ResNet1d"]
        __getattr__, __dir__ = import_on_first_use(__name__)
    """
    namespace = vars(sys.modules[module])
    sources = _deferred_imports(sys.modules[module])

    def get(name: str) -> Any:
        if name not in sources:
            raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
        value = getattr(import_module(sources[name]), name)
        namespace[name] = value  # the next use does not come here
        return value

    return get, lambda: list(namespace["__all__"])


def _deferred_imports(module: Any) -> dict[str, str]:
    """Return the module of each name that is imported under ``if TYPE_CHECKING:``."""
    source = module.__spec__.loader.get_source(module.__name__)
    return {
        alias.name: statement.module
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for statement in block.body
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
    }
