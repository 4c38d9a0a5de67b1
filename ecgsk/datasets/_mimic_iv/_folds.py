"""Folds by subject, alike in diagnoses, sex and age; training, validation and test."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from ecgsk.datasets._cohort import assign_folds
from ecgsk.datasets._mimic_iv._tables import MimicTables
from ecgsk.exceptions import ECGError

EXTENSION = "records_w_diag_icd10"
N_STATED = 20  # the extension's folds
PARTS = ("train", "validation", "test")
_MOST_LABELS = 100  # to balance: rarer ones are a handful of records a fold
_CATEGORY = 3


def check_split(split: Sequence[int]) -> tuple[int, int, int]:
    """Numbers of folds for training, validation and test."""
    if len(split) != len(PARTS) or any(int(n) != n or n < 0 for n in split) or split[0] < 1:
        raise ECGError(
            "build_mimic_iv_cohort: split must be three numbers of folds, for training, validation "
            f"and test; got {split!r}. Give such as (18, 1, 1)."
        )
    return int(split[0]), int(split[1]), int(split[2])


def make_folds(
    tables: MimicTables,
    X: pd.DataFrame,
    Y: pd.DataFrame,
    n_folds: int,
    stratify: bool,
    random_state: int,
) -> tuple[pd.Series, str]:
    """Fold of each record, and where it comes from: the extension, or drawn.

    The extension's twenty folds are taken where they are known for every record
    and twenty are wanted.
    """
    groups = X["subject_id"]
    if n_folds == N_STATED and "strat_fold" in tables.columns("ecg", EXTENSION):
        tables.view("ecg", EXTENSION, {"study_id": "BIGINT", "strat_fold": "BIGINT"})
        found = tables.query(f"SELECT ecg, strat_fold FROM ecgs JOIN {EXTENSION} USING (study_id)")
        stated = found.set_index("ecg")["strat_fold"].reindex(groups.index)
        if stated.between(0, N_STATED - 1).all():
            return stated.astype("int64").rename("fold").rename_axis(None), "strat_fold"
    if stratify and groups.nunique() >= n_folds:
        drawn = _stratified(groups, _strata(X, Y), n_folds, random_state)
        return drawn, f"{n_folds} drawn by subject, alike in diagnoses, sex and age"
    return assign_folds(groups, n_folds, random_state), f"{n_folds} drawn by subject"


def name_parts(folds: pd.Series, source: str, split: tuple[int, int, int]) -> pd.Series:
    """Part of each record: the last folds are the test side, those before them validation."""
    first = 0 if source == "strat_fold" else 1
    ends = np.cumsum(split)
    place = np.searchsorted(ends, (folds - first).to_numpy(), side="right")
    part = pd.Categorical.from_codes(place, dtype=pd.CategoricalDtype(list(PARTS)))
    return pd.Series(part, index=folds.index, name="split")


def _strata(X: pd.DataFrame, Y: pd.DataFrame) -> list[np.ndarray]:
    """Rows of each kind of record that folds should have equal numbers of."""
    strata = [np.arange(len(X)), np.flatnonzero(Y.isna().all(axis=1))]
    positive = (Y[[name for name in Y if len(str(name)) == _CATEGORY]] == 1).to_numpy()
    strata += [np.flatnonzero(column) for column in positive.T]
    if "sex" in X:
        strata += [np.flatnonzero(X["sex"] == sex) for sex in X["sex"].cat.categories]
    if "age" in X:
        decade = X["age"] // 10
        strata += [np.flatnonzero(decade == ten) for ten in decade.dropna().unique()]
    return sorted(strata, key=len, reverse=True)[:_MOST_LABELS]


def _stratified(
    groups: pd.Series, strata: list[np.ndarray], n_folds: int, random_state: int
) -> pd.Series:
    """Let scikit-learn balance many labels: one row for each record and label it has."""
    strata = [rows for rows in strata if len(rows) >= n_folds]
    rows = np.concatenate(strata)
    label = np.repeat(np.arange(len(strata)), [len(part) for part in strata])
    fold = np.zeros(len(groups), dtype=np.int64)
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=random_state)
    for number, (_, test) in enumerate(splitter.split(rows, label, groups.to_numpy()[rows])):
        fold[rows[test]] = number + 1
    return pd.Series(fold, index=groups.index, name="fold")
