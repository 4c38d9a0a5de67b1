"""Folders of a machine are left out, and nothing else."""

from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk._paths import describe, without_folders
from ecgsk.encoders import PretrainedEncoder
from ecgsk.training import Trainer


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/ann/weights.pth", "weights.pth"),
        ("~/weights.pth", "weights.pth"),
        ("../ann/weights.pth", "weights.pth"),
        ("C:\\Users\\ann\\weights.pth", "weights.pth"),
        ("C:/Users/ann/weights.pth", "weights.pth"),
        ("\\\\server\\ann\\weights.pth", "weights.pth"),
        (Path("/home/ann/weights.pth"), "weights.pth"),
        (PureWindowsPath("C:/Users/ann/w.pth"), "w.pth"),
        ("weights.pth", "weights.pth"),
        ("runs/one", "runs/one"),
    ],
)
def test_a_path_keeps_its_name(path, name):
    assert without_folders(path) == name
    assert "ann" not in describe(PretrainedEncoder(path))
    assert name in describe(PretrainedEncoder(path))


@given(st.text(st.characters(exclude_characters="/\\~.:")))
def test_other_text_is_kept(text):
    assert without_folders(text) == text


def test_a_folder_in_a_specification():
    trainer = Trainer(checkpoint_folder=Path("/home/ann/runs"), precision="float32")
    assert describe(trainer) == "Trainer(checkpoint_folder=PosixPath('runs'), precision='float32')"


def test_a_folder_in_a_long_specification():
    """scikit-learn would cut the text within the path."""
    callbacks = ["x" * 340]
    trainer = Trainer(callbacks=callbacks, checkpoint_folder="/home/" + "ann/" * 300 + "runs")
    assert "ann" not in describe(trainer)
    assert "checkpoint_folder='runs'" in describe(trainer)
