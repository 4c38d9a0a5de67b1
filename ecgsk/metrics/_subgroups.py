"""Scores of subgroups of patients, and how far each is from the rest."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError
from ecgsk.metrics._resamples import (
    Resamples,
    Statistic,
    bootstrap,
    check_statistic,
)
from ecgsk.metrics._validation import (
    LabelsAndScores,
    check_labels_and_scores,
    check_same_rows,
)

# More distinct numbers than this are a measurement to be cut, not codes of levels.
_MAX_CODES = 10


def subgroup_scores(
    Y: ArrayLike,
    P: ArrayLike,
    groups: ArrayLike,
    by: Any,
    *,
    edges: Mapping[str, Sequence[float]] | None = None,
    statistic: Statistic = "roc_auc",
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Score each subgroup (sex, race, age, ...) and its difference to all other records.

    All patients are resampled at once and every subgroup is scored inside each resample: a
    patient whose records lie on both sides (of an age, say) is drawn for both.

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities.
    groups : array-like of shape (n_samples,)
        Patient of each record.
    by : Series or DataFrame of shape (n_samples, n_columns)
        What divides the records. Where the value is missing the level is "missing".
    edges : mapping of column name to rising numbers, optional
        Where numeric columns are cut: ``{"age": [40, 65]}`` gives the levels "<40", "40-<65"
        and ">=65". Needed for numeric columns of more than ten distinct values.
    statistic : str or callable, default="roc_auc"
        As in :func:`patient_bootstrap`, averaged over the labels.
    n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`.

    Returns
    -------
    DataFrame
        One row a column of `by` and level, with columns column, level, n_records, n_patients,
        n_labels (with a score in the subgroup), score, low, high, difference,
        difference_low, difference_high. The score is the mean over the subgroup's labels; the
        difference to the rest is the mean over the labels that have a score on both sides.
        Without such labels they are NaN.

    Raises
    ------
    ECGError
        The input is malformed, or a numeric column needs edges.

    Notes
    -----
    AUROC and the like depend on who is in a subgroup as well as on the model: an older
    subgroup with harder cases scores lower under any model. Intervals are not corrected for
    the number of subgroups.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ecgsk.metrics import subgroup_scores
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=400)
    >>> by = pd.DataFrame({"sex": rng.choice(["F", "M"], 400), "age": rng.integers(20, 90, 400)})
    >>> p = y + rng.normal(size=400) * np.where(by["sex"] == "F", 1, 3)
    >>> table = subgroup_scores(y, p, np.arange(400), by, edges={"age": [65]}, random_state=0)
    >>> table[["column", "level", "n_records", "score", "difference", "difference_low"]].round(2)
      column level  n_records  score  difference  difference_low
    0    sex     F        194   0.75        0.20            0.09
    1    sex     M        206   0.55       -0.20           -0.30
    2    age   <65        272   0.61       -0.02           -0.12
    3    age  >=65        128   0.63        0.02           -0.11
    """
    import pandas as pd  # here alone: scoring arrays needs no pandas

    caller = "subgroup_scores"
    data = check_labels_and_scores(caller, Y, P)
    check_statistic(caller, data, statistic)
    resamples = Resamples.from_groups(
        caller, groups, Y, data.Y, n_resamples, confidence_level, random_state
    )
    columns = _levels(caller, Y, by, len(data.Y), dict(edges or {}))
    rows = []
    for column, levels in columns.items():
        for level in levels.cat.categories:
            inside = (levels == level).to_numpy()
            scores = _score(data, resamples, statistic, inside)
            n_patients = len(np.unique(resamples.patients[inside]))
            counts = {"n_records": int(inside.sum()), "n_patients": n_patients}
            rows.append({"column": column, "level": level, **counts, **scores})
    return pd.DataFrame(rows)


def _score(
    data: LabelsAndScores, resamples: Resamples, statistic: Statistic, inside: np.ndarray
) -> dict[str, float]:
    """Score the records `inside`, and the difference to those outside."""
    own, rest = (
        bootstrap(
            LabelsAndScores(data.Y[part], data.P[part], data.names),
            resamples.of_records(part),
            statistic,
        )
        if part.any()
        else None
        for part in (inside, ~inside)
    )
    assert own is not None  # levels are those that occur
    scores = {
        "n_labels": len(own.label_estimate) - own.n_labels_skipped,
        "score": own.estimate,
        "low": own.low,
        "high": own.high,
    }
    names = ("difference", "difference_low", "difference_high")
    if rest is None:
        return scores | dict.fromkeys(names, np.nan)
    difference = own - rest
    values = (difference.estimate, difference.low, difference.high)
    return scores | dict(zip(names, values, strict=True))


def _levels(
    caller: str, Y: Any, by: Any, n_samples: int, edges: dict[str, Sequence[float]]
) -> dict[str, Any]:
    """Return each column of `by` as a categorical Series whose categories all occur."""
    import pandas as pd

    frame = pd.DataFrame(by)
    check_same_rows(caller, Y, frame, "by")
    if len(frame) != n_samples:
        raise ECGError(f"{caller} expected by to have {n_samples} rows; got {len(frame)}.")
    unknown = set(edges) - set(frame.columns)
    if unknown:
        raise ECGError(
            f"{caller} expected edges of columns in by, {list(frame.columns)}; got {unknown}."
        )
    return {str(name): _level(caller, frame[name], edges.get(name)) for name in frame.columns}


def _level(caller: str, column: Any, edges: Sequence[float] | None) -> Any:
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(column)
    if edges is not None:
        if not numeric or not len(edges) or (np.diff(edges) <= 0).any():
            raise ECGError(
                f"{caller} expected rising edges of a numeric column; got {list(edges)} for "
                f"{column.name!r} of dtype {column.dtype}."
            )
        cuts = [-np.inf, *edges, np.inf]
        inner = [f"{low:g}-<{high:g}" for low, high in pairwise(edges)]
        names = [f"<{edges[0]:g}", *inner, f">={edges[-1]:g}"]
        levels = pd.cut(column.astype(float), cuts, right=False, labels=names)
    elif numeric and column.nunique() > _MAX_CODES:
        raise ECGError(
            f"{caller} expected edges for the numeric column {column.name!r} of "
            f"{column.nunique()} distinct values; got none. Pass edges={{{column.name!r}: "
            "[40, 65]}, say."
        )
    else:
        levels = column.astype("category")
        levels = levels.cat.rename_categories([str(level) for level in levels.cat.categories])
    if levels.isna().any():
        if "missing" not in levels.cat.categories:
            levels = levels.cat.add_categories("missing")
        levels = levels.fillna("missing")
    return levels.cat.remove_unused_categories()
