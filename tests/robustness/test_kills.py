"""A writer that is killed, or has no room, loses neither the old content nor the new."""

import pytest

from tests.robustness.writers import WRITERS, try_all


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_one_readable_whole_is_left_whatever_happens(writer, tmp_path):
    for parent in [tmp_path, *tmp_path.parents[:2]]:  # entered by a user without permissions
        parent.chmod(0o755)
    for way, verdicts in try_all(writer, tmp_path).items():
        assert set(verdicts) == {"whole"}, way
