"""Options of the commands for one model: predict, explain and info."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ecgsk.cli._ending import command

_Records = Annotated[
    list[Path],
    typer.Argument(
        help="WFDB records, with or without .hea, folders of them, and folders that `ecgsk ingest` "
        "or `ecgsk cohort` wrote."
    ),
]
_Model = Annotated[
    Path,
    typer.Argument(
        help="Model folder that ecgsk.save, `ecgsk train` or `ecgsk demo` wrote.",
        exists=True,
        file_okay=False,
    ),
]


@command("finished chunks are kept. The same command goes on from there.")
def predict(
    model: _Model,
    records: _Records,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="File to write, .parquet or .csv. [default: print the predictions]",
            dir_okay=False,
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Processes, each of which loads the model; -1 takes every core.")
    ] = 1,
    chunk_size: Annotated[
        int, typer.Option(help="Records per task, and per step of what is kept.", min=1)
    ] = 1024,
    overwrite: Annotated[bool, typer.Option(help="Replace OUT.")] = False,
) -> None:
    """Predict any number of records with a saved model.

    Writes a row per record: probability and decision for each diagnosis, laboratory
    findings, and the quality of the signal. A record that cannot be predicted has a row
    with the reason; the exit code is then 3. After an interruption the same command goes
    on:

        ecgsk predict ecgsk-demo/model store --out predictions.parquet --jobs 4
    """
    from ecgsk.cli._predict import run

    if jobs == 0:
        raise typer.BadParameter("--jobs must be a number of processes, or -1 for all; got 0.")
    run(model, records, out, jobs, chunk_size, overwrite)


@command("the reports that were finished are kept. Run the command again.")
def explain(
    records: _Records,
    model: Annotated[
        Path,
        typer.Option(
            help="Model folder that ecgsk.save, `ecgsk train` or `ecgsk demo` wrote.",
            exists=True,
            file_okay=False,
        ),
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder for report.html, explanation.json and figure.", file_okay=False),
    ] = None,
    record: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Name of a record to explain, of those found; may be repeated."),
    ] = None,
    limit: Annotated[
        int, typer.Option(help="Largest number of records; each takes seconds.", min=1)
    ] = 20,
) -> None:
    """Explain the predictions for records with a saved model.

    Prints the diagnoses with the laboratory findings predicted from the same ECG, and
    writes a report of each record; for several records, a folder each and index.html:

        ecgsk explain p10000032/s40689238/40689238 --model ecgsk-demo/model --out report

        ecgsk explain store --record p1 --record p7 --model ecgsk-demo/model
    """
    from ecgsk.cli._explain import run

    run(records, model, out, record or [], limit)


@command("nothing was changed.")
def info(
    model: Annotated[
        Path,
        typer.Argument(help="Model folder that ecgsk.save wrote.", exists=True, file_okay=False),
    ],
) -> None:
    """Show everything that a saved model holds about patients.

    Prints numbers of training patients and records, labels, clinical columns with
    their categories and distributions, calibration, the filter of training patients
    and neighbours, and what the model does not hold:

        ecgsk info ecgsk-demo/model
    """
    from ecgsk.cli._info import run

    run(model)
