"""A small cohort, and a loopback server with PhysioNet's layout."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import Cohort
from tests.loopback import server

__all__ = ["server"]

PARTS = pd.CategoricalDtype(["train", "validation", "test"])


@pytest.fixture
def small_cohort():
    """Cohort of four records with flow and split."""
    X = pd.DataFrame(
        {
            "age": [60.0, 61.0, 44.0, np.nan],
            "sex": pd.Categorical(["F", "F", "M", None], ["F", "M"]),
            "smoker": pd.array([True, False, None, None], "boolean"),
            "subject_id": [7, 7, 9, 8],
        }
    )
    Y = pd.DataFrame({"I48": [0.0, 1.0, 0.0, np.nan], "<b>": [1.0, 1.0, 1.0, np.nan]})
    flow = pd.DataFrame(
        {"records": [6, 4], "subjects": [3, 3], "left_out": [0, 2], "reason": ["", "a < b & c"]},
        index=["listed", "readable"],
    )
    return Cohort(
        X,
        Y,
        labs=pd.DataFrame({"potassium": [4.0, np.nan, np.nan, np.nan]}),
        folds=pd.Series([1, 1, 2, 3]),
        split=pd.Series(["train", "train", "validation", "test"], dtype=PARTS),
        flow=flow,
        lab_abnormalities=pd.DataFrame({"potassium low": [1.0, np.nan, np.nan, np.nan]}),
    )
