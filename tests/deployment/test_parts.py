"""Finished parts of a prediction: found by what they were made of, checked, and joined."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecgsk.deployment._parts import Parts, as_frame

SCHEMA = pa.schema([("record", pa.string()), ("usable", pa.bool_()), ("p", pa.float64())])


def table(*names):
    probability = {"b": None}
    rows = [
        {"record": name, "usable": name != "b", "p": probability.get(name, 0.5)} for name in names
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@pytest.fixture
def parts(tmp_path):
    return Parts(tmp_path / "p.parquet")


def test_a_part_is_finished_once_it_is_whole(parts):
    path = parts.path(0, "digest")
    assert not parts.is_finished(path)
    parts.add(path, table("a"))
    assert parts.is_finished(path)
    assert not parts.is_finished(parts.path(0, "other"))
    assert not parts.is_finished(parts.path(1, "digest"))


def test_every_change_of_a_part_is_noticed(parts):
    path = parts.path(0, "digest")
    parts.add(path, table(*"abcdefgh"))
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        content = bytearray(whole)
        content[place] ^= 0x10
        path.write_bytes(content)
        assert not parts.is_finished(path)
    path.write_bytes(whole[:-1])
    assert not parts.is_finished(path)


def test_parts_are_joined_in_order_and_removed(parts, tmp_path):
    paths = [parts.path(number, "digest") for number in range(2)]
    parts.add(paths[1], table("b"))
    parts.add(paths[0], table("a"))
    out = tmp_path / "p.parquet"
    parts.publish(paths, SCHEMA.with_metadata({"ecgsk": "{}"}), out)
    assert pq.read_table(out).to_pylist() == table("a", "b").to_pylist()
    assert pq.read_schema(out).metadata[b"ecgsk"] == b"{}"
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def test_csv_has_one_head_and_no_formula(tmp_path):
    out = tmp_path / "p.csv"
    parts = Parts(out)
    paths = [parts.path(number, "digest") for number in range(2)]
    parts.add(paths[0], table("=1+1"))
    parts.add(paths[1], table("b"))
    parts.publish(paths, SCHEMA, out)
    assert out.read_text() == "record,usable,p\n'=1+1,True,0.5\nb,False,\n"


def test_missing_decisions_stay_missing():
    schema = pa.schema([("predicted/a", pa.bool_()), ("p", pa.float64())])
    frame = as_frame(pa.Table.from_pylist([{"predicted/a": True, "p": 0.9}, {}], schema=schema))
    assert frame["predicted/a"].isna().tolist() == [False, True]
    assert isinstance(frame["predicted/a"].dtype, pd.BooleanDtype)
    assert frame["p"].isna().tolist() == [False, True]
