"""Files and folders are replaced whole, whatever happens meanwhile."""

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ecgsk import _files
from ecgsk._files import find_folder, replace_file, replace_folder, sole_writer
from ecgsk.exceptions import ECGError
from tests.robustness import kills
from tests.robustness.kills import Writer

_HERE = Path(__file__).parent


def _fill(folder, text):
    (folder / "one").write_text(text, "utf-8")
    (folder / "part").mkdir(parents=True)
    (folder / "part" / "two").write_text(text, "utf-8")


def _write(path, text, overwrite=True):
    with replace_folder(path, overwrite=overwrite) as new:
        _fill(new, text)


def _read(folder):
    return {(folder / "one").read_text("utf-8"), (folder / "part" / "two").read_text("utf-8")}


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def _read_model(folder):
    assert find_folder(folder / "model") == folder / "model"
    return _read(folder / "model")


def _write_report(folder, text):
    with replace_file(folder / "report.txt") as new:
        new.write_text(text, "utf-8")


_WRITERS = (
    Writer(
        "folder",
        lambda folder: _write(folder / "model", "old"),
        lambda folder: _write(folder / "model", "new"),
        _read_model,
    ),
    Writer(
        "file",
        lambda folder: _write_report(folder, "old"),
        lambda folder: _write_report(folder, "new"),
        lambda folder: {(folder / "report.txt").read_text("utf-8")},
    ),
)


@pytest.mark.parametrize("fate", [kills.kill, kills.no_space, kills.interrupt])
@pytest.mark.parametrize("writer", _WRITERS, ids=lambda writer: writer.name)
def test_one_whole_remains_whatever_step_fails(tmp_path, writer, fate):
    old, new = tmp_path / "before", tmp_path / "after"
    writer.begin(old)
    writer.write(new)
    n_steps = kills.count_steps(writer.write, shutil.copytree(old, tmp_path / "count"))
    assert n_steps > 5
    seen = set()
    for step in range(n_steps):
        left = shutil.copytree(old, tmp_path / str(step))
        kills.end_at(step, fate, writer.write, left)
        if fate is not kills.kill:
            assert not [name for name in _names(left) if name.startswith(".new-")], step
        seen |= writer.read(left)
        assert kills.what_is_left(writer, left, old, new) == "whole", step
    assert seen == {"old", "new"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_failed_fsync_keeps_the_old(tmp_path, monkeypatch, number):
    _write(tmp_path / "model", "old")
    (tmp_path / "report").write_text("old", "utf-8")

    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ECGError, match=rf"Cannot write {tmp_path}/model \(.*unchanged"):
        _write(tmp_path / "model", "new")
    with pytest.raises(ECGError), replace_file(tmp_path / "report") as new:
        new.write_text("new", "utf-8")
    assert _read(tmp_path / "model") == {"old"}
    assert (tmp_path / "report").read_text("utf-8") == "old"
    assert _names(tmp_path) == ["model", "report"]


def test_old_folder_that_cannot_be_deleted_is_deleted_by_the_next_writer(tmp_path, monkeypatch):
    _write(tmp_path / "model", "old")
    with monkeypatch.context() as busy:
        busy.setattr("shutil.rmtree", lambda path, **_: None)
        _write(tmp_path / "model", "new")
        assert _names(tmp_path) == [".old-model", "model"]
    assert _read(find_folder(tmp_path / "model")) == {"new"}
    _write(tmp_path / "model", "newer")
    assert _read(tmp_path / "model") == {"newer"}
    assert _names(tmp_path) == ["model"]


def test_error_of_the_caller_comes_through(tmp_path):
    with pytest.raises(TypeError), replace_folder(tmp_path / "a", overwrite=False) as new:
        _fill(new, 3)
    with pytest.raises(FileNotFoundError), replace_file(tmp_path / "b"):
        Path("not there").read_bytes()
    assert not _names(tmp_path)


def test_parents_are_created(tmp_path):
    _write(tmp_path / "a" / "b", "text", overwrite=False)
    with replace_file(tmp_path / "c" / "d.csv") as new:
        new.touch()
    assert _names(tmp_path) == ["a", "c"]


def test_temporary_keeps_the_suffix(tmp_path):
    with replace_file(tmp_path / "table.csv.gz") as new:
        assert new.name.endswith("table.csv.gz")
        assert new.parent == tmp_path
        new.touch()


def test_symlinks_stay_and_their_targets_are_replaced(tmp_path):
    _write(tmp_path / "disk" / "model", "old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "model")
    _write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert _read(tmp_path / "disk" / "model") == {"new"}
    (tmp_path / "report").symlink_to(tmp_path / "disk" / "report")
    for text in ("first", "second"):  # at first it points to nothing
        with replace_file(tmp_path / "report") as new:
            new.write_text(text, "utf-8")
        assert (tmp_path / "report").is_symlink()
        assert (tmp_path / "disk" / "report").read_text("utf-8") == text
    assert _names(tmp_path) == ["disk", "link", "report"]
    assert _names(tmp_path / "disk") == ["model", "report"]


def test_folder_behind_a_symlink_is_found_after_a_kill(tmp_path):
    _write(tmp_path / "disk" / ".old-model", "old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "model")
    assert _read(find_folder(tmp_path / "link")) == {"old"}
    assert _names(tmp_path / "disk") == ["model"]


def test_symlinks_in_a_circle(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(ECGError, match=r"Cannot (follow|write) .*another path"):
        _write(tmp_path / "a", "text")
    assert not find_folder(tmp_path / "a").exists()


def test_root_is_read_and_never_written():
    assert find_folder("/") == Path("/")
    with pytest.raises(ECGError, match="/ cannot be replaced"):
        _write("/", "text")


@pytest.mark.parametrize("path", [".", "", "..", "../model", "/"])
def test_current_folder_is_not_replaced(tmp_path, monkeypatch, path):
    _write(tmp_path / "model", "old")
    monkeypatch.chdir(tmp_path / "model")
    with pytest.raises(ECGError, match=r"is the current folder or holds it|/ cannot be replaced"):
        _write(path, "new")
    assert _read(tmp_path / "model") == {"old"}
    assert _names(tmp_path) == ["model"]


def test_relative_paths_are_those_at_the_start(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with replace_folder("model", overwrite=False) as new:
        os.chdir("elsewhere")
        (new / "file").touch()
    assert _names(tmp_path) == ["elsewhere", "model"]


def test_folder_is_replaced_only_if_asked(tmp_path):
    (tmp_path / "model").mkdir()
    _write(tmp_path / "model", "first", overwrite=False)  # nothing in it to lose
    with pytest.raises(ECGError, match=r"exists.*overwrite=True"):
        _write(tmp_path / "model", "second", overwrite=False)
    # A kill between two renames left it under its hidden name only.
    (tmp_path / "model").rename(tmp_path / ".old-model")
    with pytest.raises(ECGError, match=r"exists.*overwrite=True"):
        _write(tmp_path / "model", "second", overwrite=False)
    assert _read(tmp_path / "model") == {"first"}


def test_files_and_folders_do_not_replace_one_another(tmp_path):
    (tmp_path / "file").write_text("mine", "utf-8")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ECGError, match="Expected a folder"):
        _write(tmp_path / "file", "text")
    with (
        pytest.raises(ECGError, match="Expected a regular file"),
        replace_file(tmp_path / "folder"),
    ):
        pass
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ECGError, match="Expected a regular file"), replace_file(tmp_path / "pipe"):
        pass
    with pytest.raises(ECGError, match=r"Cannot write .*File exists: .*/file'\)"):
        _write(tmp_path / "file" / "model", "text")
    assert _names(tmp_path) == ["file", "folder", "pipe"]


def test_permissions_are_kept(tmp_path):
    _write(tmp_path / "model", "old")
    (tmp_path / "model").chmod(0o700)
    _write(tmp_path / "model", "new")
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o700
    (tmp_path / "report").touch(0o600)
    with replace_file(tmp_path / "report") as new:
        new.touch()
    assert (tmp_path / "report").stat().st_mode & 0o777 == 0o600


def _read_only(path, *arguments, **named):
    raise OSError(errno.EROFS, "Read-only file system", str(path))


def test_read_only_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", _read_only)
    for path in (tmp_path / "model", tmp_path / "new" / "model"):
        with pytest.raises(
            ECGError, match=rf"Cannot write {path} \(.*Read-only.* you may write to"
        ):
            _write(path, "text")


def test_windows_keeps_open_files_and_the_error_says_so(tmp_path, monkeypatch):
    def is_mapped(new, path):
        raise PermissionError(errno.EACCES, "used by another process", str(path))

    _write(tmp_path / "model", "old")
    monkeypatch.setattr("ecgsk._files._OPEN_FILES_STAY", True)
    monkeypatch.setattr(os, "rename", is_mapped)
    with pytest.raises(ECGError, match=r"What was there is unchanged\. Close what reads it"):
        _write(tmp_path / "model", "new")
    assert any((tmp_path / "model").iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="root may become another")
def test_folder_that_may_not_be_entered(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o700)
    path = tmp_path / "closed" / "model"
    os.seteuid(65534)
    try:
        assert find_folder(path) == path
        with pytest.raises(ECGError, match=r"Cannot write .*Permission denied"):
            _write(path, "text")
        with pytest.raises(ECGError, match=r"Cannot write .*Permission denied"), replace_file(path):
            pass
    finally:
        os.seteuid(0)


def test_old_folder_is_read_where_it_cannot_be_moved_back(tmp_path, monkeypatch):
    _write(tmp_path / ".old-model", "old")
    monkeypatch.setattr(Path, "mkdir", _read_only)
    assert _read(find_folder(tmp_path / "model")) == {"old"}
    assert _names(tmp_path) == [".old-model"]


def test_file_beyond_the_limit_of_the_user(tmp_path):
    """A quota, met by the system and not by a patch."""
    pytest.importorskip("resource")
    script = (
        "import resource, sys; from ecgsk._files import replace_file\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "with replace_file(sys.argv[1]) as new: new.write_bytes(bytes(2000))"
    )
    (tmp_path / "report").write_text("old", "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "report")],
        env={**os.environ, "PYTHONPATH": str(_HERE.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"ECGError: Cannot write {tmp_path}/report ([Errno 27] File too large)" in done.stderr
    assert "Free some space" in done.stderr
    assert (tmp_path / "report").read_text("utf-8") == "old"
    assert _names(tmp_path) == ["report"]


def test_second_writer_waits_and_then_gives_up(tmp_path, monkeypatch):
    entered, leave = threading.Event(), threading.Event()

    def first():
        with replace_folder(tmp_path / "model", overwrite=True) as new:
            (new / "file").write_text("first", "utf-8")
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(30)
    monkeypatch.setattr(_files, "_SECONDS_TO_WAIT", 0.05)
    with pytest.raises(ECGError, match=r"is writing .*/model \(process \d+ on .*\)\. Wait"):
        _write(tmp_path / "model", "second")
    # A reader does not wait as long as there is a folder, or never was one.
    assert find_folder(tmp_path / "model") == tmp_path / "model"
    leave.set()
    thread.join()
    assert (tmp_path / "model" / "file").read_text("utf-8") == "first"
    assert _names(tmp_path) == ["model"]


def test_many_writers_take_turns(tmp_path):
    """Each file is one writer's, and no two hold the lock at once."""
    inside, errors = [], []

    def write(number):
        try:
            for _ in range(5):
                with replace_file(tmp_path / "file") as new, new.open("w") as file:
                    inside.append(number)
                    file.write(str(number) * 1000)
                    assert inside == [number]
                    inside.remove(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(set((tmp_path / "file").read_text())) == 1
    assert _names(tmp_path) == ["file"]


def test_sole_writer_names_the_path(tmp_path):
    with sole_writer(tmp_path / "store"):
        caught = []

        def second():
            try:
                with sole_writer(tmp_path / "store", seconds=0):
                    pass
            except ECGError as error:
                caught.append(str(error))

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert f"is writing {tmp_path / 'store'}" in caught[0]
