"""Columns that a fit learns from: checked before training, stored and logged."""

import warnings
from collections.abc import Iterable
from typing import Any

import pandas as pd

from ecgsk._privacy import RARE
from ecgsk.checks.fitting import check_patient_column, check_training_table, log_roles
from ecgsk.checks.labels import read_labels
from ecgsk.estimators._inputs import Inputs
from ecgsk.exceptions import ECGError, TableWarning
from ecgsk.preprocessing import ClinicalScaler


class TableRoles:
    """Clinical columns of one fit, which it stores in ``clinical_columns_``.

    A column that is no clinical value is raised or warned of when a stage uses it, before any
    training. No signal is read.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, inputs: Inputs):
        self.estimator, self.inputs = estimator, inputs
        self.owner = type(estimator).__name__
        self.X = X if isinstance(X, pd.DataFrame) else pd.DataFrame()
        self.y = y
        estimator.clinical_columns_ = []

    def use(self, table: pd.DataFrame | None, meant: Iterable[Any] | None) -> None:
        """Check the columns of a table, unless they were, and add them to those of the fit.

        `meant` are columns that the user named.
        """
        used = self.estimator.clinical_columns_
        new = [] if table is None else [name for name in table.columns if name not in used]
        if new:
            check_training_table(
                self.owner,
                self.X,
                new,
                meant=list(meant or ()),
                group_column=self.estimator.group_column,
                patients=self.inputs.groups,
                y=self.y,
                stacklevel=3,
            )
        used = {*used, *new}
        self.estimator.clinical_columns_ = [name for name in self.X.columns if name in used]

    def finish(self, groups: Any) -> None:
        """Warn where X names patients and the fit does not use them; log the roles."""
        check_patient_column(
            self.owner, self.X, self.estimator.group_column, self.inputs.groups, stacklevel=3
        )
        patients = "each record its own"
        if groups is not None:
            patients = "of groups="
        elif self.inputs.groups is not None:
            patients = str(self.estimator.group_column)
        log_roles(self.owner, self.estimator.clinical_columns_, self.inputs.left_out, patients)


def check_no_table_in_y(owner: str, y: Any) -> None:
    """Raise if y is a table of clinical values, which a pre-training takes from X."""
    if not isinstance(y, pd.DataFrame) or not len(y.columns):
        return
    labels = read_labels(y)
    if labels is None or len(labels.columns) < len(y.columns):
        raise ECGError(
            f"{owner}: X has no clinical columns, and y, which is ignored, holds values that are "
            f"no labels ({', '.join(map(str, y.columns[:3]))}, ...). Put them into X: "
            "X = table.assign(ecg=ecg). To pre-train on the ECG alone, set "
            "objective='ecg_contrast'."
        )


def warn_of_unknown_levels(owner: str, table: pd.DataFrame, scaler: ClinicalScaler) -> None:
    """Warn of categories that the scaler does not know, such as another spelling.

    A column with a level of rare categories has a place for every unknown one.
    """
    unknown = [
        str(name)
        for name, levels in scaler.levels_.items()
        if name in table
        and RARE not in levels
        and not table[name].dropna().astype(object).isin(levels).all()
    ]
    if unknown:
        warnings.warn(
            f"{owner}: {', '.join(map(repr, unknown))} of X has categories that fit did not "
            "learn; they count as missing. Use the spelling of the training table, "
            "scaler_.levels_.",
            TableWarning,
            stacklevel=5,
        )
