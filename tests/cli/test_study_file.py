"""Settings of ``ecgsk train`` from options and a TOML file."""

import tomllib

import pytest
import typer

from ecgsk.cli._study_file import (
    TrainSettings,
    build_estimators,
    parameters_of,
    read_settings,
    resolved_toml,
)
from ecgsk.exceptions import ECGError
from ecgsk.training import Trainer

STUDY = """
encoder = "resnet10"
val_fold = [9, 10]
max_epochs = 7
band = [1, 0]

[pretrainer]
max_epochs = 3

[classifier]
fine_tune = "probe"

[trainer]
weight_decay = 0.1
"""


@pytest.fixture
def study(tmp_path):
    def write(text=STUDY):
        path = tmp_path / "study.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def test_defaults_hold_where_nothing_is_given():
    assert read_settings({"encoder": None, "val_fold": []}, None) == TrainSettings()


def test_options_win_over_the_file(study):
    settings = read_settings({"encoder": "s4", "val_fold": [1], "band": None}, study())
    assert (settings.encoder, settings.val_fold, settings.band) == ("s4", (1,), (1, 0))
    assert settings.classifier == {"fine_tune": "probe"}


def test_false_option_wins_too(study):
    assert not read_settings({"pretrain": False}, study("pretrain = true")).pretrain


def test_tables_state_parameters_of_the_estimators(study):
    settings = read_settings({}, study())
    pretrainer, classifier, _ = build_estimators(settings, Trainer(), 0)
    assert (pretrainer.max_epochs, classifier.max_epochs) == (3, 7)
    assert classifier.fine_tune == "probe"
    assert classifier.trainer.weight_decay == pretrainer.trainer.weight_decay == 0.1
    assert pretrainer.encoder == classifier.encoder == "resnet10"


def test_epochs_of_the_command_line_win_over_those_of_the_tables(study):
    settings = read_settings({"max_epochs": 2}, study())
    pretrainer, classifier, _ = build_estimators(settings, Trainer(), 0)
    assert (pretrainer.max_epochs, classifier.max_epochs) == (2, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("encodr = 's4'", r"unknown name 'encodr'. Known names: encoder, objective"),
        ("[classifier]\nlabels = 3", r"unknown name 'labels' of \[classifier\].*fine_tune"),
        ("[classifier]\nencoder = 's4'", r"unknown name 'encoder' of \[classifier\]"),
        ("classifier = 3", r"must be a table, as \[classifier\]; got 3"),
        ("seed = 'one'", "seed in .* must be int; got 'one'"),
        ("pretrain = 1", "pretrain in .* must be bool; got 1"),
        ("max_epochs = true", "max_epochs in .* must be int; got True"),
        ("val_fold = [1, 'a']", "val_fold in .* must be int; got 'a'"),
        ("seed 3", "is not a TOML file"),
        ("encoder = 'resnet99'", "encoder must be one of"),
        ("objective = 'guess'", "objective must be one of auto, clip"),
        ("band = [50, 40]", "band must be two edges in Hz, low below high"),
        ("band = [0.5]", "band must be two edges"),
        ("band = 40", "band must be two edges"),
        ("band = [nan, 40]", "band must be two edges"),
        ("band = []", "band must be two edges"),
        ("band = [0.5, 60]", "below half the sampling rate"),
        ("val_size = 1.0", "val_size must be between 0 and 1"),
        ("test_fold = 3", "given with val_fold"),
        ("max_epochs = 0", "max_epochs must be 1 or more"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(study, text, message):
    with pytest.raises(ECGError, match=message):
        read_settings({}, study(text))


def test_option_that_cannot_be_used_is_wrong_usage(study):
    with pytest.raises(typer.BadParameter, match="--val-size must be between 0 and 1; got 2"):
        read_settings({"val_size": 2.0}, study())


def test_resolved_file_repeats_the_run(study):
    settings = read_settings({"seed": 3}, study())
    estimators = dict(
        zip(
            ("pretrainer", "classifier", "explainer"),
            build_estimators(settings, Trainer(), 0),
            strict=True,
        )
    )
    text = resolved_toml(settings, estimators, "two\nlines")
    again = read_settings({}, study(text))
    rebuilt = build_estimators(again, Trainer(**settings.trainer), 0)
    for first, second in zip(estimators.values(), rebuilt, strict=True):
        assert repr(first) == repr(second)
    assert (again.val_fold, again.seed) == ((9, 10), 3)
    assert tomllib.loads(text)["classifier"]["dropout"] == 0.2


def test_resolved_file_leaves_out_a_stage_that_is_left_out():
    text = resolved_toml(TrainSettings(pretrain=False), {"pretrainer": None}, "")
    assert "[pretrainer]" not in text
    assert "pretrain = false" in text


def test_parameters_with_an_option_of_their_own_are_not_in_tables():
    assert "encoder" not in parameters_of("pretrainer")
    assert "checkpoint_folder" not in parameters_of("trainer")
    assert set(parameters_of("explainer")) == {"coverage", "device", "keep_patients"}
