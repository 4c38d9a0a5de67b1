"""Examples run as they stand, on fewer patients."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


@pytest.mark.slow
def test_plot_grid_search_encoders():
    run = example("plot_grid_search_encoders")
    table = run["table_of"](run["search_encoders"](n_subjects=40))
    assert len(table) == 4
    assert len(run["plot"](table).axes[0].containers) == 2


def test_check_your_encoder():
    run = example("check_your_encoder")
    for estimator in run["estimators"](run["GRUEncoder"](hidden_size=4)):
        for check in run["CHECKS"][:3]:
            check(estimator)
