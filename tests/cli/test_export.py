"""``ecgsk export``: where the file is, and what happens without the extra."""

import json

import pytest

from ecgsk.cli import _export, main


@pytest.fixture
def exported(monkeypatch):
    """Write a file in place of a graph, which takes long to make."""

    def export(model, path):
        path.write_bytes(b"graph")
        return path

    monkeypatch.setattr(_export, "export", export)


def test_names_the_file(invoke, model, tmp_path, exported):
    out = tmp_path / "model.onnx"
    assert f"Written to {out}" in invoke("export", model, out)
    assert json.loads(invoke("export", model, out, "--json")) == {"out": str(out), "bytes": 5}


def test_missing_extra_is_no_traceback(model, tmp_path, monkeypatch, capsys):
    def export(model, path):
        raise ImportError("export needs onnx, which is not installed: pip install 'ecgsk[onnx]'.")

    monkeypatch.setattr(_export, "export", export)
    monkeypatch.setattr("sys.argv", ["ecgsk", "export", str(model), str(tmp_path / "model.onnx")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "error: export needs onnx, which is not installed: pip install 'ecgsk[onnx]'.\n"
    )
