"""Settings of the training engine that are rarely tuned."""

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ecgsk.exceptions import ECGError

PRECISIONS = ("auto", "float32", "bfloat16")


class Trainer(BaseEstimator):
    """Settings of the training engine, as a spec like the encoders.

    An estimator takes it as ``trainer=Trainer(...)``; None is ``Trainer()``, or, of a
    pretrainer inside another estimator, that estimator's. A search over its parameters
    needs an instance: ``ECGDiagnosisClassifier(trainer=Trainer())`` with the grid
    ``{"trainer__weight_decay": [0.0, 0.02]}``.

    .. versionadded:: 0.1

    Parameters
    ----------
    weight_decay : float, default=0.02
        Weight decay of AdamW.
    validation_fraction : float, default=0.1
        Share of the patients held out where training stops early.
    n_iter_no_change : int, default=10
        Epochs without a lower validation loss after which training stops.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the training steps. ``"auto"`` is bfloat16 where the hardware
        multiplies in it; a GPU that emulates it gets float32. Predictions are float32.
    compile : bool, default=False
        Compile the encoder with ``torch.compile`` for training, which takes about half a
        minute first. Not measured on a GPU.
    accumulation_steps : int, default=1
        Parts in which a batch goes through the network, where a whole batch does not
        fit into memory. A contrastive objective compares the records of one part.
    callbacks : sequence of skorch.callbacks.Callback or None, default=None
        Further callbacks. An ``EarlyStopping`` ends training; a KeyboardInterrupt of any other
        callback comes out of ``fit``.
    checkpoint_folder : path-like or None, default=None
        Folder in which the state of the fit is stored after every epoch. The same fit,
        started again after an interruption, resumes there and ends with the same weights
        bit by bit. A finished fit is not repeated. Needs a ``random_state``. Fits of a
        search may share one folder.

    Examples
    --------
    >>> from ecgsk import ECGDiagnosisClassifier
    >>> from ecgsk.training import Trainer
    >>> model = ECGDiagnosisClassifier(trainer=Trainer(precision="float32"))
    >>> model.set_params(trainer__weight_decay=0.1).trainer
    Trainer(precision='float32', weight_decay=0.1)
    """

    def __init__(
        self,
        *,
        weight_decay: float = 0.02,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        precision: str = "auto",
        compile: bool = False,
        accumulation_steps: int = 1,
        callbacks: Sequence[Any] | None = None,
        checkpoint_folder: str | PathLike | None = None,
    ):
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.precision = precision
        self.compile = compile
        self.accumulation_steps = accumulation_steps
        self.callbacks = callbacks
        self.checkpoint_folder = checkpoint_folder

    def check(self) -> None:
        """Raise if a setting cannot be used.

        Raises
        ------
        ECGError
            With the setting, the expected and the given value.
        """
        is_number = isinstance(self.weight_decay, (int, float, np.number))
        checks: list[tuple[str, bool, str]] = [
            ("weight_decay", is_number and 0 <= self.weight_decay < np.inf, "0 or more"),
            ("validation_fraction", _is_share(self.validation_fraction), "in (0, 1)"),
            ("n_iter_no_change", is_count(self.n_iter_no_change), "a positive int"),
            ("precision", self.precision in PRECISIONS, "'auto', 'float32' or 'bfloat16'"),
            ("compile", isinstance(self.compile, (bool, np.bool_)), "True or False"),
            ("accumulation_steps", is_count(self.accumulation_steps), "a positive int"),
            (
                "callbacks",
                self.callbacks is None
                or (
                    isinstance(self.callbacks, (list, tuple))
                    and all(map(_is_callback, self.callbacks))
                ),
                "None or skorch callbacks in a list",
            ),
            (
                "checkpoint_folder",
                self.checkpoint_folder is None or _can_write(self.checkpoint_folder),
                "None or a folder that can be written to",
            ),
        ]
        for name, is_right, expected in checks:
            if not is_right:
                raise ECGError(f"Trainer: {name} must be {expected}, got {getattr(self, name)!r}.")

    @property
    def result_settings(self) -> tuple[Any, ...]:
        """Settings that the weights depend on."""
        return (
            self.weight_decay,
            self.validation_fraction,
            self.n_iter_no_change,
            self.precision,
            self.compile,
            self.accumulation_steps,
        )


def is_count(value: Any) -> bool:
    """Return whether a value is an int of 1 or more."""
    is_int = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return is_int and bool(value >= 1)


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(0 < value < 1)


def _can_write(folder: Any) -> bool:
    """Return whether a folder is writable, or can be made."""
    if not isinstance(folder, (str, PathLike)):
        return False
    place = Path(folder).absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place.is_dir() and os.access(place, os.W_OK | os.X_OK)


def _is_callback(value: Any) -> bool:
    from skorch.callbacks import Callback  # with torch, two seconds: only where there are some

    if (
        isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)
    ):  # skorch's (name, callback)
        value = value[1]
    return isinstance(value, Callback) or (isinstance(value, type) and issubclass(value, Callback))
