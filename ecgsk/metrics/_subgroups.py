"""Scores of subgroups and their differences from the remaining records."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ecgsk.exceptions import ECGError
from ecgsk.metrics.resampling import Resamples, Statistic, bootstrap, check_statistic
from ecgsk.metrics.validation import LabelsAndScores, check_labels_and_scores, check_same_rows

# A numeric column with more distinct values is a measurement and needs edges.
_MAX_NUMERIC_LEVELS = 10


def subgroup_scores(
    Y: ArrayLike,
    P: ArrayLike,
    by: Any,
    *,
    groups: ArrayLike,
    edges: Mapping[str, Sequence[float]] | None = None,
    statistic: Statistic = "roc_auc",
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Score each subgroup (sex, race, age, ...) and its difference from all other records.

    Each resample draws from all patients, and every subgroup is scored in it. A patient with
    records in two age groups is therefore drawn for both.

    .. versionadded:: 0.1

    Parameters
    ----------
    Y : array-like or DataFrame of shape (n_samples, n_labels) or (n_samples,)
        Labels: 0, 1 or NaN where not measured.
    P : array-like or DataFrame of the same shape
        Scores or probabilities.
    by : Series or DataFrame of shape (n_samples, n_columns)
        Columns that define the subgroups. Missing values form the level "missing".
    groups : array-like of shape (n_samples,)
        Patient of each record.
    edges : mapping of column name to increasing numbers, optional
        Edges of numeric columns: ``{"age": [40, 65]}`` gives the levels "<40", "40-<65" and
        ">=65". Numeric columns with more than ten distinct values need edges.
    statistic : str or callable, default="roc_auc"
        As in :func:`patient_bootstrap`, averaged over labels.
    n_resamples, confidence_level, random_state
        As in :func:`patient_bootstrap`.

    Returns
    -------
    DataFrame
        One row for each column of `by` and level, with columns column, level, n_records,
        n_patients, n_labels (with a score in the subgroup), score, low, high, difference,
        difference_low, difference_high. The score is the mean over the labels with a score in
        the subgroup. The difference is the mean over the labels with a score in the subgroup
        and in the other records. Without such labels they are NaN.

    Raises
    ------
    ECGError
        If the input is malformed or a numeric column needs edges.

    Notes
    -----
    Scores depend on the case mix of a subgroup as well as on the model: any model scores lower
    on older patients with harder cases. Intervals are not corrected for the number of
    subgroups.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ecgsk.metrics import subgroup_scores
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(2, size=400)
    >>> by = pd.DataFrame({"sex": rng.choice(["F", "M"], 400), "age": rng.integers(20, 90, 400)})
    >>> p = y + rng.normal(size=400) * np.where(by["sex"] == "F", 1, 3)
    >>> table = subgroup_scores(
    ...     y, p, by, groups=np.arange(400), edges={"age": [65]}, random_state=0
    ... )
    >>> table[["column", "level", "n_records", "score", "difference", "difference_low"]].round(2)
      column level  n_records  score  difference  difference_low
    0    sex     F        194   0.75        0.20            0.09
    1    sex     M        206   0.55       -0.20           -0.30
    2    age   <65        272   0.61       -0.02           -0.12
    3    age  >=65        128   0.63        0.02           -0.11
    """
    import pandas as pd  # imported late: scoring arrays needs no pandas

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
    """Score the records `inside` and the difference from the other records."""
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
    assert own is not None  # every level has records
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
    """Return each column of `by` as a categorical Series without unused categories."""
    import pandas as pd

    frame = pd.DataFrame(by)
    check_same_rows(caller, Y, frame, "by")
    if len(frame) != n_samples:
        raise ECGError(
            f"{caller} expected by to have {n_samples} rows; got {len(frame)}. "
            "Pass one row for each row of Y."
        )
    unknown = set(edges) - set(frame.columns)
    if unknown:
        raise ECGError(
            f"{caller} expected edges for columns of by, {list(frame.columns)}; got {unknown}. "
            "Leave out the others."
        )
    return {str(name): _level(caller, frame[name], edges.get(name)) for name in frame.columns}


def _level(caller: str, column: Any, edges: Sequence[float] | None) -> Any:
    """Cut or convert one column to a categorical Series."""
    import pandas as pd

    numeric = pd.api.types.is_numeric_dtype(column)
    if edges is not None:
        if not numeric or not len(edges) or (np.diff(edges) <= 0).any():
            raise ECGError(
                f"{caller} expected increasing edges for a numeric column; got {list(edges)} for "
                f"{column.name!r} of dtype {column.dtype}. Pass numbers such as [40, 65]."
            )
        cuts = [-np.inf, *edges, np.inf]
        inner = [f"{low:g}-<{high:g}" for low, high in pairwise(edges)]
        names = [f"<{edges[0]:g}", *inner, f">={edges[-1]:g}"]
        levels = pd.cut(column.astype(float), cuts, right=False, labels=names)
    elif numeric and column.nunique() > _MAX_NUMERIC_LEVELS:
        raise ECGError(
            f"{caller} expected edges for the numeric column {column.name!r} with "
            f"{column.nunique()} distinct values; got none. Pass, for example, "
            f"edges={{{column.name!r}: [40, 65]}}."
        )
    else:
        levels = column.astype("category")
        levels = levels.cat.rename_categories([str(level) for level in levels.cat.categories])
    if levels.isna().any():
        if "missing" not in levels.cat.categories:
            levels = levels.cat.add_categories("missing")
        levels = levels.fillna("missing")
    return levels.cat.remove_unused_categories()
