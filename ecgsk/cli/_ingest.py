"""Command `ecgsk ingest`: a folder of recordings as one store."""

import time
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import make_pipeline

from ecgsk.cli._ending import end_incomplete
from ecgsk.cli._output import finish
from ecgsk.cli._preprocessing import preprocessing_steps
from ecgsk.io import ingest, read_ecg_folder
from ecgsk.signals.columns import find_ecg_column


def run(
    folder: Path,
    out: Path,
    sampling_rate: float | None,
    band: tuple[float, float] | None,
    duration: float | None,
    declared: tuple[float | None, str | None, str | None],
    jobs: int,
    overwrite: bool,
) -> None:
    """Ingest, and print a summary; `declared` are rate, unit and leads of files without."""
    start = time.perf_counter()
    steps = preprocessing_steps(sampling_rate, band)
    ingest(
        folder,
        out,
        make_pipeline(*steps) if steps else None,
        leads=declared[2].split(",") if declared[2] else None,
        duration=duration,
        sampling_rate=declared[0],
        unit=declared[1],
        n_jobs=jobs,
        overwrite=overwrite,
    )
    facts = describe_folder(out, verify=False)
    seconds = time.perf_counter() - start
    finish(
        f"{summary(facts)}\n{seconds:.0f} s. Written to {out.resolve()}",
        {"out": str(out.resolve()), "seconds": round(seconds, 1)} | facts,
    )
    end_incomplete(facts["n_broken"])


def describe_folder(folder: Path, *, verify: bool) -> dict[str, Any]:
    """Return size, format and quality of an ECG folder as JSON values.

    With `verify`, compare the checksums of all files first.
    """
    frame, _ = read_ecg_folder(folder, verify=verify)
    column = find_ecg_column(frame)
    ecg = frame[column].ecg
    broken = folder / "broken.csv"
    return {
        "n_records": len(frame),
        "ecg": str(frame[column].dtype),
        "leads": list(ecg.leads),
        "sampling_rate": ecg.sampling_rate,
        "n_broken": len(pd.read_csv(broken)) if broken.exists() else 0,
        "problems": _problems(frame) if "problem" in frame else {},
    }


def summary(facts: dict[str, Any]) -> str:
    """Return the facts of `describe_folder` as text."""
    lines = [f"{facts['n_records']:,} records of {facts['ecg']}"]
    lines += [
        f"  {n:,} with {problem.replace('_', ' ')}" for problem, n in facts["problems"].items() if n
    ]
    if facts["n_broken"]:
        lines.append(f"  {facts['n_broken']:,} left out, listed in broken.csv")
    return "\n".join(lines)


def _problems(frame: pd.DataFrame) -> dict[str, int]:
    """Return the number of records with each problem."""
    differs = frame.get("checksum_differs", pd.Series("", frame.index))
    masks = {
        "samples_that_differ_from_the_checksum_of_their_header": differs != "",
        "no_usable_lead": ~frame["usable"],
        "missing_leads": frame["n_missing_leads"] > 0,
        "flat_leads": frame["n_flat_leads"] > 0,
        "gaps": frame["n_nan_leads"] > 0,
        "clipped_leads": frame["n_clipped_leads"] > 0,
        "implausible_amplitudes": frame["problem"].str.contains("implausible"),
        "suspected_reversal_of_electrodes": frame["suspected_reversal"] != "",
    }
    return {problem: int(mask.sum()) for problem, mask in masks.items()}
