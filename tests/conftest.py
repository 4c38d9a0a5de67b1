"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A machine shared by several runs is slow now and then; that is no failure. And one
# commit passes or fails alike each time: --hypothesis-profile=default looks further.
settings.register_profile("ecgsk", deadline=None, derandomize=True)
settings.load_profile("ecgsk")

# Beside the checkout: real, openly licensed recordings that are not part of the project.
REAL_DATA = Path(os.environ.get("ECGSK_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real recordings; tests that need it skip where it is absent."""
    if not (REAL_DATA / "README.md").exists():
        pytest.skip(f"real recordings not found at {REAL_DATA}; set ECGSK_REAL_DATA")
    return REAL_DATA
