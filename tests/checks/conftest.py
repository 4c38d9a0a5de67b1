"""Clean tables, large enough for every check to look at them."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import make_clinical_ecg


@pytest.fixture(scope="session")
def clean():
    """A cohort of 200 patients; every check finds nothing in it."""
    return make_clinical_ecg(n_subjects=200, random_state=0)


@pytest.fixture
def table():
    """A clean table of 120 patients without signals."""
    rng = np.random.default_rng(0)
    n = 120
    return pd.DataFrame(
        {
            "age": rng.normal(60, 12, n),
            "sex": pd.Categorical(rng.choice(["F", "M"], n)),
            "potassium": np.where(rng.random(n) < 0.3, np.nan, rng.normal(4.2, 0.5, n)),
            "visits": rng.poisson(2, n),
            "subject_id": np.arange(n),
        }
    )
