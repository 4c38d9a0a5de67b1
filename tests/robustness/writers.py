"""Everything that writes more than one file, with old and new content."""

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg, read_cohort, write_cohort, write_cohort_report
from ecgsk.encoders import ResNet1d
from ecgsk.io import ingest_wfdb, read_ecg_folder, write_ecg_folder
from ecgsk.persistence import load, save
from ecgsk.training import Trainer
from tests.robustness.kills import Writer
from tests.robustness.subjects import write_records


@cache
def _cohort(seed: int):
    return make_clinical_ecg(n_subjects=6, random_state=seed)


@cache
def _model(seed: int):
    cohort = _cohort(0)
    frequent = cohort.Y.mean().sort_values(ascending=False).index[:2]
    encoder, settings = ResNet1d(10, width=2), {"max_epochs": 1, "verbose": 0, "device": "cpu"}
    model = ECGDiagnosisClassifier(encoder, random_state=seed, **settings)
    return model.fit(cohort.X[["ecg", "subject_id"]], cohort.Y[frequent])


def _read_model(folder: Path) -> Any:
    return load(folder / "model").predict_proba(_cohort(0).X[["ecg"]][:2]).tolist()


def _read_cohort(folder: Path) -> Any:
    cohort = read_cohort(folder / "cohort", verify=True)
    return cohort.X["ecg"].ecg.to_numpy().tobytes(), cohort.Y.to_numpy().tobytes()


def _write_store(seed: int):
    return lambda folder: write_ecg_folder(
        _cohort(seed).X[["ecg"]], folder / "store", overwrite=True, progress=False
    )


def _read_store(folder: Path) -> Any:
    frame, _ = read_ecg_folder(folder / "store", verify=True)
    return frame["ecg"].ecg.to_numpy().tobytes()


def _ingest(folder: Path, **settings: Any) -> None:
    _records(folder)
    settings = {"leads": ("I", "II"), "n_jobs": 1, "chunk_size": 1, "progress": False, **settings}
    ingest_wfdb(folder / "records", folder / "store", **settings)


def _records(folder: Path) -> None:
    if not (folder / "records").exists():
        (folder / "records.part").mkdir()
        write_records(folder / "records.part")
        (folder / "records.part").rename(folder / "records")


def _read_report(folder: Path) -> Any:
    """Return the report's files, each of which is whole."""
    files = sorted(path for path in (folder / "report").iterdir() if path.name[0] != ".")
    for path in files:
        content = path.read_bytes()
        end = {".html": b"</html>", ".svg": b"</svg>", ".csv": b"\n"}.get(path.suffix, b"")
        assert content.rstrip(b"\n").endswith(end.rstrip(b"\n")), f"{path} is cut"
    return "report"


def _checkpointed(folder: Path) -> Any:
    import torch

    torch.set_num_threads(1)
    cohort = _cohort(0)
    frequent = cohort.Y.mean().sort_values(ascending=False).index[:2]
    trainer = Trainer(checkpoint_folder=folder / "checkpoints")
    model = ECGDiagnosisClassifier(
        ResNet1d(10, width=2), max_epochs=3, random_state=0, verbose=0, device="cpu",
        trainer=trainer,
    )  # fmt: skip
    model.fit(cohort.X[["ecg", "subject_id"]], cohort.Y[frequent])
    return np.round(model.predict_proba(cohort.X[["ecg"]][:2]), 6).tolist()


WRITERS = (
    Writer(
        "save",
        lambda folder: save(_model(0), folder / "model"),
        lambda folder: save(_model(1), folder / "model", overwrite=True),
        _read_model,
    ),
    Writer(
        "write_cohort",
        lambda folder: write_cohort(_cohort(0), folder / "cohort", progress=False),
        lambda folder: write_cohort(
            _cohort(1), folder / "cohort", overwrite=True, progress=False
        ),
        _read_cohort,
    ),
    Writer("write_ecg_folder", _write_store(0), _write_store(1), _read_store),
    Writer(
        "ingest_wfdb",
        lambda folder: _ingest(folder, duration=0.5),
        lambda folder: _ingest(folder, overwrite=True),
        _read_store,
    ),
    Writer(
        "write_cohort_report",
        lambda folder: write_cohort_report(_cohort(0), folder / "report"),
        lambda folder: write_cohort_report(_cohort(1), folder / "report"),
        _read_report,
    ),
)  # fmt: skip


def copy_of(writer: Writer, folder: Path, prepared: dict[str, Path]) -> Path:
    """Return a fresh copy of the old content of a writer, which is made once."""
    if writer.name not in prepared:
        prepared[writer.name] = folder / f"{writer.name}-old"
        prepared[writer.name].mkdir()
        writer.begin(prepared[writer.name])
    number = len(list(folder.iterdir()))
    return Path(shutil.copytree(prepared[writer.name], folder / f"{writer.name}-{number}"))
