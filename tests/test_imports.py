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


def test_a_loaded_model_needs_neither_the_compiler_nor_symbolic_mathematics(tmp_path):
    make = (
        "import numpy as np, ecgsk; from ecgsk.encoders import ResNet1d\n"
        "X = np.random.default_rng(0).normal(size=(8, 2, 100)).astype('float32')\n"
        "model = ecgsk.ECGDiagnosisClassifier(ResNet1d(10, width=2), max_epochs=1, verbose=0)\n"
        f"ecgsk.save(model.fit(X, [0, 1] * 4), {str(tmp_path / 'model')!r})"
    )
    use = (
        f"import numpy as np, ecgsk; model = ecgsk.load({str(tmp_path / 'model')!r})\n"
        "model.predict_proba(np.ones((1, 2, 100), 'float32') * np.arange(100) / 50)"
    )
    compiler = ("torch._dynamo", "sympy", "captum", "matplotlib", "sklearn.neighbors")
    assert imported_by(make, ("torch._dynamo",)) == ["torch._dynamo"]
    assert imported_by(use, compiler) == []
