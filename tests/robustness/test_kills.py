"""A writer that is killed, or has no room, loses neither the old content nor the new.

A short run of `writers`, which prints the whole kill matrix.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.robustness.kills import QUICK_FOLDER
from tests.robustness.writers import WRITERS, try_all


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_one_readable_whole_is_left_whatever_happens(writer):
    # Not pytest's folder: a user without permissions must be able to enter it.
    with TemporaryDirectory(dir=QUICK_FOLDER) as name:
        Path(name).chmod(0o755)
        for way, verdicts in try_all(writer, Path(name), most=8).items():
            assert set(verdicts) == {"whole"}, way
