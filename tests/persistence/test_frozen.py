"""A model saved by an earlier version is read, and predicts what it did.

If the format was changed on purpose: ``python tests/persistence/frozen/write.py``.
"""

import json
import runpy
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import ecgsk
from ecgsk.exceptions import VersionWarning

_FROZEN = Path(__file__).parent / "frozen"


@pytest.fixture(scope="module")
def written():
    """Functions of the script that wrote the model."""
    return runpy.run_path(str(_FROZEN / "write.py"))


@pytest.fixture(scope="module")
def frozen():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionWarning)  # the libraries may be newer by now
        return ecgsk.load(_FROZEN / "model")


def test_frozen_model_predicts_what_it_did(written, frozen):
    expected = json.loads((_FROZEN / "expected.json").read_text("utf-8"))
    found = written["predict"](frozen)
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=1e-6, err_msg=name)
    # So different that a wrong filter, scale or order of leads would be seen.
    assert np.ptp(expected["diagnoses"], axis=0).min() > 1e-4


def test_frozen_model_explains(written, frozen):
    prepared = frozen[:-1].transform(written["signals"]())
    assert len(frozen[-1].explain(prepared)) == len(prepared)


def test_frozen_model_can_be_saved_again(frozen, tmp_path):
    ecgsk.save(frozen, tmp_path / "model")
    weights = "weights.safetensors"
    size = (_FROZEN / "model" / weights).stat().st_size
    assert (tmp_path / "model" / weights).stat().st_size == size
    shutil.rmtree(tmp_path / "model")
