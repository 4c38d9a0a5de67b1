"""A manifest under its checksum."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsk.exceptions import DamagedFileError, ECGError
from ecgsk.persistence import _manifest
from ecgsk.persistence._manifest import FORMAT, VERSION, seal, unseal

_HEAD = {"format": FORMAT, "version": VERSION}
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=_VALUES.filter(lambda value: "inf" not in repr(value)))
def test_sealed_content_comes_back(value, tmp_path_factory):
    content = {**_HEAD, "model": value}
    assert unseal(seal(content), tmp_path_factory.getbasetemp()) == content


@pytest.mark.parametrize(
    ("old", "new"), [(b"1e-05", b"1E-05"), (rb"\u00e9", rb"\u00E9"), (b'"x": 3', b'"x": 3, "x": 3')]
)
def test_another_spelling_of_the_same_content_is_refused(tmp_path, old, new):
    written = seal({**_HEAD, "model": [1e-05, "é", {"x": 3}]})
    assert old in written
    with pytest.raises(DamagedFileError, match="does not match its own checksum"):
        unseal(written.replace(old, new), tmp_path)


def test_too_many_values_are_neither_written_nor_read(tmp_path, monkeypatch):
    written = seal({**_HEAD, "model": [0] * 100})
    monkeypatch.setattr(_manifest, "MAX_VALUES", 100)
    with pytest.raises(ECGError, match=r"save: .* more than 100 values"):
        seal({**_HEAD, "model": [0] * 100})
    with pytest.raises(DamagedFileError, match=r"load: .* more than 100 values"):
        unseal(written, tmp_path)
