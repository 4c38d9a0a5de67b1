"""Labels and laboratory targets among the clinical columns."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ecgsk.checks._facts import Column, sample_rows
from ecgsk.checks._identifiers import find_patient_columns
from ecgsk.checks._table import Table
from ecgsk.checks._values import MAX_LEVELS
from ecgsk.checks.findings import Finding

#: AUROC of one column from which on it is suspected to be made from the label, and the patients
#: of each class that it must separate. Potassium alone has 0.93 for hyperkalaemia in the
#: simulated cohort; with fewer patients it reaches 0.99 by chance.
NEAR_PERFECT_AUROC, _MIN_PATIENTS = 0.99, 30
#: The same for a column of two values, such as the label with some errors.
_NEAR_EQUAL_AUROC, _MIN_PATIENTS_NEAR_EQUAL = 0.95, 20
#: A column made from the label leaves a gap between the classes: of this share of the wider
#: class. It needs fewer patients, since a measurement has no gap.
_MIN_GAP, _MIN_PATIENTS_GAP = 0.5, 5
#: Records of the rarer class, and of both, that an equal column must have.
_MIN_EQUAL, _MIN_KNOWN = 3, 10
#: Fewer distinct numbers than this may be codes in any order.
_MAX_NUMBERS = 10
#: With more levels, few patients have levels of their own by chance.
_MAX_LEVELS_OF_FEW = 5
#: Rows for the AUROC, and labels that are computed at once.
_MAX_ROWS, _LABELS_AT_ONCE = 10_000, 64
#: A laboratory value that equals a target in more than this share was copied from it.
_SHARE_EQUAL_VALUES = 0.95


def check_labels(table: Table) -> Iterator[Finding]:
    """Find columns that equal a label, or that separate one nearly perfectly alone."""
    if table.labels is None or not len(table.labels.columns):
        return
    rows = sample_rows(len(table), _MAX_ROWS)
    Y = table.labels.iloc[rows].to_numpy(dtype=np.float32, na_value=np.nan)
    first = _first_records(_likely_patients(table), rows)
    for column in table.columns:
        equal = _equal_label(column, table.labels, rows, Y)
        if equal is not None:
            yield _finding(column, equal, "equals the label", column.n_known)
            continue
        auroc, is_suspect = _suspects(column, rows[first], Y[first])
        if is_suspect.any():
            place = int(np.argmax(np.where(is_suspect, auroc, 0)))
            what = f"alone separates (AUROC {auroc[place]:.3f}) the label"
            yield _finding(column, table.labels.columns[int(place)], what, column.n_known)


def _finding(column: Column, label: object, what: str, n_records: int) -> Finding:
    name = str(column.label)
    return Finding(
        "warning",
        "label",
        (column.label,),
        n_records,
        f"The clinical column {name!r} {what} {str(label)!r}, which may leak it into the inputs.",
        f"Drop it, X.drop(columns=[{name!r}]); if it is known before the diagnosis, name it in "
        "clinical_columns=.",
    )


def _likely_patients(table: Table) -> np.ndarray | None:
    """Return the patients; without them, a clinical column of X that names patients."""
    if table.patients is not None:
        return table.patients
    named = find_patient_columns(table)
    return pd.factorize(table.X[named[0]], use_na_sentinel=False)[0] if named else None


def _first_records(patients: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """Return places in `rows` of one record per patient: repeated ones are no evidence."""
    if patients is None:
        return np.arange(len(rows))
    return np.unique(patients[rows], return_index=True)[1]


def _equal_label(column: Column, labels: pd.DataFrame, rows: np.ndarray, Y: np.ndarray) -> object:
    """Return the label that a column of two values equals, or is the opposite of."""
    values = _two_values(column)
    if values is None:
        return None
    # All rows are compared for those labels alone that a sample leaves.
    both = ~np.isnan(values[rows])[:, None] & ~np.isnan(Y)
    n_same = ((values[rows][:, None] == Y) & both).sum(axis=0)
    for place in np.flatnonzero((n_same == 0) | (n_same == both.sum(axis=0))):
        y = labels.iloc[:, int(place)].to_numpy(dtype=np.float64, na_value=np.nan)
        known = ~np.isnan(values) & ~np.isnan(y)
        n_known, n_ones = int(known.sum()), int(y[known].sum())
        if n_known < _MIN_KNOWN or min(n_ones, n_known - n_ones) < _MIN_EQUAL:
            continue
        is_same = values[known] == y[known]
        if is_same.all() or not is_same.any():
            return labels.columns[int(place)]
    return None


def _two_values(column: Column) -> np.ndarray | None:
    """Return a column of two distinct values as 0, 1 and NaN; None for another column."""
    if column.kind == "number":
        known = column.sample[~np.isnan(column.sample)]
        if len(np.unique(known)) > 2:
            return None
    elif column.kind not in ("boolean", "text", "category") or len(column.levels) > 2:
        return None
    codes, levels = pd.factorize(column.values)
    return np.where(codes < 0, np.nan, codes) if len(levels) == 2 else None


def _suspects(column: Column, rows: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the AUROC of a column for each label, and whether it may be made from the label."""
    auroc, is_suspect = np.zeros(Y.shape[1]), np.zeros(Y.shape[1], dtype=bool)
    if column.kind == "number":
        some = column.values.iloc[rows]
        scores = some.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        auroc, n_rarer = separations(scores, Y)
        is_suspect = (auroc >= NEAR_PERFECT_AUROC) & (n_rarer >= _MIN_PATIENTS)
        for place in np.flatnonzero((auroc == 1) & (n_rarer >= _MIN_PATIENTS_GAP)):
            is_suspect[place] |= _has_gap(scores, Y[:, place])
    levels = _levels(column, rows)
    if levels is not None:
        by_level, n_rarer = _separations_by_level(levels, Y)
        n_levels = np.nanmax(levels, initial=0) + 1
        bound = NEAR_PERFECT_AUROC if n_levels > 2 else _NEAR_EQUAL_AUROC
        enough = _MIN_PATIENTS if n_levels > 2 else _MIN_PATIENTS_NEAR_EQUAL
        is_suspect |= (by_level >= bound) & (n_rarer >= enough)
        few = n_levels <= _MAX_LEVELS_OF_FEW
        is_suspect |= (by_level == 1) & (n_rarer >= _MIN_PATIENTS_GAP) & few
        auroc = np.maximum(auroc, by_level)
    return auroc, is_suspect


def _separations_by_level(levels: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return AUROCs with the levels in order of their share of positives, label by label."""
    auroc, n_rarer = np.zeros(Y.shape[1]), np.zeros(Y.shape[1])
    for place, y in enumerate(Y.T):
        known = ~np.isnan(levels) & ~np.isnan(y)
        codes = levels[known].astype(np.intp)
        shares = np.bincount(codes, y[known]) / np.maximum(np.bincount(codes), 1)
        value, rarer = separations(shares[codes], y[known][:, None])
        auroc[place], n_rarer[place] = value[0], rarer[0]
    return auroc, n_rarer


def _levels(column: Column, rows: np.ndarray) -> np.ndarray | None:
    """Return the levels of a category or of a few numbers as codes, NaN where missing."""
    if column.kind not in ("number", "boolean", "text", "category"):
        return None
    codes, levels = pd.factorize(column.values.iloc[rows])
    if len(levels) > (_MAX_NUMBERS if column.kind == "number" else MAX_LEVELS):
        return None
    return np.where(codes < 0, np.nan, codes)


def separations(scores: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the AUROC of scores for each label, either way round, and the rarer class's size.

    Scores and labels may be NaN. Labels with one class have an AUROC of 0.
    """
    order = np.argsort(scores, kind="stable")
    order = order[: np.count_nonzero(~np.isnan(scores))]
    known = scores[order]
    starts = np.flatnonzero(np.r_[True, known[1:] != known[:-1]]) if len(known) else order
    auroc, n_rarer = np.zeros(Y.shape[1]), np.zeros(Y.shape[1])
    for start in range(0, Y.shape[1] if len(known) else 0, _LABELS_AT_ONCE):
        block = slice(start, start + _LABELS_AT_ONCE)
        y = Y[order, block]
        positive = np.add.reduceat(y == 1, starts, dtype=np.float64)
        negative = np.add.reduceat(y == 0, starts, dtype=np.float64)
        below = np.cumsum(negative, axis=0) - negative / 2
        n_positive, n_negative = positive.sum(axis=0), negative.sum(axis=0)
        pairs = n_positive * n_negative
        value = (positive * below).sum(axis=0) / np.maximum(pairs, 1)
        auroc[block] = np.where(pairs > 0, np.maximum(value, 1 - value), 0)
        n_rarer[block] = np.minimum(n_positive, n_negative)
    return auroc, n_rarer


def _has_gap(scores: np.ndarray, y: np.ndarray) -> bool:
    """Return whether separated classes are far apart, compared with their own ranges."""
    ones, zeros = scores[(y == 1) & ~np.isnan(scores)], scores[(y == 0) & ~np.isnan(scores)]
    gap = max(ones.min() - zeros.max(), zeros.min() - ones.max())
    return bool(gap > _MIN_GAP * max(np.ptp(ones), np.ptp(zeros)))


def check_lab_targets(table: Table) -> Iterator[Finding]:
    """Find laboratory targets that are columns of X under another name.

    A value of the same name is no finding: pre-training learns from it, and stage (iii)
    predicts it from the ECG alone.
    """
    if table.labs is None or not len(table.labs.columns):
        return
    rows = sample_rows(len(table))
    targets = {name: Column(name, table.labs[name]) for name in table.labs.columns}
    for column in table.columns:
        if column.kind != "number" or column.is_whole:
            continue
        for name, target in targets.items():
            if (
                name != column.label
                and target.kind == "number"
                and _same_values(column, target, rows)
            ):
                yield Finding(
                    "warning",
                    "laboratory target",
                    (column.label,),
                    target.n_known,
                    f"The clinical column {str(column.label)!r} has the values of the laboratory "
                    f"target {str(name)!r}.",
                    f"Drop it, X.drop(columns=[{str(column.label)!r}]), or name it in "
                    "clinical_columns= where predictions use the ECG alone.",
                )
                break


def _same_values(column: Column, target: Column, rows: np.ndarray) -> bool:
    both = ~np.isnan(column.sample) & ~np.isnan(target.sample)
    if both.sum() < _MIN_KNOWN or len(np.unique(column.sample[both])) < _MIN_KNOWN // 2:
        return False
    return bool((column.sample[both] == target.sample[both]).mean() > _SHARE_EQUAL_VALUES)
