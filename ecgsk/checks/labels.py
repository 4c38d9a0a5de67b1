"""Labels of any form as a table of 0, 1 and NaN."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

#: A y with more classes than this is no classification.
_MAX_CLASSES = 100


def read_labels(y: Any) -> pd.DataFrame | None:
    """Return labels as 0, 1 and NaN; one column per class where y has one class per record.

    Columns that are no labels are left out, so that a fit can say what is wrong with them.
    """
    if y is None or sparse.issparse(y):
        return None
    if not isinstance(y, pd.DataFrame):
        array = y.to_numpy() if isinstance(y, pd.Series) else np.asarray(y)
        if array.ndim == 1:
            name = getattr(y, "name", None) or "y"
            return _classes(pd.Series(array), name)
        if array.ndim != 2:
            return None
        y = pd.DataFrame(array, columns=[f"label{i}" for i in range(array.shape[1])])
    columns = {}
    for place, name in enumerate(y.columns):
        values = pd.to_numeric(y.iloc[:, place], errors="coerce")
        known = values[values.notna()]
        if known.isin([0, 1]).all():
            columns[name] = values.astype("float32").to_numpy()
    return pd.DataFrame(columns)


def _classes(y: pd.Series, name: Any) -> pd.DataFrame | None:
    codes, classes = pd.factorize(y)
    if not 2 <= len(classes) <= _MAX_CLASSES:
        return None
    shown = classes[1:] if len(classes) == 2 else classes
    return pd.DataFrame(
        {
            f"{name}={level}": np.where(
                codes < 0, np.nan, codes == np.flatnonzero(classes == level)
            )
            for level in shown
        }
    )
