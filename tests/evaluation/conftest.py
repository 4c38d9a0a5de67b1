"""Fixtures: comparisons of the small cohort, a model card, and scored predictions."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from ecgsk import compare_arms
from ecgsk.datasets import Cohort
from ecgsk.evaluation import JOINT_EMBEDDING, model_card
from ecgsk.preprocessing import BandpassFilter, Resample


@pytest.fixture(scope="session")
def compare(X, Y, make_pretrainer, make_classifier):
    """Return a function that compares arms of the small cohort with tiny models."""

    def run(X=X, Y=Y, labs=None, groups=None, **changes):
        parameters = {
            "pretrainer": make_pretrainer(),
            "classifier": make_classifier(),
            "n_resamples": 50,
            "random_state": 0,
            "verbose": False,
        }
        return compare_arms(X, Y, labs, groups, **(parameters | changes))

    return run


@pytest.fixture(scope="session")
def comparison(compare, cohort):
    """Compare all arms with laboratory values, for all labels and half of them."""
    labs = cohort.labs[["potassium", "troponin"]]
    ranges = cohort.reference_ranges
    return compare(labs=labs, reference_ranges=ranges, label_fractions=(1.0, 0.5))


@pytest.fixture(scope="session")
def studied(cohort, X, Y):
    """Return the cohort of the comparison."""
    return Cohort(X, Y, labs=cohort.labs, reference_ranges=cohort.reference_ranges, DESCR="Made up")


@pytest.fixture(scope="session")
def card(comparison, studied):
    """Return the model card of the joint embedding in a pipeline."""
    model = comparison.score_of(JOINT_EMBEDDING).model
    steps = make_pipeline(Resample(100), BandpassFilter(0.5, 40), model)
    return model_card(
        steps, cohort=studied, comparison=comparison, intended_use="Triage | research"
    )


@pytest.fixture(scope="session")
def card_part():
    """Return a function that reads the text of a section."""

    def read(card, heading):
        return card.split(f"\n## {heading}\n")[1].split("\n## ")[0]

    return read


@pytest.fixture(scope="session")
def card_facts(card_part):
    """Return a function that reads the table of a section."""

    def read(card, heading):
        rows = re.findall(r"^\| (.+?) \| (.+) \|$", card_part(card, heading), re.M)
        return {name: value.replace("\\", "") for name, value in rows}

    return read


@pytest.fixture(scope="session")
def scored():
    """Return labels with NaN, probabilities, patients and demographics.

    One name has characters with a meaning in formulas.
    """
    rng = np.random.default_rng(0)
    names = ["rare", "$a_b$ & 50%", "frequent"]
    P = pd.DataFrame(rng.random((240, 3)) * [0.2, 0.6, 1], columns=names)
    Y = (rng.random(P.shape) < P).astype(float).mask(rng.random(P.shape) < 0.1)
    groups = np.repeat(np.arange(80), 3)
    by = pd.DataFrame({"age": 20.0 + groups, "sex": np.where(groups % 2, "F", "M")})
    return Y, P, groups, by
