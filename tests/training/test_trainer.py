"""Settings of the engine: refused where they cannot be used."""

import pytest
from sklearn.base import clone
from skorch.callbacks import Callback, EarlyStopping

from ecgsk.exceptions import ECGError
from ecgsk.training import Trainer


@pytest.mark.parametrize(
    ("name", "wrong", "expected"),
    [
        ("weight_decay", -0.1, "0 or more"),
        ("weight_decay", float("inf"), "0 or more"),
        ("validation_fraction", 1, r"in \(0, 1\)"),
        ("n_iter_no_change", True, "a positive int"),
        ("precision", "float16", "'auto', 'float32' or 'bfloat16'"),
        ("compile", "yes", "True or False"),
        ("accumulation_steps", 1.5, "a positive int"),
        ("callbacks", [print], "None or skorch callbacks in a list"),
        ("callbacks", EarlyStopping(), "None or skorch callbacks in a list"),
        ("callbacks", [(1, Callback)], "None or skorch callbacks in a list"),
        ("checkpoint_folder", 3, "None or a folder that can be written to"),
        ("checkpoint_folder", __file__, "None or a folder that can be written to"),
    ],
)
def test_wrong_setting_is_refused(name, wrong, expected):
    with pytest.raises(ECGError, match=f"Trainer: {name} must be {expected}, got"):
        Trainer(**{name: wrong}).check()


def test_callbacks_in_every_form_of_skorch_are_accepted():
    Trainer(callbacks=[Callback(), EarlyStopping, ("named", Callback())]).check()
    Trainer().check()


def test_clone_has_equal_settings():
    trainer = Trainer(weight_decay=0.1, checkpoint_folder="runs")
    assert clone(trainer).get_params() == trainer.get_params()
    assert clone(trainer).result_settings == trainer.result_settings


def test_the_folder_of_checkpoints_is_no_setting_of_the_result():
    assert Trainer(checkpoint_folder="a").result_settings == Trainer().result_settings
    assert Trainer(weight_decay=0.1).result_settings != Trainer().result_settings
