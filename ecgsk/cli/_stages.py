"""Fit and calibrate the three stages on the patients of one cohort."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from ecgsk.calibration import MultilabelCalibrator
from ecgsk.cli._output import say
from ecgsk.datasets import Cohort
from ecgsk.estimators import (
    ECGDiagnosisClassifier,
    JointEmbeddingPretrainer,
    LabAbnormalityExplainer,
)
from ecgsk.exceptions import ECGError
from ecgsk.model_selection import check_patient_split, patient_split
from ecgsk.preprocessing import LabAbnormality

# With fewer, neither a calibration nor a patient bootstrap is possible.
_MIN_PATIENTS = 2
# Share of patients that a random split holds out.
VAL_SIZE = 0.3
_VALIDATION_PARTS = ("val", "valid", "validation")


@dataclass(frozen=True)
class Sides:
    """Rows of a cohort for training, calibration and scores; no patient is on two sides.

    Calibration sets probabilities and thresholds, so scores need other patients.
    """

    train: np.ndarray
    calibration: np.ndarray
    test: np.ndarray
    source: str

    def items(self) -> list[tuple[str, np.ndarray]]:
        """Return name and rows of each side."""
        return [("training", self.train), ("calibration", self.calibration), ("test", self.test)]


@dataclass(frozen=True)
class StageTargets:
    """Targets to learn: each has both classes among the training patients."""

    diagnoses: pd.DataFrame | None
    laboratories: pd.DataFrame | None
    reference_ranges: pd.DataFrame | None


@dataclass(frozen=True)
class StageData:
    """Cohort, targets to learn from it, and the sides of its rows."""

    cohort: Cohort
    targets: StageTargets
    sides: Sides


@dataclass(frozen=True)
class FittedStages:
    """Fitted stages and the model that predicts with them.

    `calibrator` is that of the diagnoses; None without diagnoses or calibration.
    """

    model: Pipeline
    encoder: ECGDiagnosisClassifier | JointEmbeddingPretrainer
    explainer: LabAbnormalityExplainer | None
    calibrator: MultilabelCalibrator | None
    seconds: float

    @property
    def classifier(self) -> ECGDiagnosisClassifier | None:
        """Fitted classifier; None without diagnoses."""
        return self.encoder if isinstance(self.encoder, ECGDiagnosisClassifier) else None


def choose_sides(
    cohort: Cohort,
    *,
    val_fold: Sequence[int] = (),
    test_fold: Sequence[int] = (),
    val_size: float = VAL_SIZE,
    seed: int = 0,
) -> Sides:
    """Split a cohort by patient: by folds, by its own split, or at random.

    Held-out patients are halved where only one group of them is named: one half calibrates,
    the other is scored.
    """
    if val_fold:
        sides = _sides_of_folds(cohort, val_fold, test_fold, seed)
    else:
        own = _sides_of_split(cohort, seed)
        if own and val_size != VAL_SIZE:
            say("--val-size has no effect: the cohort has its own split.")
        sides = own or _random_sides(cohort, val_size, seed)
    check_patient_split(cohort.groups, *(rows for _, rows in sides.items()))
    n_patients = cohort.groups.iloc[sides.calibration].nunique()
    if n_patients < _MIN_PATIENTS:
        raise ECGError(
            f"ecgsk train: expected at least {_MIN_PATIENTS} patients to calibrate on; got "
            f"{n_patients}. Hold out more, by --val-size or more folds as --val-fold."
        )
    return sides


def _sides_of_folds(
    cohort: Cohort, val_fold: Sequence[int], test_fold: Sequence[int], seed: int
) -> Sides:
    known = sorted(cohort.folds.unique().tolist())
    for name, folds in (("val_fold", val_fold), ("test_fold", test_fold)):
        if absent := [fold for fold in folds if fold not in known]:
            raise ECGError(
                f"ecgsk train: expected folds of the cohort as {name}, {known}; got {absent[0]}."
            )
    if both := sorted(set(val_fold) & set(test_fold)):
        raise ECGError(
            f"ecgsk train: fold {both[0]} is in val_fold and in test_fold. Name it once: patients "
            "that set thresholds cannot be scored."
        )
    held_out = cohort.folds.isin([*val_fold, *test_fold]).to_numpy()
    if held_out.all():
        raise ECGError("ecgsk train: val_fold and test_fold leave no fold to train on.")
    calibration = np.flatnonzero(cohort.folds.isin(val_fold))
    text = f"fold {', '.join(map(str, val_fold))} of the cohort"
    if test_fold:
        test = np.flatnonzero(cohort.folds.isin(test_fold))
        source = f"calibration: {text}; test: fold {', '.join(map(str, test_fold))}"
    else:
        calibration, test = _halves(cohort, calibration, seed)
        source = f"calibration and test: halves, by patient, of {text}"
    return Sides(np.flatnonzero(~held_out), calibration, test, source)


def _sides_of_split(cohort: Cohort, seed: int) -> Sides | None:
    """Return the sides of the cohort's own split; None where too few are held out."""
    parts = cohort.get("split")
    if parts is None:
        return None
    train, val, test = (
        np.flatnonzero(parts.isin(names)) for names in (("train",), _VALIDATION_PARTS, ("test",))
    )
    if not len(train) or not len(val) + len(test):
        return None
    source = "the cohort's own split: calibration on val, scores on test"
    if not (len(val) and len(test)):
        source = f"the cohort's own split; its part {'val' if len(val) else 'test'} is halved by "
        source += "patient into calibration and test"
        held_out = np.concatenate([val, test])
        if cohort.groups.iloc[held_out].nunique() < 2:
            return None
        val, test = _halves(cohort, held_out, seed)
    known = _known_targets(cohort)
    n_patients = min(cohort.groups.iloc[rows[known[rows]]].nunique() for rows in (val, test))
    if n_patients < _MIN_PATIENTS:
        say(
            "The cohort's own split holds out too few patients with known diagnoses or laboratory "
            "values. Using a random split by patient instead."
        )
        return None
    return Sides(train, val, test, source)


def _random_sides(cohort: Cohort, val_size: float, seed: int) -> Sides:
    n_patients = cohort.groups.nunique()
    if n_patients < 2 * _MIN_PATIENTS:
        raise ECGError(
            f"ecgsk train: expected at least {2 * _MIN_PATIENTS} patients, to train on some, "
            f"calibrate on others and score on others; the cohort has {n_patients}."
        )
    n_held_out = max(round(val_size * n_patients), 2)
    train, held_out = split_rows(cohort, np.arange(len(cohort.X)), n_held_out, seed)
    calibration, test = _halves(cohort, held_out, seed)
    source = f"{val_size:.0%} of the patients at random, halved into calibration and test"
    return Sides(train, calibration, test, source)


def _halves(cohort: Cohort, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if cohort.groups.iloc[rows].nunique() < 2:
        raise ECGError(
            "ecgsk train: expected at least 2 held-out patients, to calibrate on one and score on "
            "the other. Name more folds."
        )
    return split_rows(cohort, rows, 0.5, seed)


def split_rows(
    cohort: Cohort, rows: np.ndarray, size: float | int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows by patient, with balanced labels where there are enough patients."""
    groups, Y = cohort.groups.iloc[rows], cohort.Y.iloc[rows]
    if Y.shape[1] and Y.notna().any(axis=None):
        with suppress(ECGError):  # too few patients to balance the labels
            first, second = patient_split(groups, test_size=size, random_state=seed, Y=Y)
            return rows[first], rows[second]
    first, second = patient_split(groups, test_size=size, random_state=seed)
    return rows[first], rows[second]


def _known_targets(cohort: Cohort) -> np.ndarray:
    tables = [cohort.Y, cohort.labs, cohort.get("lab_abnormalities", cohort.labs)]
    return np.any([table.notna().any(axis=1).to_numpy() for table in tables], axis=0)


def read_targets(cohort: Cohort, train: np.ndarray, *, pretrain: bool = True) -> StageTargets:
    """Select the diagnoses and laboratory abnormalities with both classes in training.

    Raise ECGError where there is none, or none that trains an encoder without pre-training.
    """
    diagnoses = _learnable(cohort.Y, train, "diagnoses")
    abnormal, ranges = cohort.get("lab_abnormalities"), cohort.reference_ranges
    if abnormal is None and cohort.labs.shape[1]:
        abnormal = LabAbnormality(ranges).fit_transform(cohort.labs)
    laboratories = None
    if abnormal is not None:
        laboratories = _learnable(abnormal, train, "laboratory abnormalities")
    if diagnoses is None and laboratories is None:
        raise ECGError(
            "ecgsk train: the cohort has nothing to learn: no diagnosis and no laboratory value "
            "with a reference range is known as present in some and as absent in other training "
            "patients. Add diagnoses or laboratory values to the cohort; to pre-train an encoder "
            "without them, use JointEmbeddingPretrainer in Python."
        )
    if diagnoses is None and not pretrain:
        raise ECGError(
            "ecgsk train: without pre-training and without diagnoses nothing trains the encoder. "
            "Leave out --no-pretrain, or add diagnoses to the cohort."
        )
    return StageTargets(diagnoses, laboratories, ranges if len(ranges) else None)


def _learnable(frame: pd.DataFrame, train: np.ndarray, kind: str) -> pd.DataFrame | None:
    """Return the columns with both classes in training; say which are left out."""
    values = frame.iloc[train].to_numpy(dtype=float, na_value=np.nan)
    chosen = (values == 0).any(axis=0) & (values == 1).any(axis=0)
    if left_out := frame.columns[~chosen].map(str).tolist():
        names = ", ".join(left_out[:5]) + (", ..." if len(left_out) > 5 else "")
        say(
            f"Left out, as all training patients with a known value have the same: "
            f"{len(left_out)} of {frame.shape[1]} {kind} ({names})."
        )
    return frame.loc[:, chosen].rename(columns=str) if chosen.any() else None


def fit_stages(
    steps: Pipeline,
    X: pd.DataFrame,
    data: StageData,
    *,
    pretrainer: JointEmbeddingPretrainer | None,
    classifier: ECGDiagnosisClassifier,
    explainer: LabAbnormalityExplainer,
) -> FittedStages:
    """Fit the stages on training patients and calibrate them on the calibration patients.

    Parameters
    ----------
    steps : Pipeline
        Fitted preprocessing of `X`, to be saved with the model.
    X : DataFrame
        Preprocessed records of the cohort.
    data : StageData
        Cohort, targets and sides.
    pretrainer : JointEmbeddingPretrainer or None
        Unfitted; None leaves stage (i) out.
    classifier, explainer : unfitted estimators
        A stage without targets is left out. A stage that is fitted inside another is checked
        with it before the first training step.
    """
    start = time.perf_counter()
    encoder: Any = pretrainer
    groups, targets, train = data.cohort.groups, data.targets, data.sides.train
    if targets.diagnoses is not None:
        classifier.set_params(encoder=classifier.encoder if pretrainer is None else pretrainer)
        encoder = classifier.fit(
            X.iloc[train], targets.diagnoses.iloc[train], groups=groups.iloc[train]
        )
    if targets.laboratories is not None:
        frozen = encoder if encoder is pretrainer else FrozenEstimator(encoder)
        explainer.set_params(encoder=frozen, reference_ranges=targets.reference_ranges)
        fit_explainer(explainer, X, data)
        model = Pipeline([*steps.steps, ("lababnormalityexplainer", explainer)])
        seconds = time.perf_counter() - start
        calibrator = explainer.diagnosis_calibrator_
        return FittedStages(model, explainer.encoder_, explainer, calibrator, seconds)
    calibrator, last = None, ("ecgdiagnosisclassifier", encoder)
    if (known := _held_out_diagnoses(data)) is not None:
        calibrator = MultilabelCalibrator(FrozenEstimator(encoder), coverage=explainer.coverage)
        rows = data.sides.calibration
        last = (
            "multilabelcalibrator",
            calibrator.fit(X.iloc[rows], known, groups=groups.iloc[rows]),
        )
    seconds = time.perf_counter() - start
    return FittedStages(Pipeline([*steps.steps, last]), encoder, None, calibrator, seconds)


def fit_explainer(
    explainer: LabAbnormalityExplainer, X: pd.DataFrame, data: StageData
) -> LabAbnormalityExplainer:
    """Fit stage (iii) on training patients; calibrate it and the diagnoses on held-out ones."""
    groups, train, held_out = data.cohort.groups, data.sides.train, data.sides.calibration
    Y, labs = data.targets.diagnoses, data.targets.laboratories
    assert labs is not None  # the caller has laboratories
    explainer.fit(
        X.iloc[train],
        labs.iloc[train],
        diagnoses=None if Y is None else Y.iloc[train],
        groups=groups.iloc[train],
    )
    if not labs.iloc[held_out].notna().any(axis=None):
        say("Not calibrated: no laboratory value of a calibration patient is known.")
        return explainer
    known = _held_out_diagnoses(data)
    return explainer.calibrate(
        X.iloc[held_out], labs.iloc[held_out], known, groups=groups.iloc[held_out]
    )


def _held_out_diagnoses(data: StageData) -> pd.DataFrame | None:
    """Return the diagnoses of calibration patients; None if none is known."""
    if data.targets.diagnoses is None:
        return None
    Y = data.targets.diagnoses.iloc[data.sides.calibration]
    if Y.notna().any(axis=None):
        return Y
    say("Diagnoses are not calibrated: none of a calibration patient is known.")
    return None
