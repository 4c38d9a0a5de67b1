"""A small cohort, many latent states, and the ECGs of an average patient."""

import numpy as np
import pandas as pd
import pytest

from ecgsk.datasets import Cohort, make_clinical_ecg, synthesize_ecg
from ecgsk.datasets.clinical import diagnoses, patients, table


@pytest.fixture(scope="session")
def cohort() -> Cohort:
    return make_clinical_ecg(600, random_state=0)


@pytest.fixture(scope="session")
def visits() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Latent state, table and diagnoses of 55,000 visits, without their ECGs."""
    rng = np.random.default_rng(7)
    state = patients.draw_state(30_000, rng)
    return (
        pd.DataFrame(state),
        table.draw_table(state, rng),
        diagnoses.draw_diagnoses(state, rng),
    )


@pytest.fixture(scope="session")
def recorded():
    """Latent states and signals of 1,500 subjects."""
    cohort = make_clinical_ecg(1500, random_state=1)
    return cohort.latent, cohort.X["ecg"].ecg.to_numpy()


@pytest.fixture(scope="session")
def average() -> pd.DataFrame:
    """Latent state of a healthy patient with average anatomy."""
    latent = make_clinical_ecg(1, random_state=0).latent.iloc[:1].copy()
    numbers = latent.columns.drop(["acute_infarct_territory", "old_infarct_territory"])
    latent[numbers] = 0.0
    latent[[name for name in latent if name.startswith("gain_")]] = 1.0
    return latent.assign(
        age=62.0, bmi=28.0, heart_rate=70.0, potassium=4.3, calcium=9.3, magnesium=2.0,
        haemoglobin=14.0,
    )  # fmt: skip


@pytest.fixture(scope="session")
def record_average(average):
    """Record the average patient 40 times, with some causes changed."""

    def record(**causes) -> np.ndarray:
        latent = pd.concat([average.assign(**causes)] * 40, ignore_index=True)
        return synthesize_ecg(latent, random_state=0).read()

    return record
