"""What is imported with ecgsk: torch and other slow libraries only where they are used."""

import subprocess
import sys

import pytest

# Libraries that take a tenth of a second or more to import, or do so in other versions.
SLOW = (
    "captum",
    "duckdb",
    "matplotlib",
    "requests",
    "safetensors",
    "sklearn.metrics",
    "sklearn.model_selection",
    "skorch",
    "torch",
    "wfdb",
)
UNFITTED = """
from sklearn.base import clone
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.training import Trainer
pretrainer = JointEmbeddingPretrainer("resnet10", objective="vicreg", trainer=Trainer())
for model in (ECGDiagnosisClassifier(pretrainer), LabAbnormalityExplainer(pretrainer)):
    model = clone(model).set_params(encoder__trainer__weight_decay=0.1)
    repr(model), model.get_params()
"""


def imported_by(code, names=SLOW):
    """Return which modules a fresh process imports for some code."""
    code = f"{code}\nimport sys\nprint(*(name for name in {names!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_unfitted_estimators_need_no_slow_library():
    assert imported_by(UNFITTED) == []


@pytest.mark.parametrize(
    "package",
    ["datasets", "encoders", "io", "objectives", "preprocessing", "signals", "training"],
)
def test_packages_need_no_slow_library(package):
    assert imported_by(f"import ecgsk.{package}") == []


def test_a_spec_imports_torch():
    assert "torch" in imported_by("from ecgsk.encoders import ResNet1d")


def test_unknown_name_is_an_attribute_error():
    import ecgsk.encoders

    with pytest.raises(AttributeError, match=r"'ecgsk\.encoders' has no attribute 'ResNet2d'"):
        ecgsk.encoders.ResNet2d  # noqa: B018


def test_name_is_looked_up_once():
    import ecgsk.encoders

    assert ecgsk.encoders.ResNet1d is vars(ecgsk.encoders)["ResNet1d"]


def test_names_are_listed_before_their_first_use():
    listed = "import ecgsk; assert {'load', 'save', 'compare_arms'} < {*dir(ecgsk)}"
    assert imported_by(listed, ("ecgsk.persistence",)) == []
