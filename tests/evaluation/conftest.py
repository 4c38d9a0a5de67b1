"""One comparison of all arms on the small cohort."""

import pytest

from ecgsk import compare_arms
from ecgsk.evaluation import ARMS


@pytest.fixture(scope="session")
def compare(X, Y, make_pretrainer, make_classifier):
    """Compare arms of the small cohort with tiny models; parameters may be changed."""

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
    """All arms with laboratory values, every label and half of them."""
    labs = cohort.labs[["potassium", "troponin"]]
    ranges = cohort.reference_ranges
    return compare(labs=labs, reference_ranges=ranges, label_fractions=(1.0, 0.5), arms=list(ARMS))
