"""Bulk prediction: equal to the model's own, in any chunks; broken records; resumed work."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings

import distributed
import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk.datasets import load_brugada_huca, write_cohort
from ecgsk.deployment import _bulk, predict_records, write_predictions
from ecgsk.exceptions import ECGError, RecordReadError, SignalQualityWarning
from ecgsk.io import read_ecg, read_wfdb_folder, read_wfdb_record, write_ecg_folder
from ecgsk.preprocessing import Resample, SelectLeads
from ecgsk.signals import STANDARD_12_LEADS, ECGArray
from tests.io.formats.writers import edf_signal, write_edf

pytestmark = pytest.mark.filterwarnings("ignore:.*in spite of doubts:UserWarning")


@pytest.fixture(scope="module")
def store(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bulk") / "store"
    return write_ecg_folder(cohort.X[["ecg"]], folder, progress=False)


@pytest.fixture(scope="module")
def stored(store):
    """The records of the store, read on demand."""
    return ecgsk.io.read_ecg_folder(store)[0]


def of(frame, prefix):
    return frame[[name for name in frame if name.startswith(prefix)]].to_numpy(float)


def same(a, b):
    """Compare tables; the last bit of a float64 sum depends on the size of the matrix."""
    pd.testing.assert_frame_equal(a, b, check_exact=False, rtol=0, atol=1e-15)


@pytest.fixture(scope="module")
def predicted(explaining, store):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return predict_records(explaining, store, progress=False)


def test_predictions_are_those_of_the_model(predicted, explaining, stored):
    P = explaining.predict_proba(stored)
    np.testing.assert_allclose(of(predicted, "laboratory/"), P, rtol=0, atol=1e-6)
    encoder = explaining[-1].encoder_
    P = encoder.predict_proba(explaining[:-1].transform(stored))
    np.testing.assert_allclose(of(predicted, "probability/"), P, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(of(predicted, "predicted/"), encoder.thresholds_ < P)


def test_columns_say_in_words_what_is_above_its_threshold(predicted, explaining):
    row = predicted.iloc[0]
    for title, prefix in (("diagnoses", "probability/"), ("findings", "laboratory/")):
        thresholds = predicted.attrs["thresholds"]
        above = [
            name.removeprefix(prefix)
            for name in predicted
            if name.startswith(prefix) and row[name] > thresholds[name]
        ]
        assert row[title] == "; ".join(above)
    assert predicted["usable"].all()
    assert (predicted["reason"] == "").all()


@pytest.mark.parametrize("chunk_size", [1, 7, 1000])
def test_chunks_and_threads_do_not_change_predictions(predicted, explaining, store, chunk_size):
    with joblib.parallel_config("threading", n_jobs=2):
        again = predict_records(explaining, store, chunk_size=chunk_size, progress=False)
    same(again, predicted)


def test_a_file_holds_what_is_returned(predicted, explaining, store, tmp_path):
    out = write_predictions(explaining, store, tmp_path / "p.parquet", progress=False)
    assert out == tmp_path / "p.parquet"
    found = pd.read_parquet(out)
    pd.testing.assert_frame_equal(found, predicted, check_dtype=False)
    facts = json.loads(pq.read_schema(out).metadata[b"ecgsk"])
    assert facts["thresholds"] == predicted.attrs["thresholds"]
    out = write_predictions(explaining, store, tmp_path / "p.csv", chunk_size=30, progress=False)
    found = pd.read_csv(out, dtype={"record": str}, keep_default_na=False)
    np.testing.assert_allclose(of(found, "laboratory/"), of(predicted, "laboratory/"), atol=1e-15)
    assert found["diagnoses"].tolist() == predicted["diagnoses"].tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.csv", "p.parquet"]


def test_records_of_any_rate_and_length_are_each_predicted(explaining, write_patient, tmp_path):
    for rate in (100, 250, 500):
        write_patient(f"in/r{rate}", rate)
    write_patient("in/short", 500, seconds=6)
    frame = predict_records(explaining, tmp_path / "in", progress=False)
    assert frame["record"].tolist() == ["r100", "r250", "r500", "short"]
    assert frame["usable"].all()
    assert "partly NaN" in frame["quality"].iloc[3]
    for row, name in enumerate(frame["record"]):
        ecg = read_wfdb_record(tmp_path / "in" / name, duration=10)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (P,) = explaining.predict_proba(pd.DataFrame({"ecg": ecg}))
        np.testing.assert_allclose(of(frame, "laboratory/")[row], P, rtol=0, atol=1e-6)


def test_longer_records_of_a_store_are_cropped(explaining, cohort, stored, tmp_path):
    x = stored["ecg"].ecg.to_numpy()
    ecg = ECGArray.from_numpy(
        np.concatenate([x, x[::-1]], axis=2), sampling_rate=100, leads=STANDARD_12_LEADS
    )
    frame = predict_records(explaining, pd.DataFrame({"ecg": ecg}), progress=False)
    expected = predict_records(explaining, stored[["ecg"]], progress=False)
    same(frame, expected)


def test_what_cannot_be_predicted_has_the_reason(explaining, write_patient, tmp_path):
    write_patient("in/good")
    path = write_patient("in/cut")
    path.with_suffix(".dat").write_bytes(b"cut")
    write_patient("in/few", leads=("I", "II"))
    path = write_patient("in/flat", seconds=10)
    size = path.with_suffix(".dat").stat().st_size
    path.with_suffix(".dat").write_bytes(bytes(size))
    with pytest.warns(SignalQualityWarning) as warned:
        frame = predict_records(explaining, tmp_path / "in", progress=False)
    assert len(warned) == 1
    assert "3 of 4 records are not predicted, such as cut: record" in str(warned[0].message)
    frame = frame.set_index("record")
    assert frame["usable"].to_dict() == {"cut": False, "few": False, "flat": False, "good": True}
    assert "is truncated" in frame["reason"]["cut"]
    assert "it lacks III" in frame["reason"]["few"]
    assert "SelectLeads(leads, derive=True, missing='mask')" in frame["reason"]["few"]
    assert "flat" in frame["reason"]["flat"]
    assert "differs from the checksums" in frame["quality"]["flat"]
    assert np.isnan(of(frame.drop(index="good"), "laboratory/")).all()
    decisions = frame[[name for name in frame if name.startswith("predicted/")]]
    assert decisions.drop(index="good").isna().all(axis=None)
    assert not np.isnan(of(frame.loc[["good"]], "laboratory/")).any()


def test_a_record_that_only_the_model_refuses_has_its_reason(make_classifier, stored, Y):
    # V1 is flat: the record is usable, but not for a model of V1 alone.
    x = stored["ecg"].ecg.to_numpy()[:9]
    x[4, STANDARD_12_LEADS.index("V1")] = 0
    ecg = ECGArray.from_numpy(x, sampling_rate=100, leads=STANDARD_12_LEADS)
    model = make_pipeline(Resample(100), SelectLeads(["V1"]), make_classifier()).fit(stored, Y)
    with pytest.warns(SignalQualityWarning, match="1 of 9 records are not predicted"):
        found = predict_records(model, pd.DataFrame({"ecg": ecg}), progress=False)
    assert found.index[~found["usable"]].tolist() == [4]
    assert "expected at least one lead with a signal" in found["reason"][4]


def test_a_model_without_resampling_refuses_other_rates(classifier, write_patient, tmp_path):
    write_patient("in/a", 100)
    write_patient("in/b", 500)
    with pytest.warns(SignalQualityWarning, match="1 of 2 records are not predicted"):
        frame = predict_records(classifier, tmp_path / "in", progress=False)
    assert "was fitted on 100 Hz; got 500 Hz. Use Resample(100)." in frame["reason"][1]
    with pytest.raises(RecordReadError, match=r"none of 1 records can be predicted; the first: EC"):
        predict_records(classifier, tmp_path / "in" / "b", progress=False)


def test_eight_leads_are_enough_for_a_model_that_derives(classifier, cohort, write_patient):
    eight = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    select = SelectLeads(STANDARD_12_LEADS, derive=True).fit(cohort.X)
    model = make_pipeline(select, Resample(100).fit(cohort.X), classifier)
    paths = [write_patient("twelve"), write_patient("eight", leads=eight)]
    twelve, few = of(predict_records(model, paths, progress=False), "probability/")
    np.testing.assert_allclose(few, twelve, atol=1e-3)


@pytest.mark.filterwarnings(
    r"ignore:SelectLeads. \d+ of 12 leads are masked", "ignore:.*have missing samples or leads"
)
@pytest.mark.parametrize("derive", [True, False])
def test_files_of_fewer_leads_are_predicted_by_a_model_that_masks(
    classifier, cohort, write_patient, tmp_path, derive
):
    select = SelectLeads(STANDARD_12_LEADS, derive=derive, missing="mask").fit(cohort.X)
    model = make_pipeline(select, Resample(100).fit(cohort.X), classifier)
    held = {"a": ["II"], "b": ["I", "II", "V6"]}
    for name, leads in held.items():
        write_patient(f"in/{name}", seconds=10, leads=leads[::-1])
    digital = np.rint(1000 * read_ecg(tmp_path / "in" / "a", leads=["II"]).signal[0])
    write_edf(tmp_path / "in" / "c.edf", [edf_signal("II", digital, 500, physical=(-32768, 32767))])
    with pytest.warns(SignalQualityWarning, match="absent and masked"):
        frame = predict_records(model, tmp_path / "in", progress=False)
    assert frame["usable"].all()
    expected = [
        model.predict_proba(pd.DataFrame({"ecg": read_wfdb_record(tmp_path / "in" / n, leads=v)}))
        for n, v in held.items()
    ]
    found = of(frame, "probability/")
    np.testing.assert_allclose(found[:2], np.concatenate(expected), atol=1e-6)
    np.testing.assert_allclose(found[2], found[0], atol=1e-3)
    derived = "" if derive else "III, aVR, aVL, aVF, "
    assert frame["quality"][1] == f"lead {derived}V1, V2, V3, V4, V5 absent and masked"


def test_a_file_without_any_lead_of_the_model_is_refused(classifier, cohort, write_patient):
    select = SelectLeads(STANDARD_12_LEADS, missing="mask").fit(cohort.X)
    path = write_patient("other", leads=["V1"])
    header = path.with_suffix(".hea")
    header.write_text(header.read_text().replace("V1", "CM5"))
    with pytest.raises(RecordReadError, match=r"it lacks I, II, .*it stores CM5"):
        predict_records(make_pipeline(select, classifier), path, progress=False)


def test_a_diagnosis_model_has_no_laboratory_columns(classifier, store, stored):
    frame = predict_records(classifier, store, progress=False)
    assert "findings" not in frame
    assert not of(frame, "laboratory/").size
    P = classifier.predict_proba(stored)
    np.testing.assert_allclose(of(frame, "probability/"), P, rtol=0, atol=1e-6)


def test_classes_are_predicted_by_name(make_classifier, store, stored, Y):
    y = np.where(Y.iloc[:, 0] == 1, "ill", "well")
    model = make_classifier().fit(stored, y)
    frame = predict_records(model, store, progress=False)
    assert frame["predicted"].tolist() == model.predict(stored).tolist()
    assert {"probability/ill", "probability/well"} <= {*frame.columns}


def test_a_model_of_the_table_predicts_a_table_alone(make_classifier, cohort, Y, store):
    columns = cohort.X[["ecg", "age", "heart_rate", "subject_id"]]
    model = make_classifier(inputs="ecg+clinical").fit(columns, Y)
    frame = predict_records(model, columns, chunk_size=16, progress=False)
    expected = model.predict_proba(columns)
    np.testing.assert_allclose(of(frame, "probability/"), expected, rtol=0, atol=1e-6)
    with pytest.raises(ECGError, match="predict_records: the model has inputs='ecg"):
        predict_records(model, store, progress=False)


def test_records_without_a_cell_are_not_predicted(explaining, stored):
    frame = stored.iloc[:3].copy()
    frame.loc[frame.index[1], "ecg"] = pd.NA
    with pytest.warns(SignalQualityWarning, match="1 of 3 records"):
        assert predict_records(explaining, frame)["usable"].tolist() == [True, False, True]


@pytest.fixture
def counted(monkeypatch):
    """Names of the records that were predicted, chunk by chunk."""
    chunks, predict_source = [], _bulk.predict_source

    def count(model, source, *rest):
        chunks.append([*source.names])
        return predict_source(model, source, *rest)

    monkeypatch.setattr(_bulk, "predict_source", count)
    return chunks


class StoppedError(Exception):
    """End of a prediction in the middle."""


@pytest.fixture
def stopped(monkeypatch, explaining, store, tmp_path):
    """Predict in chunks of 16, and stop after two; give the output."""
    calls, predict_source = [], _bulk.predict_source

    def stop(*arguments):
        calls.append(1)
        if len(calls) > 2:
            raise StoppedError
        return predict_source(*arguments)

    monkeypatch.setattr(_bulk, "predict_source", stop)
    with pytest.raises(StoppedError):
        write_predictions(explaining, store, tmp_path / "p.parquet", chunk_size=16, progress=False)
    monkeypatch.setattr(_bulk, "predict_source", predict_source)
    assert not (tmp_path / "p.parquet").exists()
    return tmp_path / "p.parquet"


def test_finished_chunks_are_not_predicted_again(stopped, counted, explaining, store, predicted):
    write_predictions(explaining, store, stopped, chunk_size=16, progress=False)
    assert len(counted) == -(-len(predicted) // 16) - 2
    pd.testing.assert_frame_equal(
        pd.read_parquet(stopped), predicted, check_dtype=False, check_exact=False, atol=1e-15
    )
    assert [path.name for path in stopped.parent.iterdir()] == ["p.parquet"]


def test_another_model_begins_anew(stopped, counted, explaining, classifier, store):
    write_predictions(classifier, store, stopped, chunk_size=16, progress=False)
    assert sum(map(len, counted)) == len(pd.read_parquet(stopped))


def test_a_damaged_part_is_predicted_again(stopped, counted, explaining, store, predicted):
    part = min((stopped.parent / ".parts-p.parquet").iterdir())
    content = bytearray(part.read_bytes())
    content[len(content) // 3] ^= 1
    part.write_bytes(content)
    write_predictions(explaining, store, stopped, chunk_size=16, progress=False)
    assert len(counted) == -(-len(predicted) // 16) - 1
    assert pd.read_parquet(stopped)["record"].tolist() == predicted["record"].tolist()


def test_a_changed_record_is_predicted_again(explaining, write_patient, tmp_path, monkeypatch):
    for name in "abcd":
        write_patient(f"in/{name}")
    out, settings = tmp_path / "p.csv", {"chunk_size": 1, "progress": False}
    publish = _bulk.Parts.publish
    monkeypatch.setattr(_bulk.Parts, "publish", lambda *_: (_ for _ in ()).throw(StoppedError))
    with pytest.raises(StoppedError):
        write_predictions(explaining, tmp_path / "in", out, **settings)
    monkeypatch.setattr(_bulk.Parts, "publish", publish)
    write_patient("in/b", 250)
    chunks = []
    predict_source = _bulk.predict_source
    monkeypatch.setattr(
        _bulk,
        "predict_source",
        lambda model, source, *rest: (
            chunks.append([*source.names]) or predict_source(model, source, *rest)
        ),
    )
    write_predictions(explaining, tmp_path / "in", out, **settings)
    assert chunks == [["b"]]
    assert pd.read_csv(out)["record"].tolist() == ["a", "b", "c", "d"]


def test_an_output_is_not_replaced_unasked(explaining, store, tmp_path):
    out = tmp_path / "p.csv"
    out.write_text("mine")
    with pytest.raises(ECGError, match=r"p.csv exists. Choose another, or pass overwrite=True"):
        write_predictions(explaining, store, out)
    assert out.read_text() == "mine"
    write_predictions(explaining, store, out, overwrite=True, progress=False)
    assert out.read_text().startswith("record,path,usable,reason,quality,diagnoses,findings,")


def test_bad_parameters_are_refused(explaining, pretrainer, store, tmp_path):
    with pytest.raises(ECGError, match=r"expected a file with the suffix .parquet or .csv, got p"):
        write_predictions(explaining, store, tmp_path / "p.txt")
    with pytest.raises(ECGError, match="expected chunk_size of 1 or more, got 0"):
        predict_records(explaining, store, chunk_size=0)
    with pytest.raises(ECGError, match=r"the model: expected a fitted .* got a JointEmbedding"):
        predict_records(pretrainer, store)
    with pytest.raises(RecordReadError, match="there is no header"):
        predict_records(explaining, tmp_path / "absent")


def test_nothing_is_kept_where_nothing_can_be_predicted(classifier, write_patient, tmp_path):
    write_patient("in/b", 500)
    with pytest.raises(RecordReadError, match="none of 1 records can be predicted"):
        write_predictions(classifier, tmp_path / "in", tmp_path / "p.csv", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.slow
def test_processes_predict_the_same(explaining, store, predicted):
    same(predict_records(explaining, store, chunk_size=16, n_jobs=2, progress=False), predicted)


@pytest.mark.slow
def test_a_dask_cluster_predicts_the_same(explaining, store, predicted):
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with (
        cluster,
        distributed.Client(cluster) as client,
        distributed.get_task_stream(client) as done,
        joblib.parallel_config("dask"),
    ):
        same(predict_records(explaining, store, chunk_size=16, progress=False), predicted)
    assert done.data


KILLED = """
import sys
import ecgsk
from ecgsk.deployment import write_predictions

model, store, out = sys.argv[1:]
write_predictions(ecgsk.load(model), store, out, chunk_size=2, progress=False)
"""


@pytest.mark.slow
def test_a_killed_prediction_goes_on(explaining, store, predicted, counted, tmp_path):
    model, out = ecgsk.save(explaining, tmp_path / "model"), tmp_path / "p.parquet"
    arguments = [sys.executable, "-c", KILLED, str(model), str(store), str(out)]
    parts = tmp_path / ".parts-p.parquet"
    with subprocess.Popen(
        arguments, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ) as run:
        while len([*parts.glob("0*.part")]) < 5 and run.poll() is None:
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    n_done = len(list(parts.glob("0*.part")))
    assert n_done >= 5
    write_predictions(ecgsk.load(model), store, out, chunk_size=2, progress=False)
    assert len(counted) == -(-len(predicted) // 2) - n_done
    found = pd.read_parquet(out)
    np.testing.assert_allclose(
        of(found, "laboratory/"), of(predicted, "laboratory/"), rtol=0, atol=1e-12
    )
    assert not parts.exists()


@pytest.mark.real_data
def test_real_recordings_are_predicted_as_in_python(explaining, real_data):
    for folder in (real_data / "ludb" / "data", real_data / "brugada_huca" / "files"):
        frame = predict_records(explaining, folder, progress=False)
        stored = read_wfdb_folder(folder, duration=10, progress=False)
        assert frame["record"].tolist() == stored["record"].tolist()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            P = explaining.predict_proba(stored[["ecg"]])
        used = frame["usable"].to_numpy(bool)
        assert used.mean() > 0.99
        np.testing.assert_allclose(of(frame, "laboratory/")[used], P[used], rtol=0, atol=1e-6)


@pytest.mark.real_data
def test_a_real_cohort_is_predicted_from_its_folder(explaining, real_data, tmp_path):
    cohort = load_brugada_huca(real_data / "brugada_huca")
    folder = write_cohort(cohort, tmp_path / "cohort", progress=False)
    frame = predict_records(explaining, folder, progress=False)
    assert len(frame) == len(cohort.X)
    assert frame["usable"].all()
