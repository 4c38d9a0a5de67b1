"""Parameters that estimators share: checked in one place, inherited by nested estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pandas.api.types import is_list_like
from sklearn.base import clone
from sklearn.utils import check_random_state

import ecgsk.estimators._engine as engine
from ecgsk import training
from ecgsk.training.trainer import is_count

# Parameters that a nested, unfitted estimator inherits from the outer one.
_INHERITED = ("trainer", "device", "verbose")
# Parameters that change how a fit runs and not its result, or whose text changes.
_WITHOUT_EFFECT = ("trainer", "callbacks", "checkpoint_folder", "device", "verbose")


def trainer_of(estimator: Any) -> training.Trainer:
    """Return the trainer of an estimator; the default where it is None."""
    return training.Trainer() if estimator.trainer is None else estimator.trainer


def verbosity(estimator: Any) -> int:
    """Return how much an estimator reports; None is 1."""
    return 1 if estimator.verbose is None else int(estimator.verbose)


def keeps_checkpoints(*estimators: Any) -> bool:
    """Return whether one of the estimators, or None, stores checkpoints."""
    trainers = [trainer_of(estimator) for estimator in estimators if estimator is not None]
    return any(trainer.checkpoint_folder is not None for trainer in trainers)


def inherit_settings(inner: Any, outer: Any, seed: int) -> Any:
    """Clone a nested estimator; fill its unset parameters from the outer one and `seed`."""
    inner = clone(inner)
    unset = [n for n in _INHERITED if hasattr(outer, n) and getattr(inner, n) is None]
    inner.set_params(**{name: clone(getattr(outer, name), safe=False) for name in unset})
    if inner.random_state is None:
        inner.set_params(random_state=seed)
    return inner


def check_settings(estimator: Any, *, allows_auto: bool = False) -> None:
    """Check every parameter that needs no data; raise TypeError or ValueError.

    `allows_auto` permits ``"auto"`` as ``max_epochs`` and ``learning_rate``.
    """
    owner, trainer = type(estimator).__name__, trainer_of(estimator)
    if not isinstance(trainer, training.Trainer):
        raise TypeError(
            f"{owner}: trainer must be a Trainer or None, got {trainer!r}. "
            "Import it from ecgsk.training."
        )
    trainer.check()
    engine.resolve_device(estimator.device)
    engine.resolve_batch_size(estimator.batch_size, 1)
    augmentation = estimator.augmentation
    if augmentation is not None and not isinstance(augmentation, training.Augmentation):
        raise TypeError(f"{owner}: augmentation must be an Augmentation, got {augmentation!r}.")
    auto = "'auto' or " if allows_auto else ""
    checks: dict[str, tuple[Callable[[Any], bool], str]] = {
        "max_epochs": (_or_auto(is_count, allows_auto), f"{auto}a positive int"),
        "learning_rate": (_or_auto(_is_positive, allows_auto), f"{auto}a positive number"),
        "early_stopping": (_or_auto(_is_bool, True), "True, False or 'auto'"),
        "verbose": (_is_verbosity, "None, False, True or an int of 0 or more"),
        "clinical_columns": (lambda names: not isinstance(names, str), "None or a list of names"),
        "group_column": (lambda name: not is_list_like(name), "the name of one column"),
    }
    for name, (is_right, expected) in checks.items():
        value = getattr(estimator, name)
        if not is_right(value):
            raise ValueError(f"{owner}: {name} must be {expected}, got {value!r}.")


def settings_text(estimator: Any) -> str:
    """Return the parameters that the result of a fit depends on, as text."""
    return repr(
        [
            # Parameters of a nested estimator have entries of their own.
            (name, type(value).__name__ if hasattr(value, "get_params") else repr(value))
            for name, value in sorted(estimator.get_params(deep=True).items())
            if not set(name.split("__")) & set(_WITHOUT_EFFECT)
        ]
    )


def draw_seed(estimator: Any) -> int:
    """Draw the seed of a fit from ``random_state``, once, as that may be a generator.

    Raises ValueError if the fit must be repeatable and has no ``random_state``.
    """
    for name, is_set in (
        ("checkpoint_folder", trainer_of(estimator).checkpoint_folder is not None),
        ("device='accelerate'", estimator.device == "accelerate"),
    ):
        if is_set and estimator.random_state is None:
            raise ValueError(
                f"{type(estimator).__name__}: {name} needs a random_state, so that the fit can be "
                "repeated. Set one, such as random_state=0."
            )
    return int(check_random_state(estimator.random_state).randint(2**31 - 1))


def _or_auto(check: Callable[[Any], bool], allows_auto: bool) -> Callable[[Any], bool]:
    """Return a check that accepts ``"auto"`` too, and no other text."""
    return lambda value: allows_auto and value == "auto" if isinstance(value, str) else check(value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


def _is_verbosity(value: Any) -> bool:
    return value is None or (isinstance(value, (bool, int, np.integer)) and bool(value >= 0))


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(0 < value < np.inf)
