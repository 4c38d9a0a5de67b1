"""A record's state changes with its header and with every signal file."""

import os

import pytest

from ecgsk.io._record_state import source_stamp

HEADER = "{0} 2 100 10\n# a comment\n{0}.dat 16 200/mV 16 0 0 0 0 I\n{1} 16 200/mV 16 0 0 0 0 II\n"


@pytest.fixture(
    params=[("r", "r 2.dat", "utf-8"), ("Ä", "ä.dat", "latin-1"), ("患", "者", "utf-8")]
)
def record(request, tmp_path):
    """Path of a record, and of its three files."""
    name, second, encoding = request.param
    header = HEADER.format(name, second)
    (tmp_path / f"{name}.hea").write_bytes(header.encode(encoding))
    for file in (f"{name}.dat", second):
        (tmp_path / file).write_bytes(b"0123456789" * 2)
    return str(tmp_path / name), [
        tmp_path / file for file in (f"{name}.hea", f"{name}.dat", second)
    ]


def test_the_state_is_that_of_the_files(record):
    path, (header, *signals) = record
    before = source_stamp(path)
    os.utime(header, ns=(0, 0))  # the header's bytes count, not its time
    assert source_stamp(path) == before
    stamps = {before}
    for file in signals:
        os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
        stamps.add(source_stamp(path))
        file.write_bytes(b"longer than before it was")
        stamps.add(source_stamp(path))
        file.unlink()
        stamps.add(source_stamp(path))
    header.write_bytes(header.read_bytes().replace(b"200/", b"100/"))
    stamps.add(source_stamp(path))
    assert len(stamps) == 8


@pytest.mark.parametrize("content", [b"", b"\0\xff\xfe\n\n\n", b"r 1\n\0.dat 16\n", b"x" * 2**21])
def test_any_header_has_a_state(tmp_path, content):
    (tmp_path / "r.hea").write_bytes(content)
    assert len(source_stamp(str(tmp_path / "r"))) == 16
    os.remove(tmp_path / "r.hea")
    os.mkfifo(tmp_path / "r.hea")
    assert len(source_stamp(str(tmp_path / "r"))) == 16
