"""Parameters that estimators share: checked in one place, inherited by nested estimators."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from ecgsk.training import Augmentation, Trainer
from ecgsk.training.device import resolve_device
from ecgsk.training.fitting import resolve_batch_size
from ecgsk.training.trainer import is_count

# Parameters that a nested, unfitted estimator inherits from the outer one.
_INHERITED = ("trainer", "device", "verbose")
# Parameters that change how a fit runs and not its result, or whose text changes.
_WITHOUT_EFFECT = ("trainer", "callbacks", "checkpoint_folder", "device", "verbose")


def trainer_of(estimator: Any) -> Trainer:
    """Return the trainer of an estimator; the default where it is None."""
    return Trainer() if estimator.trainer is None else estimator.trainer


def inherit_settings(inner: Any, outer: Any, seed: int) -> Any:
    """Clone a nested estimator; fill its unset parameters from the outer one and `seed`."""
    inner = clone(inner)
    unset = [name for name in _INHERITED if getattr(inner, name) is None]
    inner.set_params(**{name: clone(getattr(outer, name), safe=False) for name in unset})
    if inner.random_state is None:
        inner.set_params(random_state=seed)
    return inner


def check_settings(estimator: Any) -> None:
    """Check every parameter that needs no data; raise TypeError or ValueError."""
    owner, trainer = type(estimator).__name__, trainer_of(estimator)
    if not isinstance(trainer, Trainer):
        raise TypeError(
            f"{owner}: trainer must be a Trainer or None, got {trainer!r}. "
            "Import it from ecgsk.training."
        )
    trainer.check()
    resolve_device(estimator.device)
    resolve_batch_size(estimator.batch_size, 1)
    augmentation = estimator.augmentation
    if augmentation is not None and not isinstance(augmentation, Augmentation):
        raise TypeError(f"{owner}: augmentation must be an Augmentation, got {augmentation!r}.")
    automatic = type(estimator)().max_epochs == "auto"
    or_auto = "'auto' or " if automatic else ""
    early_stopping, verbose = estimator.early_stopping, estimator.verbose
    checks = {
        "max_epochs": (_is_auto_or(is_count, estimator.max_epochs, automatic), "a positive int"),
        "learning_rate": (
            _is_auto_or(_is_positive, estimator.learning_rate, automatic),
            "a positive number",
        ),
    }
    for name, (is_right, expected) in checks.items():
        if not is_right:
            raise _wrong(estimator, name, or_auto + expected)
    if not (isinstance(early_stopping, (bool, np.bool_)) or early_stopping == "auto"):
        raise _wrong(estimator, "early_stopping", "True, False or 'auto'")
    if not (verbose is None or (isinstance(verbose, (bool, int, np.integer)) and verbose >= 0)):
        raise _wrong(estimator, "verbose", "None, False, True or an int of 0 or more")
    for name in ("group_column", "clinical_columns"):
        _check_column_names(estimator, name)


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


def _check_column_names(estimator: Any, name: str) -> None:
    value = getattr(estimator, name)
    if name == "clinical_columns" and isinstance(value, str):
        raise _wrong(estimator, name, f"None or a list of column names, such as [{value!r}]")
    if name == "group_column" and isinstance(value, (list, dict, set)):
        raise _wrong(estimator, name, "the name of one column")


def _wrong(estimator: Any, name: str, expected: str) -> ValueError:
    value = getattr(estimator, name)
    return ValueError(f"{type(estimator).__name__}: {name} must be {expected}, got {value!r}.")


def _is_auto_or(check: Any, value: Any, automatic: bool) -> bool:
    if isinstance(value, str):
        return automatic and value == "auto"
    return check(value)


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(0 < value < np.inf)
