"""Odds ratios of laboratory abnormalities and diagnoses, for all pairs."""

from typing import Any

import numpy as np
import pandas as pd

from ecgsk._alignment import check_row_order
from ecgsk._patients import number_patients
from ecgsk.exceptions import ECGError
from ecgsk.metrics.resampling import patient_counts

# Minimum number of records, observed or expected, in each cell of a 2 x 2 table: a bootstrap
# of fewer cannot estimate their sampling error.
_MIN_CELL = 5


def lab_associations(
    labs: Any,
    diagnoses: Any,
    patients: Any,
    *,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: Any = None,
) -> pd.DataFrame:
    """Compute the odds ratio of each laboratory abnormality and each diagnosis.

    Half a record is added to each cell of a pair's 2 x 2 table (Haldane 1956, Anscombe 1956),
    which allows empty cells. Intervals are percentiles of a bootstrap over patients (Field &
    Welsh 2007): a record counts as often as its patient is drawn.

    Parameters
    ----------
    labs : DataFrame or array-like of shape (n_records, n_findings)
        Laboratory abnormalities: 1, 0, or NaN where not measured.
    diagnoses : DataFrame or array-like of shape (n_records, n_diagnoses)
        1, 0, or NaN where not known. A pair uses the records where both are known.
    patients : array-like of shape (n_records,)
        Patient of each record.
    n_resamples : int, default=1000
        Number of bootstrap samples of the patients.
    confidence_level : float, default=0.95
        Nominal coverage of the intervals.
    random_state : int, RandomState or None, default=None
        Seed of the bootstrap.

    Returns
    -------
    DataFrame
        One row per pair, sorted by diagnosis: ``diagnosis``, ``finding``, ``odds_ratio``, its
        interval ``low`` and ``high``, and ``n_patients`` in whom both are known. Odds ratios
        are NaN if a cell of the table has fewer than five records and fewer than five expected
        under independence (Cochran 1954).

    Raises
    ------
    ECGError
        For values other than 0, 1 or NaN, different rows, or fewer than two patients.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ecgsk.explain import lab_associations
    >>> rng = np.random.default_rng(0)
    >>> potassium = (rng.random(400) < 0.3).astype(float)
    >>> disease = (rng.random(400) < 0.2 + 0.3 * potassium).astype(float)
    >>> pairs = lab_associations(
    ...     pd.DataFrame({"potassium high": potassium}),
    ...     pd.DataFrame({"kidney disease": disease}),
    ...     patients=np.repeat(np.arange(200), 2),
    ...     random_state=0,
    ... )
    >>> bool(pairs["low"][0] > 1)
    True
    """
    caller = "lab_associations"
    check_row_order(caller, labs, "labs", diagnoses=diagnoses, patients=patients)
    findings, finding_names = read_labels(caller, labs, "labs")
    values, names = read_labels(caller, diagnoses, "diagnoses")
    if len(findings) != len(values):
        raise ECGError(
            f"{caller} expected labs and diagnoses of the same records; got {len(findings)} and "
            f"{len(values)} rows."
        )
    numbers, identifiers = number_patients(caller, patients, len(values))
    if len(identifiers) < 2:
        raise ECGError(f"{caller} expected two patients or more; got {len(identifiers)}.")
    tables = _PairTables(findings, values)
    counts = tables.count(np.ones(len(values)))
    enough = _smallest_cell(*counts) >= _MIN_CELL
    resampled = np.empty((n_resamples, *enough.shape), dtype=np.float32)
    for block, drawn in patient_counts(len(identifiers), n_resamples, random_state, 1):
        resampled[block] = _log_odds_ratio(*tables.count(drawn[numbers, 0]))
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0, overwrite_input=True)
    columns = {
        "odds_ratio": np.exp(_log_odds_ratio(*counts)),
        "low": np.exp(low),
        "high": np.exp(high),
    }
    pairs = pd.MultiIndex.from_product([names, finding_names], names=["diagnosis", "finding"])
    frame = pd.DataFrame(
        {name: np.where(enough, value, np.nan).T.ravel() for name, value in columns.items()},
        index=pairs,
    )
    frame["n_patients"] = tables.count_patients(numbers).T.ravel()
    return frame.reset_index()


def read_labels(caller: str, values: Any, what: str) -> tuple[np.ndarray, list[str]]:
    """Return values of 0, 1 and NaN, and column names."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise ECGError(f"{caller} expected {what} with one column each; got shape {array.shape}.")
    if not (np.isnan(array) | (array == 0) | (array == 1)).all():
        raise ECGError(
            f"{caller} expected {what} to be 0, 1 or NaN (not known); got other values. Compare "
            "values with their ranges: LabAbnormality(reference_ranges).fit_transform(labs)."
        )
    columns = values.columns if isinstance(values, pd.DataFrame) else range(array.shape[1])
    return array, [str(name) for name in columns]


class _PairTables:
    """Weighted 2 x 2 tables of all pairs by one matrix product.

    Columns with equal masks of known values (low and high of one test) share a product's column.
    """

    def __init__(self, findings: np.ndarray, diagnoses: np.ndarray) -> None:
        # float32 counts exactly up to 16 million and is twice as fast.
        self._finding, self._finding_known, self._left = _with_known(findings)
        self._diagnosis, self._diagnosis_known, self._right = _with_known(diagnoses)

    def count(self, weight: np.ndarray) -> tuple[np.ndarray, ...]:
        """Count records (n_findings, n_diagnoses): both, finding, diagnosis, known."""
        weighted = self._left * weight.astype(np.float32)[:, None]
        sums = (weighted.T @ self._right).astype(np.float64)
        found, known = sums[: self._finding], sums[self._finding_known]
        return (
            found[:, : self._diagnosis],
            found[:, self._diagnosis_known],
            known[:, : self._diagnosis],
            known[:, self._diagnosis_known],
        )

    def count_patients(self, numbers: np.ndarray) -> np.ndarray:
        """Count patients with a record where both are known."""
        masks = self._left[:, self._finding :], self._right[:, self._diagnosis :]
        n_patients = np.array(
            [
                [np.count_nonzero(np.bincount(numbers, weights=a * b)) for b in masks[1].T]
                for a in masks[0].T
            ]
        )
        rows, columns = self._finding_known - self._finding, self._diagnosis_known - self._diagnosis
        return n_patients[rows][:, columns]


def _with_known(values: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """Return the number of columns, the position of each mask, and true values with masks."""
    n = values.shape[1]
    known, place = np.unique(~np.isnan(values), axis=1, return_inverse=True)
    return n, n + place.ravel(), np.column_stack([values == 1, known]).astype(np.float32)


def _cells(both, found, diagnosed, known) -> np.ndarray:
    """Return the cells of the table: both, finding alone, diagnosis alone, neither."""
    return np.array([both, found - both, diagnosed - both, known - found - diagnosed + both])


def _log_odds_ratio(*counts) -> np.ndarray:
    both, finding, diagnosis, neither = np.log(_cells(*counts) + 0.5)
    return both + neither - finding - diagnosis


def _smallest_cell(both, found, diagnosed, known) -> np.ndarray:
    """Return the smallest cell: the larger of its observed and expected count."""
    expected = _cells(found * diagnosed / np.maximum(known, 1), found, diagnosed, known)
    return np.maximum(_cells(both, found, diagnosed, known), expected).min(axis=0)
