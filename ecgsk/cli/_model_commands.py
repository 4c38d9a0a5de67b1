"""Options of the commands for one model: explain, info and export."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ecgsk.cli._ending import command


@command("no explanation was written. Run the command again.")
def explain(
    record: Annotated[Path, typer.Argument(help="WFDB record, with or without .hea.")],
    model: Annotated[
        Path,
        typer.Option(
            help="Model folder that ecgsk.save or `ecgsk demo` wrote.", exists=True, file_okay=False
        ),
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder for report.html, explanation.json and figure.", file_okay=False),
    ] = None,
) -> None:
    """Explain the predictions for one WFDB record with a saved model.

    Prints the diagnoses with the laboratory findings predicted from the same ECG:

        ecgsk explain p10000032/s40689238/40689238 --model ecgsk-demo/model
    """
    from ecgsk.cli._explain import run

    run(record, model, out)


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


@command("no file was written. Run the command again.")
def export(
    model: Annotated[
        Path,
        typer.Argument(help="Model folder that ecgsk.save wrote.", exists=True, file_okay=False),
    ],
    out: Annotated[Path, typer.Argument(help="ONNX file to write.", dir_okay=False)],
) -> None:
    """Export a saved model to ONNX, with its preprocessing and calibration.

    The probabilities under ONNX Runtime equal those of the model; leads, sampling
    rate, unit and thresholds are in the file's metadata. Needs ecgsk[onnx]:

        ecgsk export ecgsk-demo/model model.onnx
    """
    from ecgsk.cli._export import run

    run(model, out)
