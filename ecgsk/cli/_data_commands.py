"""Options of the commands for files of ECGs: ingest and check."""

from pathlib import Path
from typing import Annotated

import typer

from ecgsk.cli._ending import command
from ecgsk.cli._options import BAND_HELP, Band, Jobs


@command("{out} holds the chunks that are finished. The same command goes on from there.")
def ingest(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder of recordings: WFDB, DICOM, EDF, XML, SCP-ECG, or arrays.",
            exists=True,
            file_okay=False,
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder to write.", file_okay=False)],
    sampling_rate: Annotated[
        float | None,
        typer.Option(help="Hz to resample to. [default: as recorded]"),
    ] = None,
    band: Annotated[
        Band, typer.Option(help=f"{BAND_HELP} [default: no filter]", metavar="LOW HIGH", min=0)
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            help="Seconds: longer records are cropped, shorter ones padded. [default: "
            "that of most records; others are listed as broken]"
        ),
    ] = None,
    file_rate: Annotated[
        float | None,
        typer.Option(help="Hz of files that state no sampling rate, such as CSV and .npy."),
    ] = None,
    file_unit: Annotated[
        str | None, typer.Option(help="Unit of files that state none: V, mV, uV or nV.")
    ] = None,
    file_leads: Annotated[
        str | None,
        typer.Option(help="Names of all leads, in order and with commas, of files without names."),
    ] = None,
    jobs: Jobs = -1,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Read all records again, and replace what OUT holds."),
    ] = False,
) -> None:
    """Turn a folder of recordings into one file of samples and a table.

    Keeps what was recorded unless --sampling-rate or --band is given. Works in
    parallel, describes the quality of each record and lists the broken ones. The
    format of each file is found by its content.
    After an interruption the same command resumes. Later it compares the records
    with the store, and reads all again if some were added or changed:

        ecgsk ingest mimic-iv-ecg store --sampling-rate 100 --band 0.5 40

    Writes ecg.npy (int16), records.parquet, ecg.json, broken.csv and
    sources.parquet.
    """
    from ecgsk.cli._ingest import run

    declared = (file_rate, file_unit, file_leads)
    run(folder, out, sampling_rate, band, duration, declared, jobs, overwrite)


@command("not all checksums were compared.")
def check(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder that ecgsk wrote, with ecg.json.", exists=True, file_okay=False
        ),
    ],
) -> None:
    """Verify the checksums of an ECG folder, and check the table of a cohort.

    An example, for a folder that `ecgsk ingest` or `ecgsk cohort` wrote:

        ecgsk check store
    """
    from ecgsk.cli._check import run

    run(folder)
