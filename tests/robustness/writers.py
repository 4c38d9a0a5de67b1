"""Everything that writes more than one file, killed and starved in every way.

``python -m tests.robustness.writers`` prints the kill matrix.
"""

import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from ecgsk import ECGDiagnosisClassifier, io
from ecgsk.datasets import make_clinical_ecg, read_cohort, write_cohort, write_cohort_report
from ecgsk.deployment import write_predictions
from ecgsk.encoders import ResNet1d
from ecgsk.io import read_ecg_folder, write_ecg_folder
from ecgsk.persistence import load, save
from ecgsk.training import Trainer
from tests.robustness import kills
from tests.robustness.kills import Writer
from tests.robustness.subjects import write_records

# Of the size of the largest file.
_SHARES = (0, 0.001, 0.1, 0.5, 0.999)
# How a writer may end: a full disk and a locked folder are refused in words.
_ENDS = {
    "killed before a step": (-signal.SIGKILL,),
    "killed within a file": (-signal.SIGXFSZ,),
    "disk full": (kills.REFUSED,),
    "read-only": (kills.REFUSED,),
}


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
    io.ingest(folder / "records", folder / "store", **settings)


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


def _predict(folder: Path, seed: int) -> None:
    import torch

    torch.set_num_threads(1)
    records, out = _cohort(0).X[["ecg"]], folder / "predictions.parquet"
    write_predictions(_model(seed), records, out, chunk_size=4, overwrite=True, progress=False)


def _read_predictions(folder: Path) -> Any:
    return pd.read_parquet(folder / "predictions.parquet").to_dict()


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
        "ingest",
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
    Writer(
        "write_predictions",
        lambda folder: _predict(folder, 0),
        lambda folder: _predict(folder, 1),
        _read_predictions,
    ),
)  # fmt: skip


def try_all(writer: Writer, folder: Path, most: int | None = None) -> dict[str, Counter]:
    """Kill and starve a writer in every way; return what was left, counted.

    `most` limits the number of steps, evenly spaced, for a short run.
    """
    old = folder / "old"
    old.mkdir()
    writer.begin(old)
    new = shutil.copytree(old, folder / "new")
    writer.write(new)
    largest = max(path.stat().st_size for path in new.rglob("*") if path.is_file())
    n_steps = kills.count_steps(writer.write, shutil.copytree(old, folder / "count"))
    chosen = range(0, n_steps, 1 if most is None else -(-n_steps // most))
    shares = _SHARES if most is None else _SHARES[1::2]
    ways: dict[str, list[Callable[[Path], int]]] = {
        "killed before a step": [
            partial(kills.end_at, step, kills.kill, writer.write) for step in chosen
        ],
        "killed within a file": [
            partial(kills.limit_files, int(share * largest), writer.write, kill=True)
            for share in shares
        ],
        "disk full": [
            partial(kills.limit_files, int(share * largest), writer.write, kill=False)
            for share in shares
        ],
        "read-only": [partial(kills.without_permission, writer.write)],
    }
    left: dict[str, Counter] = {}
    for way, attempts in ways.items():
        left[way] = Counter()
        for number, attempt in enumerate(attempts):
            copy = shutil.copytree(old, folder / f"{way} {number}")
            end = attempt(copy)
            verdict = kills.what_is_left(writer, copy, old, new)
            if verdict == "whole" and end not in _ENDS[way]:
                verdict = f"ended with {end}"
            left[way][verdict] += 1
            shutil.rmtree(copy)
    return left


def main() -> int:
    """Print the kill matrix; return 1 if something was lost."""
    n_lost = 0
    for writer in WRITERS:
        with TemporaryDirectory(dir=kills.QUICK_FOLDER) as name:
            Path(name).chmod(0o755)
            for way, verdicts in try_all(writer, Path(name)).items():
                print(f"{writer.name:20} {way:22} {dict(verdicts)}", flush=True)
                n_lost += sum(verdicts.values()) - verdicts["whole"]
    return 1 if n_lost else 0


if __name__ == "__main__":
    sys.exit(main())
