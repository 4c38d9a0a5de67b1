"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

MAX_SEED = 2**32 - 1  # of NumPy's generator


def encoder_names() -> list[str]:
    """Return the names of the encoders that a pretrainer takes."""
    from ecgsk.encoders.registry import ENCODERS

    return [name for name in ENCODERS if name != "ensemble"]


def _check_jobs(jobs: int) -> int:
    if jobs == 0:
        raise typer.BadParameter("expected a number of processes, or -1 for every core; got 0.")
    return jobs


CohortFolder = Annotated[
    Path,
    typer.Argument(
        help="Folder that `ecgsk cohort` or write_cohort wrote.", exists=True, file_okay=False
    ),
]
MODEL_FOLDER: dict[str, Any] = {
    "help": "Model folder that ecgsk.save, `ecgsk train` or `ecgsk demo` wrote.",
    "exists": True,
    "file_okay": False,
}
ModelFolder = Annotated[Path, typer.Argument(**MODEL_FOLDER)]
Records = Annotated[
    list[Path],
    typer.Argument(
        help="WFDB records, with or without .hea, DICOM, EDF, XML and SCP-ECG files, folders of "
        "them, and folders that `ecgsk ingest` or `ecgsk cohort` wrote."
    ),
]
Jobs = Annotated[int, typer.Option(help="Processes; -1 takes every core.", callback=_check_jobs)]
MaxEpochs = Annotated[
    int | None, typer.Option(help="Epochs of each stage. [default: as the estimators]", min=1)
]
Resamples = Annotated[int, typer.Option(help="Bootstrap resamples of the patients.", min=1)]
Seed = Annotated[int, typer.Option(help="Random seed.", min=0, max=MAX_SEED)]
Band = tuple[float, float] | None
BAND_HELP = "Edges of the band-pass in Hz; 0 leaves an edge open."
