"""Random changes of bytes, digits and lines of a file."""

import random
from collections.abc import Callable

# Numbers, names and text that parsers have failed on.
_TOKENS = [
    b"", b"-1", b"0", b"1", b"255", b"65536", b"2147483647", b"2147483648", b"4294967296",
    b"99999999999999999999", b"1e9", b"1e308", b"1e-320", b"0.1", b"nan", b"NaN", b"inf",
    b"-Infinity", b"null", b"None", b"true", b"[]", b"{}", b'""', b"../../etc/passwd",
    b"/dev/zero", b"/dev/stdin", b"a b", b"%s%n", b"\x00", b"\xff\xfe", b"\xc3\x84",
    "患者".encode(), "‮".encode(), "µV".encode(), b"=1+1", b'"', b"'", b",", b";", b"\t", b"\\",
    b"#", b"~", b"(", b"/", b":", b"+", b"x4", b"\r\n", b"\n", b"\n\n", b"_", b"16", b"212", b"mV",
]  # fmt: skip
_SEPARATORS = b" ,;:/()\n\t\"'=[]{}"


def mutate(content: bytes, rng: random.Random) -> bytes:
    """Return `content` with one to three random changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(_CHANGES)(content, rng)
    return content


def flip_bit(content: bytes, rng: random.Random) -> bytes:
    """Change one bit of one byte."""
    if not content:
        return b"\x01"
    changed = bytearray(content)
    changed[_position(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def change_digit(content: bytes, rng: random.Random) -> bytes:
    """Replace one ASCII digit by another, near a random position."""
    start = _position(content, rng)
    for i in [*range(start, min(start + 4096, len(content))), *range(start)][:8192]:
        if 48 <= content[i] <= 57:
            return content[:i] + bytes([rng.choice(b"0123456789-.e")]) + content[i + 1 :]
    return flip_bit(content, rng)


def replace_token(content: bytes, rng: random.Random) -> bytes:
    """Replace the text between two separators."""
    start = _position(content, rng)
    stop = start
    while start > 0 and content[start - 1] not in _SEPARATORS and stop - start < 64:
        start -= 1
    while stop < len(content) and content[stop] not in _SEPARATORS and stop - start < 64:
        stop += 1
    return content[:start] + rng.choice(_TOKENS) + content[stop:]


def insert(content: bytes, rng: random.Random) -> bytes:
    """Insert a token or random bytes."""
    at = _position(content, rng)
    new = rng.choice(_TOKENS) if rng.random() < 0.8 else rng.randbytes(rng.randrange(1, 40))
    return content[:at] + new + content[at:]


def delete(content: bytes, rng: random.Random) -> bytes:
    """Delete some bytes."""
    at = _position(content, rng)
    return content[:at] + content[at + rng.choice((1, 1, 2, 8, 100)) :]


def truncate(content: bytes, rng: random.Random) -> bytes:
    """Cut the end off."""
    return content[: _position(content, rng)]


def repeat(content: bytes, rng: random.Random) -> bytes:
    """Repeat a part of the file."""
    at = _position(content, rng)
    part = content[at : at + rng.choice((1, 10, 100))]
    return content[:at] + part * rng.choice((2, 2, 50)) + content[at:]


def change_lines(content: bytes, rng: random.Random) -> bytes:
    """Drop, repeat or exchange lines."""
    lines = content.splitlines(keepends=True) or [b""]
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(3):
        case 0:
            del lines[i]
        case 1:
            lines.insert(j, lines[i])
        case _:
            lines[i], lines[j] = lines[j], lines[i]
    return b"".join(lines)


def _position(content: bytes, rng: random.Random) -> int:
    """Return a position: half of them in the first kilobyte, where headers are."""
    if not content:
        return 0
    return rng.randrange(len(content) if rng.random() < 0.5 else min(len(content), 1024))


_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip_bit, flip_bit, change_digit, change_digit, replace_token, replace_token,
    insert, delete, truncate, repeat, change_lines,
)  # fmt: skip
