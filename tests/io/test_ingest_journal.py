"""Interrupted ingests go on where they were."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from ecgsk.io import _ingest


def test_an_interrupted_ingest_goes_on_after_its_last_chunk(ingest, content, monkeypatch, tmp_path):
    expected = content(ingest("whole"))
    convert, converted = _ingest.convert, []

    def interrupted(folder, names, conversion):
        if len(converted) == 3 and not (tmp_path / "again").exists():
            (tmp_path / "again").touch()
            raise KeyboardInterrupt
        converted.append(names)
        return convert(folder, names, conversion)

    monkeypatch.setattr(_ingest, "convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ingest()
    assert not (tmp_path / "out/ecg.json").exists()
    assert content(ingest()) == expected
    names = [name for chunk in converted for name in chunk]
    assert len(names) == len(set(names)) == 20


@pytest.mark.parametrize(
    "damage", ["cut line", "longer samples", "half a table", "renamed samples"]
)
def test_what_was_half_written_is_made_again(ingest, content, monkeypatch, tmp_path, damage):
    expected = content(ingest("whole"))
    finish = _ingest._finish
    monkeypatch.setattr(_ingest, "_finish", None)
    with pytest.raises(TypeError):
        ingest()
    out = tmp_path / "out"
    journal = out / ".ingest/journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    if damage == "cut line":
        journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:-5])
    elif damage == "longer samples":
        journal.write_bytes(b"".join(lines[:2]))
    elif damage == "half a table":
        journal.write_bytes(b"".join(lines[:-1]))
        (out / ".ingest/000006.parquet").write_bytes(b"PAR1")
    else:
        os.replace(out / ".ecg.npy", out / "ecg.npy")
    monkeypatch.setattr(_ingest, "_finish", finish)
    assert content(ingest()) == expected


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bytes(ingest, content, records, tmp_path):
    expected = content(ingest("whole", chunk_size=1))
    out, rng = tmp_path / "out", np.random.default_rng(0)
    code = (
        "from ecgsk.io import ingest_wfdb; print('ready', flush=True);"
        f"ingest_wfdb({str(records)!r}, {str(out)!r}, chunk_size=1, progress=False)"
    )
    lines = []
    for _ in range(5):
        run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        run.stdout.readline()
        time.sleep(rng.uniform(0.05, 0.25))
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        journal = out / ".ingest/journal.jsonl"
        lines.append(journal.read_bytes().count(b"\n") if journal.exists() else 20)
    assert lines == sorted(lines)  # nothing that was finished is lost
    assert content(ingest(chunk_size=1)) == expected
