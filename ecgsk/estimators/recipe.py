"""Recipe of stage (ii): the choices that ``"auto"`` makes for a classifier and its data."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

from ecgsk import encoders
from ecgsk.exceptions import RecipeWarning

# Modes without epochs, and modes whose targets are a teacher's.
PROBES, TEACHERS = ("probe", "late_fusion"), ("distill", "self_train")
# docs/benchmarks/recipes.md has the measurements behind these numbers.
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

    `encoder` is None for a model of the table alone. `is_pretrained` is True if it, or the
    teacher of a student, has trained weights before stage (ii). `n_labelled` is a sum of weights.
    """

    encoder: encoders.Encoder | None
    is_pretrained: bool
    has_table: bool
    is_multilabel: bool
    n_labelled: float
    n_labelled_patients: int
    has_student: bool = False

    @property
    def has_features(self) -> bool:
        """True if a probe can be fitted before training: features are trained, or never are."""
        return self.encoder is None or self.is_pretrained or not self.encoder.trains


@dataclass(frozen=True)
class Recipe:
    """Mode, epochs and learning rate of stage (ii).

    .. versionadded:: 0.1

    Attributes
    ----------
    fine_tune : {"probe", "late_fusion", "probe_then_full", "full", "distill", "self_train"}
        Mode of training.
    max_epochs : int
        Epochs; 0 for a probe or late fusion.
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
        """True if rows without labels are used through their tables."""
        return self.fine_tune == "distill"

    @property
    def has_teacher(self) -> bool:
        """True if targets are a teacher's, of every row."""
        return self.fine_tune in TEACHERS

    @property
    def trains(self) -> bool:
        """True if there are epochs of training."""
        return self.fine_tune not in PROBES


def resolve_recipe(classifier: Any, task: Task) -> Recipe:
    """Resolve ``fine_tune``, ``max_epochs`` and ``learning_rate`` of a classifier.

    Raises ValueError if a requirement of the mode is missing.
    """
    fine_tune, reason = _fine_tune(classifier, task)
    from_scratch = not task.is_pretrained or task.has_student
    if fine_tune == "probe_then_full":
        epochs, learning_rate = _FROM_PROBE
    else:
        epochs, learning_rate = _FROM_SCRATCH if from_scratch else _FINE_TUNING
    if classifier.max_epochs != "auto":
        epochs = int(classifier.max_epochs)
    if classifier.learning_rate != "auto":
        learning_rate = float(classifier.learning_rate)
    epochs = 0 if fine_tune in PROBES else epochs
    return Recipe(fine_tune, epochs, learning_rate, from_scratch, reason)


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
    asked = classifier.fine_tune
    if asked in TEACHERS or task.has_student:
        _check_teacher(classifier, task)
    if asked == "late_fusion" and classifier.inputs != "ecg+clinical":
        raise ValueError(
            f"{type(classifier).__name__}: fine_tune='late_fusion' is of ECG and table, and needs "
            f"inputs='ecg+clinical'; got inputs={classifier.inputs!r}. Use fine_tune='auto'."
        )
    if asked == "probe_then_full" and not task.has_features:
        return "full", "asked for a probe first, but the encoder is not pre-trained"
    if asked != "auto":
        return asked, "asked for"
    if task.has_student:
        return (
            ("distill", "a student, X with a table")
            if task.has_table
            else ("self_train", "a student, X without clinical columns")
        )
    return _auto(classifier, task)


def _auto(classifier: Any, task: Task) -> tuple[str, str]:
    """Return the mode that ``"auto"`` is, without a student, and its reason."""
    few = task.n_labelled < MIN_LABELLED_FOR_FULL_TRAINING
    size = f"{'fewer' if few else 'not fewer'} than {MIN_LABELLED_FOR_FULL_TRAINING} labels"
    if task.encoder is None:
        return ("probe" if few else "full"), f"a table alone with {size}"
    if classifier.inputs == "ecg+clinical" and task.has_features:
        return "late_fusion", "linear heads on ECG and table, together and apart"
    if not task.encoder.trains:
        return "probe", "the encoder has no weights to train"
    if not task.is_pretrained:
        return "full", "the encoder is not pre-trained"
    # Without a table, pre-training was on the ECG alone or on other patients; a probe of
    # either is worse than full training.
    if not task.has_table:
        return "full", "X has no clinical columns"
    if _can_teach(task) and task.n_labelled >= MIN_LABELLED_FOR_DISTILLATION:
        return "distill", f"a table and {MIN_LABELLED_FOR_DISTILLATION} labelled records or more"
    return ("probe" if few else "probe_then_full"), f"a pre-trained encoder with {size}"


def _can_teach(task: Task) -> bool:
    """Return whether a teacher can be cross-fitted by patient."""
    return task.is_multilabel and task.n_labelled_patients > 1


def _check_teacher(classifier: Any, task: Task) -> None:
    """Raise ValueError if a mode with a teacher, or a student, cannot be trained."""
    owner, mode = type(classifier).__name__, classifier.fine_tune
    what = "a student" if task.has_student else f"fine_tune={mode!r}"
    needs_table = mode == "distill"
    needs_features = task.has_student or mode == "self_train"
    trains = task.encoder is not None and task.encoder.trains
    facts = {
        "inputs='ecg'": classifier.inputs == "ecg",
        "several columns in y": task.is_multilabel,
        "labels of two patients or more": task.n_labelled_patients > 1,
        "clinical columns in X": task.has_table or not needs_table,
        "a pre-trained encoder": task.is_pretrained or not needs_features,
        "a student with weights to train": not task.has_student or trains,
        "fine_tune 'auto', 'distill' or 'self_train'": mode in ("auto", *TEACHERS),
    }
    if missing := [name for name, is_met in facts.items() if not is_met]:
        raise ValueError(
            f"{owner}: {what} needs {', '.join(missing)}; got inputs={classifier.inputs!r}, "
            f"{'a' if task.has_table else 'no'} table, "
            f"{'many labels' if task.is_multilabel else 'one class per record'}, "
            f"{task.n_labelled_patients} labelled patients, a "
            f"{'' if task.is_pretrained else 'not '}pre-trained encoder and fine_tune={mode!r}. "
            f"Use fine_tune='auto'{', student=None' if task.has_student else ''}."
        )
