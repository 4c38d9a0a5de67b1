"""How many processes and threads run the tests and the examples in docstrings."""

import os
import sys

import pytest

pytest_plugins = ["docs.code_blocks"]  # README and the guide: their code blocks run

# Nets this small lose time to threads. NumPy and PyTorch read this once, when they are
# imported, here and in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run the whole suite in up to four processes, chosen files or folders in this one."""
    if config.args_source == pytest.Config.ArgsSource.ARGS:
        return 0
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)


@pytest.fixture(autouse=True)
def _close_figures():
    """Close the figures of a test: pyplot, where it is imported, keeps them."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
