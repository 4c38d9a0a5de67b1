"""No changed file ends in another library's error, a hang, much memory or a wrong answer.

A short run of `campaign`, which tries as many as one likes.
"""

import pytest

from tests.robustness.campaign import run_campaign
from tests.robustness.subjects import SUBJECTS


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_changed_files_are_refused_or_read_rightly(subject):
    tally = run_campaign(subject, 0, seconds=5, max_inputs=500)
    assert tally.findings == {}
    assert tally.tried > 2
