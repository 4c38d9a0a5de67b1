"""Laboratory targets, diagnoses and reference ranges of the explainer, checked."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ecgsk._patients import number_patients
from ecgsk.checks.findings import name_columns
from ecgsk.checks.fitting import (
    check_column_names,
    check_patient_column,
    check_training_table,
    warn_of_reference_ranges,
)
from ecgsk.checks.roles import split_roles
from ecgsk.estimators._targets import Targets, read_targets
from ecgsk.exceptions import ECGError, TableWarning
from ecgsk.preprocessing import LabAbnormality
from ecgsk.signals.columns import find_ecg_column

_DIRECTIONS = ("low", "high")
# Text with more levels, such as an address, is no covariate.
_N_LEVELS = 5
# Levels of fewer patients are not named in the model.
_MIN_PATIENTS = 10


def are_lab_targets(names: Any) -> bool:
    """Return whether all names are laboratory targets, such as ``"potassium high"``."""
    return names is not None and all(str(name).rsplit(" ", 1)[-1] in _DIRECTIONS for name in names)


def read_lab_targets(y: Any, reference_ranges: Any, n_records: int, owner: str) -> Targets:
    """Return targets; compare laboratory values with their reference ranges first.

    Raises ValueError for values without reference ranges, or invalid targets.
    """
    if isinstance(y, pd.DataFrame) and not are_lab_targets(y.columns):
        if reference_ranges is None:
            some = ", ".join(map(str, y.columns[:3]))
            raise ValueError(
                f"{owner}: y holds laboratory values ({some}, ...); give reference_ranges=, or "
                "pass 0/1/NaN targets named '... low' and '... high'."
            )
        y = LabAbnormality(reference_ranges).fit_transform(y)
    return read_targets(y, n_records, owner)


def warn_of_targets(targets: Targets, encoder: Any, owner: str) -> None:
    """Warn of unmeasured targets, wrong reference ranges, and targets as inputs."""
    names = targets.label_names
    if names is not None:
        _warn_of_unmeasured(owner, names, targets.values)
    if names is None or not are_lab_targets(names):
        return
    warn_of_reference_ranges(owner, pd.DataFrame(targets.values, columns=names), stacklevel=4)
    laboratories = dict.fromkeys(name.rpartition(" ")[0] for name in names)
    inputs = encoder.clinical_columns_ if getattr(encoder, "scaler_", None) else []
    is_read = "clinical" in getattr(encoder, "inputs", "ecg")
    if is_read and (same := [name for name in laboratories if name in inputs]):
        warnings.warn(
            f"{owner}: the encoder uses {', '.join(map(repr, same[:5]))} of the table, and y "
            "holds targets of the same laboratories. If their values are equal, the targets are "
            "among the inputs. Use an encoder with inputs='ecg', or leave the columns out of "
            "clinical_columns=.",
            TableWarning,
            stacklevel=4,
        )


def _warn_of_unmeasured(owner: str, names: list[str], values: np.ndarray) -> None:
    """Warn of targets without a value: their heads have nothing to fit."""
    unmeasured = np.isnan(values).all(axis=0)
    if unmeasured.any():
        warnings.warn(
            f"{owner}: no record has a value of {name_columns(np.array(names)[unmeasured])}, so "
            "the predicted probability is 0.5 for every ECG. Leave the laboratory out of y.",
            TableWarning,
            stacklevel=5,
        )


def read_same_targets(
    y: Any, reference_ranges: Any, n_records: int, owner: str, names: list[str] | None
) -> pd.DataFrame:
    """Return targets as 0, 1 and NaN, with the names of ``fit`` as columns."""
    targets = read_lab_targets(y, reference_ranges, n_records, owner)
    if names is None or targets.label_names != names:
        raise ECGError(
            f"{owner} expected the targets of fit, {_first(names)}; got "
            f"{_first(targets.label_names)}. Give several columns, the same as in fit and in the "
            "same order."
        )
    return pd.DataFrame(targets.as_matrix(), columns=names)


def read_diagnoses(diagnoses: Any, encoder: Any, n_records: int, owner: str) -> pd.DataFrame | None:
    """Return diagnoses as 0, 1 and NaN, with the labels of a classifier as columns."""
    if diagnoses is None:
        return None
    label_names = getattr(encoder, "label_names_", None)
    if not label_names:
        raise ECGError(
            f"{owner} got diagnoses, but its encoder has no diagnosis head. Fit an "
            "ECGDiagnosisClassifier with many labels and give FrozenEstimator(classifier)."
        )
    known = read_targets(diagnoses, n_records, owner)
    if known.label_names != label_names:
        raise ECGError(
            f"{owner} expected diagnoses with the classifier's labels as columns, "
            f"{_first(label_names)}; got {_first(known.label_names)}."
        )
    return pd.DataFrame(known.as_matrix(), columns=label_names)


def read_reference_ranges(reference_ranges: Any, laboratories: Sequence[str]) -> pd.DataFrame:
    """Return ``low``, ``high`` and ``unit`` of each laboratory; NaN and "" if unknown."""
    table = pd.DataFrame({"low": np.nan, "high": np.nan, "unit": ""}, index=list(laboratories))
    if reference_ranges is None:
        return table
    is_frame = isinstance(reference_ranges, pd.DataFrame)
    names = reference_ranges.index if is_frame else reference_ranges
    is_pair = isinstance(reference_ranges, tuple)
    known = [name for name in table.index if is_pair or name in names]
    if known:
        ranges = LabAbnormality(reference_ranges).fit(pd.DataFrame(np.nan, [0], known))
        table.loc[known, "low"], table.loc[known, "high"] = ranges.low_, ranges.high_
    if known and is_frame and "unit" in reference_ranges:
        units = reference_ranges.loc[known, "unit"]
        table.loc[known, "unit"] = units.astype(object).where(units.notna(), "").astype(str)
    return table


def check_patient_roles(X: Any, group_column: str, groups: Any, owner: str) -> None:
    """Raise or warn where X names its patients in a column that is not looked for."""
    if isinstance(X, pd.DataFrame):
        check_column_names(owner, X, group_column, has_groups=groups is not None)
        check_patient_column(owner, X, group_column, groups, stacklevel=4)


def check_kept_table(X: Any, group_column: str, owner: str) -> None:
    """Raise for columns of X that identify patients, before the model keeps them."""
    if isinstance(X, pd.DataFrame):
        kept = table_beside_signal(X, None, group_column)
        check_training_table(owner, X, list(kept.columns), by_choice=False, stacklevel=4)


def number_records(patients: Any, n_records: int, owner: str) -> np.ndarray:
    """Return the patient number of each record; unnamed records are patients of their own."""
    if patients is None:
        return np.arange(n_records)
    return number_patients(owner, patients, n_records)[0]


def base_rates(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of abnormal values and the number of measured ones per target."""
    n_measured = (~np.isnan(values)).sum(axis=0)
    # The rate of an unmeasured target is 0 / 0 = NaN.
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=0) / n_measured, n_measured


def table_beside_signal(X: Any, y: Any, group_column: str) -> pd.DataFrame:
    """Return clinical columns and laboratory results, without signal and patient."""
    if isinstance(y, pd.DataFrame) and are_lab_targets(y.columns):
        # Drop "low" and "high" of laboratories whose value is a column of X.
        known = X.columns if isinstance(X, pd.DataFrame) else ()
        bare = [str(name).rpartition(" ")[0] not in known for name in y]
        y = y.loc[:, bare].astype("boolean")
    parts = [part.reset_index(drop=True) for part in (X, y) if isinstance(part, pd.DataFrame)]
    if not parts:
        return pd.DataFrame(index=range(len(X)))
    table = pd.concat(parts, axis=1)
    table = table.loc[:, ~table.columns.duplicated()]
    aside = (find_ecg_column(table), group_column)
    return table[split_roles(table.columns, aside, None)[0]]


def evidence_tables(
    X: Any,
    y: Any,
    names: Sequence[str] | None,
    group_column: str,
    patients: np.ndarray,
    columns: Sequence[str] | None = None,
) -> dict[str, pd.DataFrame | None]:
    """Return laboratory values and covariates for evidence, None where there are none.

    Covariates are the clinical columns that are no laboratory; text of few levels is coded as
    0 and 1. `columns` are the covariates of fit: the same ones are returned, and one that is
    absent is NaN.
    """
    is_values = isinstance(y, pd.DataFrame) and not are_lab_targets(y.columns)
    values = y.reset_index(drop=True) if is_values else None
    laboratories = {str(name).rpartition(" ")[0] for name in names or ()}
    table = table_beside_signal(X, None, group_column)
    coded = None if columns is None else [name for name in columns if name not in table]
    parts = [
        _coded(table[name], str(name), patients, coded)
        for name in table
        if str(name) not in laboratories
    ]
    covariates = pd.concat([pd.DataFrame(index=table.index), *parts], axis=1)
    if columns is not None:
        covariates = covariates.reindex(columns=list(columns))
    return {"values": values, "covariates": covariates if covariates.shape[1] else None}


def _coded(
    column: pd.Series, name: str, patients: np.ndarray, columns: Sequence[str] | None
) -> pd.DataFrame:
    """Return numbers as they are, and text as 0 and 1 for each of few levels, or as in fit."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return column.astype("Float64").astype(float).to_frame(name)
    if pd.api.types.is_datetime64_any_dtype(column):
        return pd.DataFrame(index=column.index)
    text = column.map(str, na_action="ignore").astype(object)
    if columns is None:
        n_patients = pd.Series(patients, column.index).groupby(text).nunique()
        levels = sorted(n_patients.index[n_patients >= _MIN_PATIENTS])
        levels = levels[1:] if len(levels) <= _N_LEVELS else []
    else:
        levels = [c.removeprefix(f"{name} ") for c in columns if c.startswith(f"{name} ")]
    coded = {f"{name} {level}": (text == level).where(text.notna()) for level in levels}
    return pd.DataFrame(coded, index=column.index, dtype=float)


def _first(names: list[str] | None) -> str:
    """Return the first three names."""
    if names is None:
        return "none"
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
