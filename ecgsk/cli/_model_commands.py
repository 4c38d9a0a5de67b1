"""Options of the commands for one model: train, predict, explain, info and export."""

from pathlib import Path
from typing import Annotated

import typer

from ecgsk.cli._ending import command
from ecgsk.cli._options import (
    BAND_HELP,
    MAX_SEED,
    MODEL_FOLDER,
    Band,
    CohortFolder,
    Jobs,
    MaxEpochs,
    ModelFolder,
    Records,
)


@command(
    "{out}/checkpoints holds the finished epochs. The same command goes on from there; delete "
    "the folder to begin anew."
)
def train(
    cohort: CohortFolder,
    out: Annotated[
        Path, typer.Option(help="Folder for model, model card, report and tables.", file_okay=False)
    ] = Path("ecgsk-model"),
    encoder: Annotated[
        str | None,
        typer.Option(help="Encoder, by name. [default: resnet18]"),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="Objective of the pre-training. [default: clip with a table, else ecg_contrast]"
        ),
    ] = None,
    pretrain: Annotated[
        bool | None,
        typer.Option(help="Stage (i). [default: pretrain]", show_default=False),
    ] = None,
    max_epochs: MaxEpochs = None,
    val_fold: Annotated[
        list[int] | None,
        typer.Option(
            help="Fold of the cohort to hold out for calibration; may be repeated. "
            "[default: the cohort's split, or --val-size]"
        ),
    ] = None,
    test_fold: Annotated[
        list[int] | None,
        typer.Option(
            help="Fold to score on; may be repeated. [default: half of the patients of --val-fold]"
        ),
    ] = None,
    val_size: Annotated[
        float | None,
        typer.Option(
            help="Share of patients to hold out, half for calibration and half for scores. "
            "[default: 0.3]"
        ),
    ] = None,
    sampling_rate: Annotated[
        float | None,
        typer.Option(help="Resample to this rate, Hz. [default: 100]"),
    ] = None,
    band: Annotated[
        Band, typer.Option(help=f"{BAND_HELP} [default: 0.5 40]", metavar="LOW HIGH", min=0)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML file with these options and estimators' parameters; options override it.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    resamples: Annotated[
        int | None,
        typer.Option(help="Bootstrap resamples of the patients. [default: 1000]", min=1),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Random seed. [default: 0]", min=0, max=MAX_SEED),
    ] = None,
    overwrite: Annotated[bool, typer.Option(help="Replace a model in --out.")] = False,
) -> None:
    """Train a model on one cohort: pre-training, diagnoses, laboratories.

    Calibrates and sets thresholds on held-out patients, and scores on others:

        ecgsk train mimic-cohort --out mimic-model --encoder resnet10 --max-epochs 5

    Writes model, model_card.md, report.html, study.toml (all settings), split.csv,
    tables as CSV, figures as PNG and training_report.json.
    """
    from ecgsk.cli._study_file import read_settings
    from ecgsk.cli._train import run

    options = {
        "encoder": encoder,
        "objective": objective,
        "pretrain": pretrain,
        "max_epochs": max_epochs,
        "val_fold": val_fold,
        "test_fold": test_fold,
        "val_size": val_size,
        "sampling_rate": sampling_rate,
        "band": band,
        "resamples": resamples,
        "seed": seed,
    }
    run(cohort, out, read_settings(options, config), overwrite=overwrite)


@command("with --out, the finished chunks are kept, and the same command goes on from there.")
def predict(
    model: ModelFolder,
    records: Records,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write, .parquet or .csv. [default: print the predictions]",
            dir_okay=False,
        ),
    ] = None,
    jobs: Jobs = 1,
    chunk_size: Annotated[
        int,
        typer.Option(help="Records per task; finished ones are kept when interrupted.", min=1),
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

    run(model, records, out, jobs, chunk_size, overwrite)


@command("the reports that were finished are kept. Run the command again.")
def explain(
    records: Records,
    model: Annotated[Path, typer.Option(**MODEL_FOLDER)],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for report.html, explanation.json and figure.", file_okay=False),
    ] = None,
    record: Annotated[
        list[str] | None,
        typer.Option(help="Name of a record to explain, of those found; may be repeated."),
    ] = None,
    limit: Annotated[
        int, typer.Option(help="Maximum number of records; each takes a second or two.", min=1)
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
def info(model: ModelFolder) -> None:
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
    model: ModelFolder,
    out: Annotated[Path, typer.Argument(help="ONNX file to write.", dir_okay=False)],
) -> None:
    """Export a saved model to ONNX, with its preprocessing and calibration.

    The probabilities under ONNX Runtime equal those of the model; leads, sampling
    rate, unit and thresholds are in the file's metadata. Needs ecgsk[onnx]:

        ecgsk export ecgsk-demo/model model.onnx
    """
    from ecgsk.cli._export import run

    run(model, out)
