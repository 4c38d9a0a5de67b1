"""Commands, their options and what ``--help`` teaches."""

import warnings
from pathlib import Path
from typing import Annotated, Optional

import typer

from ecgsk.cli._cohort import cohort_app

app = typer.Typer(
    name="ecgsk",
    help="Teach an ECG encoder what laboratory values know; then need only the ECG.",
    epilog="Research software. Not a medical device: it must not guide the care of a patient.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)
app.add_typer(cohort_app, name="cohort")


@app.callback()
def ecgsk() -> None:
    """Teach an ECG encoder what laboratory values know; then need only the ECG."""


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for report, tables, pictures and model.", file_okay=False)
    ] = Path("ecgsk-demo"),
    mimic_ecg: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="MIMIC-IV-ECG folder, with record_list.csv.", exists=True, file_okay=False
        ),
    ] = None,
    hosp: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="MIMIC-IV hosp folder, with labevents.csv.gz.", exists=True, file_okay=False
        ),
    ] = None,
    ed: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="MIMIC-IV-ED folder, with triage.csv.gz.", exists=True, file_okay=False),
    ] = None,
    subjects: Annotated[
        int, typer.Option(help="Patients of the synthetic cohort; each has 1 to 7 ECGs.", min=100)
    ] = 5000,
    label_fraction: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            help="Share of patients whose diagnoses are known. [default: 0.1; all of "
            "them on a MIMIC tree]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal results.", min=0)] = 0,
) -> None:
    """Run the whole method and write a report: cohort, three stages, arms, one explanation.

    Without folders it makes a **synthetic cohort** of patients whose ECGs,
    laboratory values and diagnoses share hidden causes; many have a table, few
    have labels, as in a hospital's archive. With the three folders it does the
    same on a tree in **MIMIC-IV's layout**:

        ecgsk demo --mimic-ecg mimic-iv-ecg --hosp mimiciv/hosp --ed mimic-iv-ed/ed

    The folder then holds report.html, arms.csv and further tables, pictures,
    and the model, which `ecgsk explain` takes.
    """
    from ecgsk.cli._demo import mimic_study, run, synthetic_study

    if (mimic_ecg is None) != (hosp is None):
        raise typer.BadParameter("--mimic-ecg and --hosp go together; --ed may join them.")
    if mimic_ecg is None and ed is not None:
        raise typer.BadParameter("--ed needs --mimic-ecg and --hosp.")
    if label_fraction is not None and not 0 < label_fraction <= 1:
        raise typer.BadParameter(f"--label-fraction must be in (0, 1], got {label_fraction:g}.")
    if mimic_ecg is not None and hosp is not None:
        study = mimic_study(mimic_ecg, hosp, ed, 1.0 if label_fraction is None else label_fraction)
    else:
        study = synthetic_study(subjects, 0.1 if label_fraction is None else label_fraction, seed)
    run(study, out, seed)


@app.command()
def evaluate(
    cohort: Annotated[
        Path,
        typer.Argument(
            help="Cohort folder, of `ecgsk cohort` or write_cohort.", exists=True, file_okay=False
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for report, tables, pictures and model.", file_okay=False)
    ] = Path("ecgsk-evaluation"),
    arm: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Name of an arm; may be repeated. [default: all of them]"),
    ] = None,
    label_fraction: Annotated[
        Optional[list[float]],  # noqa: UP045
        typer.Option(
            help="Share of training patients whose diagnoses are known; may be repeated. "
            "[default: 1]"
        ),
    ] = None,
    test_size: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            help="Share of records to test on, met with whole patients. [default: the "
            "cohort's own parts, or 0.25 where it has none]"
        ),
    ] = None,
    encoder: Annotated[str, typer.Option(help="Architecture of every arm.")] = "resnet18",
    max_epochs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Epochs of each stage. [default: the recipe's]", min=1),
    ] = None,
    resamples: Annotated[int, typer.Option(help="Of the patient bootstrap.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal results.", min=0)] = 0,
) -> None:
    """Compare all arms on a cohort; write a paper's tables, pictures and a model card.

    Every arm is fitted on the same patients and scored on the others, with
    intervals by patient:

        ecgsk evaluate mimic-cohort --out results --label-fraction 1 --label-fraction 0.1

    Writes report.html; the arms, their differences, labels, laboratories and
    subgroups as CSV and LaTeX; calibration, net benefit and forests as PNG;
    model_card.md, in the order of TRIPOD+AI; and the model of the joint embedding.
    """
    from ecgsk.cli._evaluate import Settings, run
    from ecgsk.encoders import ENCODERS
    from ecgsk.evaluation import ARMS

    fractions = label_fraction or [1.0]
    for share in fractions:
        if not 0 < share <= 1:
            raise typer.BadParameter(f"--label-fraction must be in (0, 1], got {share:g}.")
    if test_size is not None and not 0 < test_size < 1:
        raise typer.BadParameter(f"--test-size must be in (0, 1), got {test_size:g}.")
    if encoder not in ENCODERS:
        raise typer.BadParameter(f"--encoder must be one of {', '.join(ENCODERS)}; got {encoder}.")
    if unknown := [name for name in arm or () if name not in ARMS]:
        raise typer.BadParameter(f"--arm must be one of {', '.join(ARMS)}; got {unknown[0]}.")
    run(cohort, out, Settings(arm, fractions, test_size, encoder, max_epochs, resamples, seed))


@app.command()
def explain(
    record: Annotated[Path, typer.Argument(help="WFDB record: path of its .hea, or without it.")],
    model: Annotated[
        Path,
        typer.Option(
            help="Folder that `ecgsk demo` or ecgsk.save wrote.", exists=True, file_okay=False
        ),
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Folder for report.html, explanation.json and the picture.", file_okay=False
        ),
    ] = None,
) -> None:
    """Explain one WFDB record with a saved model; the ECG alone is needed.

    Prints the diagnoses and the laboratory findings that stand beside them:

        ecgsk explain p10000032/s40689238/40689238 --model ecgsk-demo/model
    """
    from ecgsk.cli._explain import run

    run(record, model, out)


@app.command()
def ingest(
    folder: Annotated[
        Path, typer.Argument(help="Folder of WFDB records.", exists=True, file_okay=False)
    ],
    out: Annotated[Path, typer.Argument(help="Folder to write.", file_okay=False)],
    sampling_rate: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="Hz to resample to. [default: as recorded]"),
    ] = None,
    band: Annotated[
        Optional[tuple[float, float]],  # noqa: UP045
        typer.Option(
            help="Edges of the band-pass in Hz; 0 leaves an edge open. [default: no filter]",
            min=0,
        ),
    ] = None,
    duration: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            help="Seconds: longer records are cropped, shorter ones padded. [default: "
            "that of most records; others are listed as broken]"
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes; -1 takes every core.")] = -1,
    overwrite: Annotated[
        bool, typer.Option(help="Begin anew where OUT holds something of other settings.")
    ] = False,
) -> None:
    """Turn a folder of WFDB records into one file of samples and a table.

    Keeps what was recorded unless --sampling-rate or --band is given. Works in
    parallel, describes the quality of each record and lists the broken ones.
    Interrupted, and started again, it goes on:

        ecgsk ingest mimic-iv-ecg store --sampling-rate 100 --band 0.5 40

    Writes ecg.npy (int16), records.parquet, ecg.json and broken.csv.
    """
    from ecgsk.cli._ingest import run

    run(folder, out, sampling_rate, band, duration, jobs, overwrite)


@app.command()
def check(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder that ecgsk wrote, with ecg.json.", exists=True, file_okay=False
        ),
    ],
) -> None:
    """Compare the files of an ECG folder with the checksums written beside them."""
    from ecgsk.cli._ingest import check_folder

    check_folder(folder)


def main() -> None:
    """Run the command line; bad input ends it with its message, not a traceback."""
    from ecgsk.exceptions import ECGError

    warnings.showwarning = lambda message, *_, **__: typer.secho(
        f"warning: {message}", fg=typer.colors.YELLOW, err=True
    )
    try:
        app()
    except (ECGError, OSError) as error:
        typer.secho(f"error: {error}", fg=typer.colors.RED, err=True)
        raise SystemExit(1) from None
