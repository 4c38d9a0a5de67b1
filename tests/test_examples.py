"""Examples run as they stand, on fewer patients."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


@pytest.mark.filterwarnings("ignore::ecgsk.exceptions.CalibrationWarning")
def test_explain_one_patient():
    explanation = example("laboratory/explain_one_patient")["explain_one"](
        n_subjects=160, max_epochs=1
    )
    page = explanation.to_html()
    for section in ("Diagnoses", "Laboratory findings", "Where the model looked", "Similar"):
        assert section in page
    assert any(d.answers is not None for d in explanation.diagnoses)


def test_check_your_encoder():
    run = example("extending/check_your_encoder")
    for estimator in run["estimators"](run["GRUEncoder"](hidden_size=4)):
        for check in run["CHECKS"][:3]:
            check(estimator)
