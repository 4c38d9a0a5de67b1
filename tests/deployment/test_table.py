"""Table of predictions: columns by kind of model, rows in order, doubts and reasons."""

import json
import warnings

import numpy as np
import pyarrow as pa
import pytest

from ecgsk.deployment._table import predict_source, table_schema
from ecgsk.deployment.outputs import Outputs, wanted_signals
from ecgsk.exceptions import RecordReadError
from ecgsk.io import read_ecg, write_ecg_folder
from ecgsk.io.sources import find_sources
from tests.io.formats.writers import EIGHT, muse_waveform, write_muse


def test_columns_of_each_kind_of_model():
    both = table_schema(Outputs(("AF",), (0.5,), ("potassium high",), (0.4,)), {"n": 1})
    assert both.names == [
        *("record", "path", "usable", "reason", "quality", "diagnoses", "findings"),
        *("predicted/AF", "probability/AF", "laboratory/potassium high"),
    ]
    assert json.loads(both.metadata[b"ecgsk"]) == {"n": 1}
    classes = table_schema(Outputs(classes=("ill", "well")))
    assert classes.names[5:] == ["predicted", "probability/ill", "probability/well"]
    assert classes.field("predicted").type == pa.string()


def predict(model, path):
    (source,) = find_sources([path], name="test")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return predict_source(model, source, wanted_signals(model), Outputs.of(model)).to_pandas()


def test_rows_are_in_the_order_of_the_source(explaining, write_patient, tmp_path):
    for name, rate in (("a", 500), ("b", 100), ("c", 500), ("d", 100)):
        write_patient(f"in/{name}", rate)
    (tmp_path / "in" / "b.dat").write_bytes(b"")
    frame = predict(explaining, tmp_path / "in")
    assert frame["record"].tolist() == list("abcd")
    assert frame["usable"].tolist() == [True, False, True, True]
    assert frame["quality"].isna().tolist() == [False, True, False, False]
    a, b, c, d = frame.filter(like="laboratory/").to_numpy()
    np.testing.assert_array_equal(a, c)
    np.testing.assert_allclose(a, d, atol=0.005)  # resampled before it was stored
    assert np.isnan(b).all()


def test_a_file_of_a_hospital_is_predicted_as_the_same_wfdb_record(
    explaining, write_patient, tmp_path
):
    record = read_ecg(write_patient("in/a", 500), leads=EIGHT)
    digital = {lead: np.rint(1000 * row) for lead, row in zip(EIGHT, record.signal, strict=True)}
    write_muse(tmp_path / "in" / "b.xml", [muse_waveform("Rhythm", digital, "1")])
    (tmp_path / "in" / "c.dcm").write_bytes(b"damaged")
    frame = predict(explaining, tmp_path / "in")
    assert frame["record"].tolist() == ["a", "b.xml", "c.dcm"]
    assert frame["usable"].tolist() == [True, True, False]
    assert "in no format that is read" in frame["reason"][2]
    a, b, _ = frame.filter(like="laboratory/").to_numpy()
    np.testing.assert_allclose(a, b, atol=0.005)


def test_other_samples_than_the_headers_checksum_are_a_doubt(explaining, write_patient):
    path = write_patient("a", seconds=10)
    content = bytearray(path.with_suffix(".dat").read_bytes())
    content[24000] ^= 1
    path.with_suffix(".dat").write_bytes(content)
    frame = predict(explaining, path)
    assert frame["usable"].tolist() == [True]
    assert "differs from the checksums of its header in " in frame["quality"][0]


def test_a_store_that_is_changed_meanwhile_is_an_error(explaining, cohort, tmp_path):
    store = write_ecg_folder(cohort.X[["ecg"]], tmp_path / "store", progress=False)
    (source,) = find_sources([store], name="test")
    content = (store / "ecg.npy").read_bytes()
    (store / "ecg.npy").write_bytes(content + b"more")
    with pytest.raises(RecordReadError, match="has changed since it was opened"):
        predict_source(explaining, source, wanted_signals(explaining), Outputs.of(explaining))
