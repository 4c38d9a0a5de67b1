"""Save to folders that exist, by any of their names, and through failures."""

from pathlib import Path

import numpy as np
import pytest

import ecgsk
from ecgsk.exceptions import ECGError


def _files(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_overwrite_replaces_a_model(folder, classifier, X):
    (folder / ".DS_Store").write_bytes(b"")  # a file manager's, not the user's
    before = _files(folder)
    with pytest.raises(FileExistsError, match=r"already holds a model\. Pass overwrite=True"):
        ecgsk.save(classifier, folder)
    assert _files(folder) == before
    assert ecgsk.save(classifier, str(folder), overwrite=True) == folder
    np.testing.assert_array_equal(ecgsk.load(folder).predict_proba(X), classifier.predict_proba(X))
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize(
    "files",
    [
        {},
        {"thesis.tex": "years of work"},
        {"manifest.json": '{"name": "a browser extension"}', "background.js": "..."},
        {"manifest.json": "not JSON", "weights.safetensors": ""},
        {"manifest.json": '["ecgsk model"]', "weights.safetensors": ""},
        {"manifest.json": '{"format": "ecgsk model"}', "weights.safetensors": "", "notes": "mine"},
    ],
)
def test_overwrite_replaces_only_a_model(classifier, tmp_path, files, overwrite):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content, "utf-8")
    before = _files(folder)
    with pytest.raises(FileExistsError, match=r"not a model, or holds other files.*another folder"):
        ecgsk.save(classifier, folder, overwrite=overwrite)
    assert _files(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_save_to_an_existing_file_raises(classifier, tmp_path):
    path = tmp_path / "model"
    path.write_text("mine", "utf-8")
    with pytest.raises(FileExistsError, match="is not a model"):
        ecgsk.save(classifier, path, overwrite=True)
    assert path.read_text("utf-8") == "mine"


@pytest.mark.parametrize("overwrite", [True, False])
def test_failed_save_leaves_no_files(classifier, folder, monkeypatch, overwrite):
    """The disk is full when half is written."""
    before = _files(folder)
    target = folder if overwrite else folder.with_name("new")

    write = Path.write_bytes

    def write_half(path, content):
        write(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    with pytest.raises(ECGError, match=rf"Cannot write {target} \(.*No space left"):
        ecgsk.save(classifier, target, overwrite=overwrite)
    assert list(folder.parent.iterdir()) == [folder]
    assert _files(folder) == before


def test_save_to_the_current_folder_is_refused(classifier, folder, monkeypatch):
    before = _files(folder)
    monkeypatch.chdir(folder)
    for path in (".", "", "../model", folder):
        with pytest.raises(FileExistsError, match="already holds a model"):
            ecgsk.save(classifier, path)
        with pytest.raises(ECGError, match="is the current folder or holds it"):
            ecgsk.save(classifier, path, overwrite=True)
    with pytest.raises(FileExistsError, match="is not a model"):
        ecgsk.save(classifier, "..", overwrite=True)
    assert _files(folder) == before
    assert list(folder.parent.iterdir()) == [folder]
    assert ecgsk.load(".")[-1].label_names_ == classifier.label_names_


def test_save_through_a_symlink_replaces_its_target(classifier, folder, X, tmp_path):
    link, dangling = tmp_path / "link", tmp_path / "dangling"
    link.symlink_to(folder)
    dangling.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError, match="already holds a model"):
        ecgsk.save(classifier, link)
    for path, target in ((link, folder), (dangling, tmp_path / "elsewhere")):
        assert ecgsk.save(classifier, path, overwrite=True) == path
        assert path.is_symlink()
        for place in (path, target):
            expected = classifier.predict_proba(X)
            np.testing.assert_array_equal(ecgsk.load(place).predict_proba(X), expected)


def test_kill_between_the_renames_of_overwrite_leaves_the_old_model(pipeline, classifier, folder):
    folder.rename(folder.with_name(f".old-{folder.name}"))
    with pytest.raises(FileExistsError, match="already holds a model"):
        ecgsk.save(classifier, folder)
    assert ecgsk.load(folder)[-1].label_names_ == pipeline[-1].label_names_
    assert list(folder.parent.iterdir()) == [folder]


def test_load_while_the_model_is_replaced(pipeline, classifier, folder, X, monkeypatch):
    """The manifest is of the old model, the weights of the new one: read both again."""
    read = Path.read_bytes

    def replace_after_the_manifest(path):
        content = read(path)
        if path.name == "manifest.json":
            monkeypatch.undo()
            ecgsk.save(classifier, folder, overwrite=True)
        return content

    monkeypatch.setattr(Path, "read_bytes", replace_after_the_manifest)
    np.testing.assert_array_equal(ecgsk.load(folder).predict_proba(X), classifier.predict_proba(X))
