"""A writer that is killed, or has no room, loses neither the old content nor the new."""

import os
import shutil
from collections import Counter

import pytest

from tests.robustness import kills
from tests.robustness.writers import WRITERS

BY_NAME = {writer.name: writer for writer in WRITERS}


@pytest.fixture(params=BY_NAME)
def writer(request):
    return BY_NAME[request.param]


@pytest.fixture
def old(writer, tmp_path):
    folder = tmp_path / "old"
    folder.mkdir()
    writer.begin(folder)
    return folder


@pytest.fixture
def new(writer, old, tmp_path):
    folder = shutil.copytree(old, tmp_path / "new")
    writer.write(folder)
    return folder


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_whole(writer, folder, old, new):
    """Either content is read; writing again then leaves the new one and nothing else."""
    assert writer.read(folder) in (writer.read(old), writer.read(new))
    writer.write(folder)
    assert writer.read(folder) == writer.read(new)
    assert listing(folder) == listing(new)


def test_kill_at_every_step_leaves_one_readable_whole(writer, old, new, tmp_path):
    n_steps = kills.count_steps(writer.write, shutil.copytree(old, tmp_path / "count"))
    assert n_steps > 3
    ends = Counter()
    for step in range(n_steps + 1):
        folder = shutil.copytree(old, tmp_path / f"step{step}")
        ends[kills.kill_at(step, writer.write, folder)] += 1
        assert_whole(writer, folder, old, new)
    assert ends == {-9: n_steps, kills.DONE: 1}


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "disk full"])
def test_a_limit_within_any_file_leaves_one_readable_whole(writer, old, new, tmp_path, kill):
    largest = max(path.stat().st_size for path in new.rglob("*") if path.is_file())
    for share in (0, 0.001, 0.1, 0.5, 0.999):
        folder = shutil.copytree(old, tmp_path / f"limit{share}")
        end = kills.limit_files(int(share * largest), writer.write, folder, kill=kill)
        assert end in ((-25,) if kill else (kills.REFUSED,)), end
        assert_whole(writer, folder, old, new)


def test_a_folder_without_permission_is_refused_in_words(writer, old, new, tmp_path):
    folder = shutil.copytree(old, tmp_path / "locked")
    for parent in [tmp_path, *tmp_path.parents]:  # may be entered by the user without rights
        if parent.owner() == tmp_path.owner() and parent != parent.parent and os.geteuid() == 0:
            parent.chmod(parent.stat().st_mode | 0o011)
    assert kills.without_permission(writer.write, folder) == kills.REFUSED
    assert writer.read(folder) == writer.read(old)
