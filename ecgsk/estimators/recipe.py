"""Recipe of stage (ii): the choices that ``"auto"`` makes for a classifier and its data."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

from ecgsk import encoders
from ecgsk.exceptions import RecipeWarning

# docs/recipes.md has the measurements behind these numbers.
MIN_LABELLED_FOR_DISTILLATION = 200
MIN_LABELLED_FOR_FULL_TRAINING = 1000
# Epochs and peak learning rate. A head that starts from a probe needs few and small steps;
# larger ones overwrite the pre-training.
_FROM_SCRATCH, _FINE_TUNING, _FROM_PROBE = (20, 3e-3), (10, 3e-3), (5, 1e-3)
# A 5-fold split fits on 80 % of the records, and the refit after a search on 125 % of those.
_FOLD_SIZES = (0.8, 1.25)


@dataclass(frozen=True)
class Task:
    """Properties of the training data that a recipe depends on.

    `encoder` is None for a model of the table alone. `is_pretrained` is True if it has trained
    weights before stage (ii). `n_labelled` is a sum of weights.
    """

    encoder: encoders.Encoder | None
    is_pretrained: bool
    has_table: bool
    is_multilabel: bool
    n_labelled: float
    n_labelled_patients: int


@dataclass(frozen=True)
class Recipe:
    """Mode, epochs and learning rate of stage (ii).

    Attributes
    ----------
    fine_tune : {"probe", "probe_then_full", "full", "distill"}
        Mode of training.
    max_epochs : int
        Epochs; 0 for a probe.
    learning_rate : float
        Peak of the one-cycle schedule.
    from_scratch : bool
        Whether the encoder starts from fresh weights.
    reason : str
        Reason of the mode, as text.
    """

    fine_tune: str
    max_epochs: int
    learning_rate: float
    from_scratch: bool
    reason: str

    @property
    def distils(self) -> bool:
        """True if rows without labels are used, through their tables."""
        return self.fine_tune == "distill"


def resolve_recipe(classifier: Any, task: Task) -> Recipe:
    """Resolve ``fine_tune``, ``max_epochs`` and ``learning_rate`` of a classifier.

    Raises ValueError if a requirement of ``fine_tune="distill"`` is missing.
    """
    fine_tune, reason = _fine_tune(classifier, task)
    if fine_tune == "probe_then_full":
        epochs, learning_rate = _FROM_PROBE
    else:
        epochs, learning_rate = _FINE_TUNING if task.is_pretrained else _FROM_SCRATCH
    if classifier.max_epochs != "auto":
        epochs = int(classifier.max_epochs)
    if classifier.learning_rate != "auto":
        learning_rate = float(classifier.learning_rate)
    epochs = 0 if fine_tune == "probe" else epochs
    return Recipe(fine_tune, epochs, learning_rate, not task.is_pretrained, reason)


def warn_near_threshold(classifier: Any, task: Task, recipe: Recipe) -> None:
    """Warn if ``"auto"`` chooses another mode for a fold, or for the refit of a search."""
    for factor in _FOLD_SIZES:
        resized = replace(task, n_labelled=factor * task.n_labelled)
        other, _ = _fine_tune(classifier, resized)
        if other != recipe.fine_tune:
            warnings.warn(
                f"{type(classifier).__name__}: fine_tune='auto' chose {recipe.fine_tune!r} for "
                f"{task.n_labelled:.0f} labelled records, and chooses {other!r} for "
                f"{resized.n_labelled:.0f}. Folds of a cross-validation and the fit on all rows "
                f"may train differently: set fine_tune={recipe.fine_tune!r} to compare them.",
                RecipeWarning,
                stacklevel=5,
            )
            return


def _fine_tune(classifier: Any, task: Task) -> tuple[str, str]:
    """Return the mode of fine-tuning, and its reason."""
    can_distil = (
        classifier.inputs == "ecg"
        and task.has_table
        and task.is_multilabel
        and task.n_labelled_patients > 1
    )
    if classifier.fine_tune == "distill" and not can_distil:
        raise ValueError(
            f"{type(classifier).__name__}: fine_tune='distill' needs inputs='ecg', clinical "
            "columns in X, several columns in y and labels of two patients or more; got "
            f"inputs={classifier.inputs!r}, {'a' if task.has_table else 'no'} table, "
            f"{'many labels' if task.is_multilabel else 'one class per record'} and "
            f"{task.n_labelled_patients} labelled patients. Use fine_tune='auto'."
        )
    if classifier.fine_tune != "auto":
        return classifier.fine_tune, "asked for"
    few = task.n_labelled < MIN_LABELLED_FOR_FULL_TRAINING
    size = f"{'fewer' if few else 'not fewer'} than {MIN_LABELLED_FOR_FULL_TRAINING} labels"
    if task.encoder is None:
        return ("probe" if few else "full"), f"a table alone with {size}"
    if not task.encoder.trains:
        return "probe", "the encoder has no weights to train"
    if not task.is_pretrained:
        return "full", "the encoder is not pre-trained"
    # Without a table, pre-training was on the ECG alone or on other patients; a probe of
    # either is worse than full training.
    if not task.has_table:
        return "full", "X has no clinical columns"
    if can_distil and task.n_labelled >= MIN_LABELLED_FOR_DISTILLATION:
        return "distill", f"a table and {MIN_LABELLED_FOR_DISTILLATION} labelled records or more"
    return ("probe" if few else "probe_then_full"), f"a pre-trained encoder with {size}"
