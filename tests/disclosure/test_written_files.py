"""A cohort with planted needles is fitted and reported; no file holds one of them."""

import gzip
import json
import logging
import pickle
import shutil
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.calibration import MultilabelCalibrator
from ecgsk.datasets import Cohort, make_clinical_ecg, read_cohort, write_cohort, write_cohort_report
from ecgsk.encoders import ResNet1d
from ecgsk.evaluation import compare_arms, model_card, write_tables
from ecgsk.preprocessing import (
    BandpassFilter,
    ClinicalScaler,
    LabAbnormality,
    Resample,
    SelectLeads,
)
from ecgsk.training import Trainer

# What a file may hold, with the reason.
ALLOWED = {
    # Worker processes need the parameters, such as the folder of checkpoints.
    "pickles/": {"folder"},
    # It says from which checkpoint a fit resumes.
    "log.txt": {"folder"},
    # It names the record that it explains.
    "explanation/": {"record"},
    # A comparison in memory has the labels and patients of its test set.
    "comparison.pkl": {"record", "patient", "folder"},
}


@dataclass
class Study:
    """A cohort with needles, and a private folder."""

    cohort: Cohort
    needles: dict[str, list]
    private: Path


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    private = tmp_path_factory.mktemp("home") / "mary.needle"
    base = make_clinical_ecg(n_subjects=60, sampling_rate=50, random_state=0)
    patients = pd.factorize(base.X["subject_id"])[0]
    identifiers = np.random.default_rng(0).choice(10**7, 60, replace=False) + 10**7
    born = np.array([f"{1930 + i}-0{1 + i % 9}-{10 + i % 18}" for i in range(60)])
    X = base.X[["ecg", "age", "sex", "potassium", "troponin"]].assign(
        subject_id=identifiers[patients],
        born=born[patients],
        born_as_category=pd.Categorical(born[patients]),
        race=np.where(patients % 4 < 2, "asian", "white"),
        note=np.where(patients % 3 == 0, "stable", "unclear"),
    )
    X.loc[patients == 4, "race"] = "Martian"
    X.loc[patients == 6, "note"] = "Jane Doe lives in Graz"
    X.loc[patients == 8, "potassium"] = 987.654
    X.loc[patients == 9, "troponin"] = -654.321
    Y = base.Y[base.Y.mean().sort_values(ascending=False).index[:4]]
    labs = base.labs.copy()
    labs.loc[patients == 8, "potassium"] = 876.543
    index = pd.Index([f"record-{i:04d}-needle" for i in range(len(X))])
    X.index = Y.index = labs.index = index
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # birth dates are no clinical columns
        cohort = Cohort(X, Y, labs=labs, reference_ranges=base.reference_ranges)
        write_cohort(cohort, private / "store")
        cohort = read_cohort(private / "store")
    needles = {
        "text": ["Jane Doe", "Graz", "Martian"],
        "birth date": born[:6].tolist(),
        "patient": identifiers[:10].tolist(),  # a part, to search quickly
        "folder": ["mary.needle"],
        "extreme": [987.654, -654.321, 876.543],
        "record": ["-needle"],
    }
    return Study(cohort, needles, private)


@pytest.fixture(scope="module")
def quick(study) -> dict[str, Any]:
    trainer = Trainer(checkpoint_folder=study.private / "runs")
    # Birth dates are refused.
    columns = ["age", "sex", "potassium", "troponin", "race", "note"]
    settings = {"max_epochs": 1, "random_state": 0, "verbose": 0, "device": "cpu"}
    return settings | {"trainer": trainer, "clinical_columns": columns}


@pytest.fixture(scope="module")
def models(study, quick) -> dict[str, Any]:
    """Every public estimator that learns from a table, labels or patients."""
    X, Y, labs, ranges = (study.cohort[name] for name in ("X", "Y", "labs", "reference_ranges"))
    side = (pd.factorize(X["subject_id"])[0] % 10 < 8).nonzero()[0]
    other = np.setdiff1d(np.arange(len(X)), side)
    fit, held_out = (X.iloc[side], Y.iloc[side]), (X.iloc[other], Y.iloc[other])
    tiny = ResNet1d(10, width=4)
    pretrainer = JointEmbeddingPretrainer(tiny, **quick).fit(X.iloc[side])
    classifier = ECGDiagnosisClassifier(
        FrozenEstimator(pretrainer), fine_tune="distill", **quick
    ).fit(*fit)
    frozen, options = FrozenEstimator(classifier), {"reference_ranges": ranges, "random_state": 0}
    explainer = LabAbnormalityExplainer(frozen, **options)
    explainer.fit(fit[0], labs.iloc[side], diagnoses=fit[1])
    return {
        "pretrainer": pretrainer,
        "classifier": classifier,
        "multimodal": ECGDiagnosisClassifier(tiny, inputs="ecg+clinical", **quick).fit(*fit),
        "explainer": explainer.calibrate(held_out[0], labs.iloc[other], held_out[1]),
        "similar": LabAbnormalityExplainer(frozen, keep_patients=True, **options).fit(
            fit[0].drop(columns=["born", "born_as_category"]), labs.iloc[side]
        ),
        "calibrator": MultilabelCalibrator(frozen, method="isotonic").fit(*held_out),
        "scaler": ClinicalScaler().fit(
            X.drop(columns=["ecg", "subject_id", "born", "born_as_category"]),
            groups=X["subject_id"],
        ),
        "abnormality": LabAbnormality(ranges).fit(labs),
        "pipeline": make_pipeline(
            Resample(40),
            BandpassFilter(1, 15),
            SelectLeads(["I", "II"]),
            ECGDiagnosisClassifier(tiny, **quick),
        ).fit(*fit),
    }


@pytest.fixture(scope="module")
def written(study, quick, request, tmp_path_factory) -> Path:
    """Everything that is written of the study."""
    out = tmp_path_factory.mktemp("written")
    for folder in ("pickles", "explanation"):
        (out / folder).mkdir()
    logger, handler = logging.getLogger("ecgsk"), logging.FileHandler(out / "log.txt")
    level, cohort = logger.level, study.cohort
    logger.addHandler(handler)
    logger.setLevel("DEBUG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # small data: of recipes and calibrations
            models = request.getfixturevalue("models")
            comparison = compare_arms(
                cohort.X,
                cohort.Y,
                cohort.labs,
                reference_ranges=cohort.reference_ranges,
                pretrainer=JointEmbeddingPretrainer(ResNet1d(10, width=4), **quick),
                classifier=ECGDiagnosisClassifier(ResNet1d(10, width=4), **quick),
                arms=["table only", "joint embedding"],
                n_resamples=20,
                random_state=0,
                verbose=False,
            )
            write_tables(comparison, out / "tables")
            card = model_card(comparison.scores[-1].model, cohort=cohort, comparison=comparison)
            (out / "card.md").write_text(card, "utf-8")
            write_cohort_report(cohort, out / "report")
            for name, n_similar in (("explainer", 0), ("similar", 3)):
                one = models[name].explain(cohort.X.iloc[[50]], n_similar=n_similar)[0]
                stem = out / "explanation" / name
                stem.with_suffix(".html").write_text(one.to_html(), "utf-8")
                stem.with_suffix(".json").write_text(json.dumps(one.to_dict()), "utf-8")
                stem.with_suffix(".txt").write_text(one.to_text(), "utf-8")
            for name, model in models.items():
                ecgsk.save(model, out / "models" / name)
                (out / "pickles" / name).write_bytes(pickle.dumps(model))
            joblib.dump(models["explainer"], out / "pickles" / "joblib", compress=3)
            (out / "comparison.pkl").write_bytes(pickle.dumps(comparison))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()
    shutil.copytree(study.private / "runs", out / "checkpoints")
    return out


def test_no_file_holds_a_needle(study, written, find_needles):
    found = find_needles(written, study.needles)
    unexpected = {
        name: kinds - set().union(*(ALLOWED[start] for start in ALLOWED if name.startswith(start)))
        for name, kinds in found.items()
    }
    assert {name: kinds for name, kinds in unexpected.items() if kinds} == {}
    assert {start for start in ALLOWED for name in found if name.startswith(start)} == set(ALLOWED)


def test_all_kinds_of_file_are_searched(written):
    suffixes = {path.suffix for path in written.rglob("*") if path.is_file()}
    assert suffixes >= {".json", ".safetensors", ".pt", ".html", ".csv", ".tex", ".svg", ".md"}


def test_needles_are_found_in_the_cohort(study, find_needles):
    """The store of a cohort holds its patients, and a search for them can fail."""
    study.cohort.X.drop(columns="ecg").to_pickle(study.private / "table.pkl")
    found = set().union(*find_needles(study.private, study.needles).values())
    assert found >= {"text", "birth date", "patient", "extreme", "record"}


def test_needles_are_found_in_any_kind_of_file(tmp_path, find_needles):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"Jane Doe"))
    with zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data", b"x" * 100 + np.float32(987.654).tobytes())
    save_file({"x": np.array([1.0, 987.654])}, tmp_path / "a.safetensors")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([17234501]))
    needles = {"text": ["Jane Doe"], "extreme": [987.654], "patient": [17234501]}
    assert find_needles(tmp_path, needles) == {
        "a.gz/unzipped": {"text"},
        "a.pkl": {"patient"},
        "a.pt/data": {"extreme"},
        "a.safetensors": {"extreme"},
    }
