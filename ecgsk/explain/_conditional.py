"""Conditional associations: logistic regressions on all values, masks and covariates."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

# Minimum number of patients with, and without, the label among those whose value is known.
MIN_PATIENTS = 10
# Ridge on each coefficient, in records: it decides where values are collinear, a label is
# separated, or columns outnumber records.
_RIDGE = 1.0
_N_STEPS = 25
# Covariates beyond this many standard deviations are recording errors or have undue leverage.
_CLIP = 4.0


@dataclass(frozen=True)
class Design:
    """Columns of a regression, rows sorted by patient.

    Values are ranked to normal deviates, covariates scaled; both are 0 where missing, and a mask
    beside each tells so. No fit is kept: each set of patients has its own scale.
    """

    values: np.ndarray
    measured: np.ndarray
    covariates: np.ndarray
    order: np.ndarray
    patients: np.ndarray

    @classmethod
    def of(
        cls, values: pd.DataFrame, covariates: pd.DataFrame | None, patients: np.ndarray
    ) -> "Design":
        """Scale the columns of these records."""
        order = np.argsort(patients, kind="stable")
        values = values.iloc[order]
        deviates = norm.ppf((values.rank() - 0.5) / values.count()).reshape(values.shape)
        others = np.empty((len(values), 0))
        if covariates is not None:
            given = covariates.to_numpy(np.float64)[order]
            masks = np.isnan(given).astype(float)
            others = np.column_stack([np.clip(_scaled(given), -_CLIP, _CLIP), _scaled(masks)])
        measured = values.notna().to_numpy()
        return cls(_scaled(deviates), measured, _varying(others), order, patients[order])

    @cached_property
    def table(self) -> np.ndarray:
        """Return all columns: values, what varies of masks and covariates, and the constant."""
        masks = _varying(_scaled((~self.measured).astype(float)))
        return np.column_stack([self.values, masks, self.covariates, np.ones(len(self.values))])

    def single(self, value: int, *, adjusted: bool) -> np.ndarray:
        """Return one value with its mask, and with the covariates if adjusted."""
        mask = ~self.measured[:, [value]]
        others = self.covariates if adjusted else self.covariates[:, :0]
        return np.column_stack([self.values[:, value], mask, others, np.ones(len(mask))])


def _scaled(columns: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and standard deviation 1, and 0 where missing or constant."""
    known = ~np.isnan(columns)
    n = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, columns - np.nansum(columns, axis=0) / n, 0)
    sd = np.sqrt(np.square(centred).sum(axis=0) / n)
    return centred / np.where(sd > 1e-9, sd, np.inf)


def _varying(columns: np.ndarray) -> np.ndarray:
    return columns[:, columns.any(axis=0)]


def count_patients(known: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Count patients with a known value per column; records are sorted by patient."""
    if not len(known):
        return np.zeros(known.shape[1], int)
    return np.logical_or.reduceat(known, _starts(patients), axis=0).sum(axis=0)


def _starts(patients: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.r_[True, patients[1:] != patients[:-1]])


def regress(
    table: np.ndarray, label: np.ndarray, patients: np.ndarray, n_effects: int
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a ridge logistic regression; return the first coefficients and their errors.

    Errors are robust to several records of a patient (sandwich), and at least those of the
    penalised likelihood: where the label is separated, or columns outnumber records, residuals
    vanish and the sandwich with them. The last column is the constant, without penalty.
    """
    ridge = np.full(table.shape[1], _RIDGE)
    ridge[-1] = 1e-6
    beta = np.zeros(len(ridge))
    share = label.mean()
    beta[-1] = np.log(share / (1 - share))
    logits = table @ beta
    loss = _loss(logits, label, beta, ridge)
    for _ in range(_N_STEPS):
        p = expit(logits)
        hessian = (table * (p * (1 - p))[:, None]).T @ table + np.diag(ridge)
        step = np.linalg.solve(hessian, table.T @ (label - p) - ridge * beta)
        for _ in range(20):
            moved = table @ (beta + step)
            found = _loss(moved, label, beta + step, ridge)
            if found <= loss:
                break
            step /= 2
        else:
            break  # at the minimum, up to rounding
        beta, logits, gained, loss = beta + step, moved, loss - found, found
        if gained < 1e-6:
            break
    inverse = np.linalg.inv(hessian)
    influence = (table @ inverse[:, :n_effects]) * (label - expit(logits))[:, None]
    of_patient = np.add.reduceat(influence, _starts(patients), axis=0)
    variance = np.maximum(np.square(of_patient).sum(axis=0), inverse.diagonal()[:n_effects])
    return beta[:n_effects], np.sqrt(variance)


def _loss(logits: np.ndarray, label: np.ndarray, beta: np.ndarray, ridge: np.ndarray) -> float:
    return float(np.logaddexp(0, logits).sum() - label @ logits + (ridge * beta * beta).sum() / 2)


def associate(design: Design, label: np.ndarray) -> dict[str, np.ndarray]:
    """Return the effect, its error and patients' numbers of each value on one label.

    `label` has the rows of the design. Effects are NaN with fewer than ten patients of either
    answer.
    """
    known = ~np.isnan(label)
    y, patients, measured = label[known], design.patients[known], design.measured[known]
    n_with = count_patients(measured[y == 1], patients[y == 1])
    n_without = count_patients(measured[y == 0], patients[y == 0])
    n_values = measured.shape[1]
    effect, error = np.full((2, n_values), np.nan)
    enough = np.minimum(n_with, n_without) >= MIN_PATIENTS
    if enough.any():
        effect, error = regress(design.table[known], y, patients, n_values)
        effect, error = np.where(enough, effect, np.nan), np.where(enough, error, np.nan)
    return {"effect": effect, "error": error, "n_with": n_with, "n_without": n_without}


def associate_single(design: Design, value: int, label: np.ndarray, *, adjusted: bool) -> float:
    """Return the effect of one value alone, or adjusted for the covariates."""
    known = ~np.isnan(label)
    table = design.single(value, adjusted=adjusted)[known]
    return float(regress(table, label[known], design.patients[known], 1)[0][0])


def carried(
    design: Design, value: int, score: np.ndarray, finding: np.ndarray
) -> tuple[float, float]:
    """Return the effect of a score on the finding, given covariates and the other values.

    Both have the rows of the design. NaN with fewer than ten patients of either answer.
    """
    known = ~np.isnan(finding)
    y, patients = finding[known], design.patients[known]
    n = [len(np.unique(patients[y == side])) for side in (0, 1)]
    if min(n) < MIN_PATIENTS or np.isnan(score).any():
        return np.nan, np.nan
    others = np.delete(design.values, value, axis=1)
    masks = np.delete(~design.measured, value, axis=1)
    score = _scaled(score[:, None])
    table = np.column_stack([score, others, masks, design.covariates, np.ones(len(score))])
    effect, error = regress(table[known], y, patients, 1)
    return float(effect[0]), float(error[0])
