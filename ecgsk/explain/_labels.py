"""Labels of findings and diagnoses: 0, 1 and NaN with names."""

from typing import Any

import numpy as np
import pandas as pd

from ecgsk.exceptions import ECGError


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
