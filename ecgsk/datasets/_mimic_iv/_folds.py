"""Folds by patient, stratified by diagnoses, sex and age."""

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from ecgsk.datasets._cohort import assign_folds
from ecgsk.datasets._mimic_iv._options import CATEGORY_LENGTH, MimicFolds
from ecgsk.datasets._mimic_iv._tables import EXTENSION, MimicTables

N_EXTENSION_FOLDS = 20
PARTS = ("train", "validation", "test")
_MAX_STRATA = 100  # rarer labels have a handful of records per fold


def make_folds(
    tables: MimicTables, X: pd.DataFrame, Y: pd.DataFrame, options: MimicFolds
) -> tuple[pd.Series, str]:
    """Return the fold of each record and its source: the extension, or a random split.

    The extension's twenty folds are used where twenty are requested and every record
    has one.
    """
    groups, n_folds = X["subject_id"], sum(options.split)
    if n_folds == N_EXTENSION_FOLDS and "strat_fold" in tables.columns("ecg", EXTENSION):
        tables.view("ecg", EXTENSION, {"study_id": "BIGINT", "strat_fold": "BIGINT"})
        tables.check_unique(EXTENSION, "study_id")
        found = tables.query(f"SELECT ecg, strat_fold FROM ecgs JOIN {EXTENSION} USING (study_id)")
        stated = found.set_index("ecg")["strat_fold"].reindex(groups.index)
        if stated.between(0, N_EXTENSION_FOLDS - 1).all():
            return stated.astype("int64").rename("fold").rename_axis(None), "strat_fold"
    if options.stratify and groups.nunique() >= n_folds:
        folds = _stratified_folds(groups, _strata(X, Y), n_folds, options.random_state)
        return folds, f"{n_folds} random by patient, balanced in diagnoses, sex and age"
    return assign_folds(groups, n_folds, options.random_state), f"{n_folds} random by patient"


def name_parts(folds: pd.Series, source: str, split: tuple[int, int, int]) -> pd.Series:
    """Return the part of each record: first the training folds, then validation, then test."""
    first = 0 if source == "strat_fold" else 1
    ends = np.cumsum(split)
    code = np.searchsorted(ends, (folds - first).to_numpy(), side="right")
    part = pd.Categorical.from_codes(code, dtype=pd.CategoricalDtype(list(PARTS)))
    return pd.Series(part, index=folds.index, name="split")


def _strata(X: pd.DataFrame, Y: pd.DataFrame) -> list[np.ndarray]:
    """Return the rows of each stratum: labels, unlabelled, sex and decade of age."""
    strata = [np.arange(len(X)), np.flatnonzero(Y.isna().all(axis=1))]
    positive = (Y[[name for name in Y if len(str(name)) == CATEGORY_LENGTH]] == 1).to_numpy()
    strata += [np.flatnonzero(column) for column in positive.T]
    if "sex" in X:
        strata += [np.flatnonzero(X["sex"] == sex) for sex in X["sex"].cat.categories]
    if "age" in X:
        decade = X["age"] // 10
        strata += [np.flatnonzero(decade == value) for value in decade.dropna().unique()]
    return sorted(strata, key=len, reverse=True)[:_MAX_STRATA]


def _stratified_folds(
    groups: pd.Series, strata: list[np.ndarray], n_folds: int, random_state: int
) -> pd.Series:
    """Balance many labels with `StratifiedGroupKFold`: one row per record and stratum."""
    strata = [rows for rows in strata if len(rows) >= n_folds]
    rows = np.concatenate(strata)
    label = np.repeat(np.arange(len(strata)), [len(part) for part in strata])
    fold = np.zeros(len(groups), dtype=np.int64)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=random_state)
    for number, (_, test) in enumerate(splitter.split(rows, label, groups.to_numpy()[rows])):
        fold[rows[test]] = number + 1
    return pd.Series(fold, index=groups.index, name="fold")
