"""Commands `ecgsk ingest` and `ecgsk check`."""

import time
from pathlib import Path

import pandas as pd
from sklearn.pipeline import make_pipeline

from ecgsk.cli._output import say
from ecgsk.io import ingest_wfdb, read_ecg_folder
from ecgsk.preprocessing import BandpassFilter, Resample


def run(
    folder: Path,
    out: Path,
    sampling_rate: float | None,
    band: tuple[float, float] | None,
    duration: float | None,
    jobs: int,
    overwrite: bool,
) -> None:
    """Ingest, and print a summary; a band edge of 0 Hz is open."""
    start = time.perf_counter()
    steps = [Resample(sampling_rate)] if sampling_rate is not None else []
    if band is not None and any(band):
        low, high = (edge or None for edge in band)
        steps.append(BandpassFilter(low, high))
    ingest_wfdb(
        folder,
        out,
        make_pipeline(*steps) if steps else None,
        duration=duration,
        n_jobs=jobs,
        overwrite=overwrite,
    )
    _print_summary(out, verify=False)
    say(f"{time.perf_counter() - start:.0f} s. Written to {out.resolve()}")


def check_folder(folder: Path) -> None:
    """Verify the checksums of an ECG folder and print a summary."""
    _print_summary(folder, verify=True)
    say("All checksums match.")


def _print_summary(folder: Path, *, verify: bool) -> None:
    frame, _ = read_ecg_folder(folder, verify=verify)
    column = next(name for name in frame if hasattr(frame[name].dtype, "leads"))
    say(f"{len(frame):,} records of {frame[column].dtype}")
    if "problem" in frame:
        for problem, mask in _problems(frame).items():
            if mask.any():
                say(f"  {mask.sum():,} with {problem}")
    if (folder / "broken.csv").exists():
        say(f"  {len(pd.read_csv(folder / 'broken.csv')):,} left out, listed in broken.csv")


def _problems(frame: pd.DataFrame) -> dict[str, pd.Series]:
    differs = frame.get("checksum_differs", pd.Series("", frame.index))
    return {
        "samples that differ from the checksum of their header": differs != "",
        "no usable lead": ~frame["usable"],
        "missing leads": frame["n_missing_leads"] > 0,
        "flat leads": frame["n_flat_leads"] > 0,
        "gaps": frame["n_nan_leads"] > 0,
        "clipped leads": frame["n_clipped_leads"] > 0,
        "implausible amplitudes": frame["problem"].str.contains("implausible"),
        "suspected reversal of electrodes": frame["suspected_reversal"] != "",
    }
