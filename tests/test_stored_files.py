"""Stored files: JSON under its own checksum, and the state of files."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk._stored_files import (
    OtherKindError,
    check_regular,
    checksum,
    seal,
    state_of_files,
    unseal,
)
from ecgsk.exceptions import RecordReadError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda part: st.lists(part, max_size=3)
    | st.dictionaries(st.integers() | st.text(st.characters()), part, max_size=3),
    max_leaves=5,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), st.sampled_from([None, 2]))
def test_what_is_sealed_is_read_again(content, indent):
    text = seal(content, indent=indent).encode()
    again = unseal(text)
    assert seal(again) == seal(content)
    assert unseal(text.replace(b"\n", b"\r\n")) == again


@given(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), st.data())
def test_a_changed_digit_or_letter_is_refused(content, data):
    text = bytearray(seal(content).encode())
    solid = [place for place, byte in enumerate(text) if not chr(byte).isspace()]
    place = data.draw(st.sampled_from(solid))
    text[place] ^= 1 << data.draw(st.integers(0, 7))
    if not chr(text[place]).isspace():
        with pytest.raises(ValueError):  # noqa: PT011
            unseal(bytes(text))


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"3", b'{"sha256": 3}', b"[" * 99_999, b"\xff"]
)
def test_other_json_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        unseal(text)


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": "a", "version": 1}'])
def test_another_kind_is_no_damage(text):
    with pytest.raises(OtherKindError, match=r"expected format and version \('a', 2\), got"):
        unseal(text.encode(), kind=("a", 2))


def test_kind_is_that_of_the_intact_content():
    text = seal({"format": "a", "version": 2}).encode()
    assert unseal(text, kind=("a", 2)) == unseal(text)
    with pytest.raises(OtherKindError, match="got"):
        unseal(text, kind=("a", 3))
    with pytest.raises(
        ValueError, match="does not match its own checksum"
    ):  # damaged, not of another version
        unseal(text.replace(b"2", b"3", 1), kind=("a", 2))


def test_checksum_is_of_the_content_and_not_of_the_order():
    assert checksum({"a": 1, "b": [2.0, "é"]}) == checksum({"b": [2.0, "é"], "a": 1})
    assert checksum({"a": 1}) != checksum({"a": 1.0})


def test_state_changes_with_size_time_and_presence(tmp_path):
    path = tmp_path / "file"
    states = {state_of_files([path])}
    for content, time in ((b"", 1), (b"a", 1), (b"b", 2)):
        path.write_bytes(content)
        os.utime(path, ns=(0, time))
        states.add(state_of_files([path]))
    assert len(states) == 4


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, said in ((tmp_path / "pipe", "pipe or socket"), (tmp_path, "a folder")):
        with pytest.raises(RecordReadError, match=f"reader: cannot read .*{said}"):
            check_regular(path, name="reader")
