"""``ecgsk predict``: predict any number of records with a saved model."""

import time
from pathlib import Path
from typing import Any

import pandas as pd

from ecgsk.cli._ending import end_incomplete
from ecgsk.cli._output import finish, show
from ecgsk.deployment import predict_records, write_predictions
from ecgsk.persistence import load
from ecgsk.plotting.figures import format_probability


def run(
    model_folder: Path,
    records: list[Path],
    out: Path | None,
    jobs: int,
    chunk_size: int,
    overwrite: bool,
) -> None:
    """Predict; print the predictions, or what was written where."""
    model = load(model_folder)
    start = time.perf_counter()
    if out is None:
        frame = predict_records(model, records, chunk_size=chunk_size, n_jobs=jobs)
        thresholds = frame.attrs["thresholds"]
        rows = [_as_document(row, thresholds) for row in frame.to_dict("records")]
        show("\n".join(map(_as_line, rows)), {"records": rows})
    else:
        out = write_predictions(
            model, records, out, chunk_size=chunk_size, n_jobs=jobs, overwrite=overwrite
        )
        frame = _read_flags(out)
    n_left_out = int((~frame["usable"]).sum())
    if out is not None:
        facts = {"out": str(out), "n_records": len(frame), "n_left_out": n_left_out}
        seconds = time.perf_counter() - start
        left = f", {n_left_out:,} of them without a prediction" if n_left_out else ""
        finish(
            f"{len(frame):,} records{left}, {seconds:.0f} s. Written to {out}",
            facts | {"seconds": round(seconds, 1)},
        )
    end_incomplete(n_left_out)


def _read_flags(out: Path) -> pd.DataFrame:
    if out.suffix == ".csv":
        return pd.read_csv(out, usecols=["usable"])
    return pd.read_parquet(out, columns=["usable"])


def _as_document(row: dict[Any, Any], thresholds: dict[str, float]) -> dict[str, Any]:
    """Return a row of predictions as nested JSON values, without those that are missing."""
    kept = {name: row[name] for name in ("record", "path", "usable", "reason")}
    kept["quality"] = row["quality"] or ""
    if not row["usable"]:
        return kept
    if "predicted" in row:
        kept["predicted"] = row["predicted"]
    for title, prefix in (("diagnoses", "probability/"), ("laboratories", "laboratory/")):
        facts = [
            {"name": column.removeprefix(prefix), "probability": value}
            | ({"predicted": value > thresholds[column]} if column in thresholds else {})
            for column, value in row.items()
            if column.startswith(prefix)
        ]
        kept |= {title: facts} if facts else {}
    return kept


def _as_line(row: dict[str, Any]) -> str:
    """Return the name of a record and what is above its threshold."""
    if not row["usable"]:
        return f"{row['record']}: not predicted: {row['reason']}"
    if "predicted" in row:
        return f"{row['record']}: {row['predicted']}"
    found = [
        f"{fact['name']} {format_probability(fact['probability'])}"
        for kind in ("diagnoses", "laboratories")
        for fact in row.get(kind, ())
        if fact["predicted"]
    ]
    doubt = f" ({row['quality']})" if row["quality"] else ""
    return f"{row['record']}: {', '.join(found) or 'nothing above its threshold'}{doubt}"
