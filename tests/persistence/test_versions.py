"""Versions that a model was made with."""

import warnings
from pathlib import Path

import pytest

from ecgsk.exceptions import VersionWarning
from ecgsk.persistence import _versions
from ecgsk.persistence._versions import made_with, warn_of_versions


@pytest.fixture
def installed(monkeypatch):
    """Each library and ecgsk at 2.6.1, but ecgsk at 0.3.0."""
    versions = dict.fromkeys(made_with(), "2.6.1") | {"ecgsk": "0.3.0"}
    monkeypatch.setattr(_versions, "made_with", lambda: versions)
    return versions


@pytest.mark.parametrize("stated", ["2.6.1", "2.6.9", "2.6.0rc1", "2.5.0", "2.2.9", "2.6.1+cu128"])
def test_near_versions_do_not_warn(installed, stated):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_versions({**installed, "torch": stated, "ecgsk": "0.3.5"}, Path("model"))


@pytest.mark.parametrize("library", ["scikit-learn", "numpy", "pandas", "torch"])
@pytest.mark.parametrize("stated", ["2.7.0", "3.0.0", "2.1.9", "1.9.0", "99.0", "", "new", None, 3])
def test_newer_and_much_older_versions_warn(installed, library, stated):
    with pytest.warns(VersionWarning, match=rf"model was made with {library} .*installed: 2\.6\.1"):
        warn_of_versions({**installed, library: stated}, Path("model"))


@pytest.mark.parametrize("stated", ["0.2.9", "0.4.0", "1.0.0"])
def test_every_minor_version_counts_before_1_0(installed, stated):
    with pytest.warns(VersionWarning, match=rf"ecgsk {stated} \(installed: 0\.3\.0\)"):
        warn_of_versions({**installed, "ecgsk": stated}, Path("model"))


@pytest.mark.parametrize("stated", [None, [], "2.6", {}])
def test_without_versions_all_are_unknown(installed, stated):
    with pytest.warns(VersionWarning, match=r"torch of an unknown version"):
        warn_of_versions(stated, Path("model"))
