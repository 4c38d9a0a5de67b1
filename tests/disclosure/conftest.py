"""Search files for needles: text, numbers as text, and numbers as binary values."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest


def patterns(needle: str | int | float) -> list[bytes]:
    """Return the bytes that a needle may be written as."""
    found = [str(needle).encode("utf-8"), str(needle).encode("utf-16-le")]
    if isinstance(needle, float):
        found += [struct.pack(f"{order}{kind}", needle) for order in "<>" for kind in "df"]
    if isinstance(needle, int):
        found += [struct.pack(f"{order}{kind}", needle) for order in "<>" for kind in "qi"]
    return found


def contents(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a file's content and that of the archives, and compressed parts of PNGs, in it."""
    yield name, content
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield f"{name}/{member}", archive.read(member)
    if content[:2] in (b"\x1f\x8b", b"\x78\x9c"):
        yield f"{name}/unzipped", zlib.decompress(content, wbits=47)


@pytest.fixture(scope="session")
def find_needles() -> Callable[[Path, Mapping[str, list]], dict[str, set[str]]]:
    """Return the kinds of needle in each file of a folder, without files that hold none."""
    return _find_needles


def _find_needles(folder: Path, needles: Mapping[str, list]) -> dict[str, set[str]]:
    searched = {
        kind: [pattern for value in values for pattern in patterns(value)]
        for kind, values in needles.items()
    }
    found: dict[str, set[str]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, content = path.relative_to(folder).as_posix(), path.read_bytes()
        for part, data in [(name, name.encode()), *contents(name, content)]:
            kinds = {
                kind
                for kind, sought in searched.items()
                if any(pattern in data for pattern in sought)
            }
            if kinds:
                found.setdefault(part, set()).update(kinds)
    return found
