"""Settings of ``ecgsk train``: options, and a TOML file with the same names."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Any

import typer

from ecgsk.cli._options import encoder_names
from ecgsk.cli._preprocessing import BAND, SAMPLING_RATE
from ecgsk.cli._stages import VAL_SIZE
from ecgsk.estimators import (
    ECGDiagnosisClassifier,
    JointEmbeddingPretrainer,
    LabAbnormalityExplainer,
)
from ecgsk.exceptions import ECGError
from ecgsk.objectives.registry import OBJECTIVES
from ecgsk.training import Augmentation, Trainer

# Parameters that have an option of their own, that no text can state, or that would make a
# model that needs more than the ECG.
_ELSEWHERE = {
    *("encoder", "objective", "augmentation", "trainer", "callbacks", "checkpoint_folder"),
    *("random_state", "verbose", "group_column", "clinical_encoder", "inputs"),
    "reference_ranges",
}
_ESTIMATORS: dict[str, type] = {
    "pretrainer": JointEmbeddingPretrainer,
    "classifier": ECGDiagnosisClassifier,
    "explainer": LabAbnormalityExplainer,
    "trainer": Trainer,
    "augmentation": Augmentation,
}
_OBJECTIVES = ("auto", *OBJECTIVES)
_WITH_EPOCHS = ("pretrainer", "classifier")


@dataclass(frozen=True)
class TrainSettings:
    """Options of the command and, by table of the file, parameters of the estimators.

    An edge of 0 of ``band`` is open. ``max_epochs`` of None leaves that of each estimator.
    """

    encoder: str = "resnet18"
    objective: str = "auto"
    pretrain: bool = True
    max_epochs: int | None = None
    val_fold: tuple[int, ...] = ()
    test_fold: tuple[int, ...] = ()
    val_size: float = VAL_SIZE
    sampling_rate: float = SAMPLING_RATE
    band: tuple[float, ...] = BAND
    resamples: int = 1000
    seed: int = 0
    pretrainer: Mapping[str, Any] = field(default_factory=dict)
    classifier: Mapping[str, Any] = field(default_factory=dict)
    explainer: Mapping[str, Any] = field(default_factory=dict)
    trainer: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] = field(default_factory=dict)

    def find_problem(self) -> tuple[str, str] | None:
        """Return name and expected value of a setting that cannot be used; needs no cohort."""
        rules = [
            ("encoder", self.encoder in encoder_names(), f"one of {', '.join(encoder_names())}"),
            ("objective", self.objective in _OBJECTIVES, f"one of {', '.join(_OBJECTIVES)}"),
            ("max_epochs", self.max_epochs is None or self.max_epochs >= 1, "1 or more"),
            ("val_size", 0 < self.val_size < 1, "between 0 and 1"),
            ("sampling_rate", 0 < self.sampling_rate < inf, "above 0 Hz"),
            ("band", _is_band(self.band), "two edges in Hz, low below high; 0 leaves an edge open"),
            (
                "band",
                2 * max(self.band, default=0) < self.sampling_rate,
                "below half the sampling rate",
            ),
            ("resamples", self.resamples >= 1, "1 or more"),
            ("seed", 0 <= self.seed < 2**32, "0 to 2**32 - 1"),
            (
                "test_fold",
                not self.test_fold or bool(self.val_fold),
                "given with val_fold (--val-fold)",
            ),
        ]
        return next(((name, expected) for name, is_right, expected in rules if not is_right), None)


_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("encoder", "objective"), (str,)),
    "pretrain": (bool,),
    **dict.fromkeys(("max_epochs", "resamples", "seed"), (int,)),
    **dict.fromkeys(("val_size", "sampling_rate", "band"), (int, float)),
    **dict.fromkeys(("val_fold", "test_fold"), (int,)),
}
_LISTS = ("val_fold", "test_fold", "band")


def read_settings(options: Mapping[str, Any], config: Path | None) -> TrainSettings:
    """Merge defaults, the file and the options; an option that is None was not given.

    Raise ECGError for a name of the file that is not known or a value that cannot be used, and
    BadParameter for such an option.
    """
    stated = {} if config is None else _read_file(config)
    given = {name: value for name, value in options.items() if value not in (None, [])}
    for name in _LISTS:
        if name in given:
            given[name] = tuple(given[name])
    if "max_epochs" in given:
        for table in _WITH_EPOCHS:
            stated[table] = {k: v for k, v in stated.get(table, {}).items() if k != "max_epochs"}
    settings = TrainSettings(**(stated | given))
    if problem := settings.find_problem():
        name, expected = problem
        text = f"must be {expected}; got {getattr(settings, name)!r}."
        if name in given:
            raise typer.BadParameter(f"--{name.replace('_', '-')} {text}")
        raise ECGError(f"ecgsk train: {name} {text}")
    return settings


def _is_band(edges: Sequence[float]) -> bool:
    if len(edges) != 2:
        return False
    low, high = edges
    return 0 <= low < inf and (high == 0 or low < high < inf)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ECGError(f"ecgsk train: {path} is not a TOML file: {error}.") from error
    _check_names(path, content, [field.name for field in fields(TrainSettings)], "")
    stated: dict[str, Any] = {}
    for name, value in content.items():
        if name in _ESTIMATORS:
            if not isinstance(value, dict):
                raise ECGError(
                    f"ecgsk train: {name} in {path} must be a table, as [{name}]; got {value!r}."
                )
            _check_names(path, value, parameters_of(name), f" of [{name}]")
            stated[name] = value
        else:
            stated[name] = _read_value(path, name, value)
    return stated


def _check_names(path: Path, content: Mapping[str, Any], known: list[str], where: str) -> None:
    if unknown := [name for name in content if name not in known]:
        raise ECGError(
            f"ecgsk train: {path} has the unknown name {unknown[0]!r}{where}. Known names{where}: "
            f"{', '.join(known)}."
        )


def parameters_of(table: str) -> list[str]:
    """Return the parameters that a table of the file may state."""
    names = _ESTIMATORS[table]._get_param_names()  # type: ignore[attr-defined]
    return [name for name in names if name not in _ELSEWHERE]


def _read_value(path: Path, name: str, value: Any) -> Any:
    """Return a value of the right type; one number is a list of one."""
    values = value if name in _LISTS and isinstance(value, list) else [value]
    kinds = _TYPES[name]
    for item in values:
        if not isinstance(item, kinds) or (isinstance(item, bool) and bool not in kinds):
            raise ECGError(
                f"ecgsk train: {name} in {path} must be "
                f"{' or '.join(kind.__name__ for kind in kinds)}; got {item!r}."
            )
    return tuple(values) if name in _LISTS else value


def build_estimators(
    settings: TrainSettings, trainer: Trainer, verbose: int
) -> tuple[JointEmbeddingPretrainer | None, ECGDiagnosisClassifier, LabAbnormalityExplainer]:
    """Return the unfitted estimators of the three stages; None for a pre-training left out."""
    epochs = {} if settings.max_epochs is None else {"max_epochs": settings.max_epochs}
    augmentation = Augmentation(**settings.augmentation) if settings.augmentation else None
    shared: dict[str, Any] = {
        "trainer": trainer.set_params(**settings.trainer),
        "augmentation": augmentation,
        "random_state": settings.seed,
        "verbose": verbose,
    }
    pretrainer = None
    if settings.pretrain:
        own = epochs | dict(settings.pretrainer)
        pretrainer = JointEmbeddingPretrainer(
            settings.encoder, objective=settings.objective, **shared, **own
        )
    classifier = ECGDiagnosisClassifier(
        settings.encoder, **shared, **(epochs | dict(settings.classifier))
    )
    explainer = LabAbnormalityExplainer(
        random_state=settings.seed, verbose=verbose, **settings.explainer
    )
    return pretrainer, classifier, explainer


def resolved_toml(settings: TrainSettings, estimators: Mapping[str, Any], comment: str) -> str:
    """Return every setting that a value can state as TOML, so that a run can be repeated.

    `estimators` are the unfitted estimators by table; those that are None are left out.
    """
    lines = [f"# {line}" for line in comment.splitlines()]
    for entry in fields(settings):
        value = getattr(settings, entry.name)
        # The tables state the epochs of each stage.
        if entry.name not in _ESTIMATORS and entry.name != "max_epochs" and value != ():
            lines.append(f"{entry.name} = {_toml(value)}")
    for table, estimator in estimators.items():
        if estimator is None:
            continue
        stated = {name: getattr(estimator, name) for name in parameters_of(table)}
        lines += ["", f"[{table}]"]
        lines += [f"{name} = {_toml(v)}" for name, v in stated.items() if v is not None]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_toml, value))}]"
    # JSON's text and numbers are TOML's too.
    return json.dumps(value)
