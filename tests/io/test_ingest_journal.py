"""Interrupted ingests go on where they were."""

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecgsk._files import sole_writer
from ecgsk.exceptions import ECGError
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


@pytest.fixture
def unfinished(ingest, monkeypatch, tmp_path):
    """An ingest that was interrupted before its last step."""
    with monkeypatch.context() as patch:
        patch.setattr(_ingest, "_finish", None)
        with pytest.raises(TypeError):
            ingest()
    return tmp_path / "out"


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "cut line": lambda out: os.truncate(out / ".ingest/journal.jsonl", 1000),
    "longer samples": lambda out: os.truncate(out / ".writing/ecg.npy", 2_000_000),
    "shorter samples": lambda out: os.truncate(out / ".writing/ecg.npy", 100_000),
    "no samples": lambda out: shutil.rmtree(out / ".writing"),
    "another sample": lambda out: flip(out / ".writing/ecg.npy", 400_000),
    "another header": lambda out: flip(out / ".writing/ecg.npy", 90),
    "half a table": lambda out: os.truncate(out / ".ingest/000004.parquet", 9),
    "no table": lambda out: (out / ".ingest/000001.parquet").unlink(),
    "no plan": lambda out: (out / ".ingest/plan.json").unlink(),
    "damaged plan": lambda out: flip(out / ".ingest/plan.json", 50),
    "tables exchanged": lambda out: [
        shutil.copy(out / ".ingest/000001.parquet", out / ".ingest/000002.parquet")
    ],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_half_written_is_made_again(ingest, content, unfinished, damage):
    expected = content(ingest("whole"))
    DAMAGES[damage](unfinished)
    assert content(ingest()) == expected


@pytest.mark.parametrize("change", ["changed", "added", "removed"])
def test_records_that_change_before_it_resumes_are_read_again(
    ingest, content, records, unfinished, monkeypatch, change
):
    convert, read = _ingest.convert, []

    def counted(folder, names, conversion):
        read.extend(names)
        return convert(folder, names, conversion)

    if change == "changed":
        flip(records / "p1/r13.dat", 1000)
    elif change == "added":
        for suffix in ("hea", "dat"):
            shutil.copy(records / f"p1/r13.{suffix}", records / f"p1/r131.{suffix}")
    else:
        (records / "p1/r13.hea").unlink()
    monkeypatch.setattr(_ingest, "convert", counted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the copy's header names the other samples
        resumed = content(ingest())
        assert 2 <= len(read) <= 8  # the chunks before stay
        assert content(ingest("whole")) == resumed


@given(st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_journal_never_leads_to_other_samples(ingest, content, unfinished, data):
    expected = content(ingest("whole"))  # made once
    again = unfinished.with_name("again")
    shutil.rmtree(again, ignore_errors=True)
    shutil.copytree(unfinished, again)
    name = data.draw(st.sampled_from(["journal.jsonl", "plan.json"]))
    written = bytearray((again / ".ingest" / name).read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(written) - 1), min_size=1, max_size=3)):
        written[place] = data.draw(st.sampled_from(b'0123456789abc"{}[]\n\0\xff'))
    (again / ".ingest" / name).write_bytes(written)
    assert content(ingest("again")) == expected


_TWO = """
import sys
from ecgsk.exceptions import ECGError
from ecgsk.io import ingest
print("ready", flush=True)
sys.stdin.readline()
try:
    ingest(sys.argv[1], sys.argv[2], chunk_size=1, progress=False)
except ECGError as error:
    print(error)
"""


def test_of_two_ingests_into_one_folder_one_fails_at_once(ingest, content, records, tmp_path):
    expected = content(ingest("whole", chunk_size=1))
    arguments = [sys.executable, "-c", _TWO, str(records), str(tmp_path / "out")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(arguments, **pipes) for _ in range(2)]
    for run in both:
        run.stdout.readline()
    for run in both:
        run.stdin.write("\n")
        run.stdin.flush()
    said = [run.communicate()[0] for run in both]
    assert content(tmp_path / "out") == expected
    refused = [number for number in range(2) if said[number]]
    if refused:  # one may have finished before the other began
        other = both[1 - refused[0]].pid
        assert f"is writing {tmp_path / 'out'} (process {other} on " in said[refused[0]]
    assert len(refused) < 2


def test_an_ingest_into_a_folder_that_is_written_is_refused(ingest, tmp_path):
    with (
        sole_writer(tmp_path / "out"),
        pytest.raises(ECGError, match=rf"is writing .*out \(process {os.getpid()} on .* since"),
    ):
        ingest()
    assert ingest()  # the lock of a writer that has ended is taken over


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bytes(ingest, content, records, tmp_path):
    expected = content(ingest("whole", chunk_size=1))
    out, rng = tmp_path / "out", np.random.default_rng(0)
    code = (
        "from ecgsk.io import ingest; print('ready', flush=True);"
        f"ingest({str(records)!r}, {str(out)!r}, chunk_size=1, progress=False)"
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
