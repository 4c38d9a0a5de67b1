"""Options of ``ecgsk cohort csv``: a folder of recordings and one table."""

from pathlib import Path
from typing import Annotated

import typer

from ecgsk.cli._cohort_options import (
    KEPT,
    SEVERAL,
    Duration,
    Errors,
    Leads,
    MinCount,
    Out,
    Overwrite,
    Rate,
    build_cohort,
    column_names,
    missing_values,
)
from ecgsk.cli._ending import command


@command(KEPT)
def csv(
    recordings: Annotated[
        Path,
        typer.Argument(
            help="Folder of recordings of any format that is read, or one that `ecgsk ingest` "
            "wrote.",
            exists=True,
            file_okay=False,
        ),
    ],
    table: Annotated[
        Path,
        typer.Argument(
            help="CSV or Parquet file, one row per record.", dir_okay=False, exists=True
        ),
    ],
    out: Out,
    key: Annotated[
        str,
        typer.Option(
            help="Column of the record's name: the file name without suffix, or the path within "
            "RECORDINGS."
        ),
    ],
    patient: Annotated[
        str, typer.Option(help="Column of the patient; KEY again if each has one record.")
    ],
    labels: Annotated[
        list[str] | None,
        typer.Option(metavar=SEVERAL, help="Columns of 0, 1 or missing (not known)."),
    ] = None,
    statements: Annotated[
        list[str] | None,
        typer.Option(
            metavar=SEVERAL,
            help="Columns of text or codes: each value becomes a label. A cell may hold several, "
            "one per line.",
        ),
    ] = None,
    labs: Annotated[
        list[str] | None,
        typer.Option(metavar=SEVERAL, help="Columns of laboratory targets."),
    ] = None,
    ranges: Annotated[
        Path | None,
        typer.Option(
            help="Reference ranges: a table with laboratory, low, high and unit.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(
            metavar=SEVERAL,
            help="Columns to leave out, such as those not known when the ECG was recorded.",
        ),
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            help="A value that means missing or not known; may be repeated.",
        ),
    ] = None,
    fold: Annotated[
        str | None,
        typer.Option(help="Column of folds. [default: ten, drawn by patient]"),
    ] = None,
    header_columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar=SEVERAL,
            help="Clinical columns to take from the recordings, such as age,sex.",
        ),
    ] = None,
    min_count: MinCount = 1,
    leads: Leads = None,
    sampling_rate: Rate = None,
    duration: Duration = None,
    file_unit: Annotated[
        str | None,
        typer.Option(help="Unit of the samples in files that state none: V, mV, uV or nV."),
    ] = None,
    errors: Errors = "list",
    population: Annotated[str, typer.Option(help="Description of the patients.")] = "",
    overwrite: Overwrite = False,
) -> None:
    """Join a folder of recordings to one table of your own by a declared key.

    The role of each column, and what `ecgsk check` finds in it, is printed before
    anything is written. Columns without a role become clinical columns:

        ecgsk cohort csv ecg visits.csv OUT --key record --patient mrn --labels AF,stroke

        ecgsk cohort csv ... --labs potassium,troponin --ranges ranges.csv --drop discharged

        ecgsk cohort csv ludb/data ludb/ludb.csv OUT --key ID --patient ID --statements Rhythms

    The KEY is a file name without suffix, or has slashes and is a path within RECORDINGS.
    Records and rows without a partner are left out and listed in OUT/report/left_out.csv.
    """
    build_cohort(
        "load_csv",
        out,
        overwrite,
        table.name,
        recordings,
        table,
        key=key,
        patient=patient,
        labels=column_names(labels),
        statements=column_names(statements),
        labs=column_names(labs),
        ranges=ranges,
        drop=column_names(drop),
        missing=missing_values(missing or []),
        fold=fold,
        header_columns=column_names(header_columns),
        min_count=min_count,
        leads=leads,
        sampling_rate=sampling_rate,
        duration=duration,
        unit=file_unit,
        errors=errors,
        population=population,
    )
