"""Options of the commands that compare arms: demo and evaluate."""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from ecgsk.cli._ending import command
from ecgsk.cli._options import CohortFolder, Jobs, MaxEpochs, Resamples, Seed, encoder_names
from ecgsk.cli._output import say

_MAX_DEMO_JOBS = 3  # three of its arms are long


@command(
    "{out} holds the explanation, if it was printed, and in checkpoints the finished epochs. The "
    "same command goes on from there; delete the folder to begin anew."
)
def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for report, tables, figures and model.", file_okay=False)
    ] = Path("ecgsk-demo"),
    mimic_ecg: Annotated[
        Path | None,
        typer.Option(
            help="MIMIC-IV-ECG folder, with record_list.csv.", exists=True, file_okay=False
        ),
    ] = None,
    hosp: Annotated[
        Path | None,
        typer.Option(
            help="MIMIC-IV hosp folder, with labevents.csv.gz.", exists=True, file_okay=False
        ),
    ] = None,
    ed: Annotated[
        Path | None,
        typer.Option(help="MIMIC-IV-ED folder, with triage.csv.gz.", exists=True, file_okay=False),
    ] = None,
    open_data: Annotated[
        Literal["mimic-iv-demo"] | None,
        typer.Option(help="Download an open database once, and run on it."),
    ] = None,
    data_home: Annotated[
        Path | None,
        typer.Option(
            help="Folder of downloaded databases. [default: $ECGSK_DATA, else ~/ecgsk_data]",
            file_okay=False,
        ),
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Server with PhysioNet's layout, such as "
            "https://physionet-open.s3.amazonaws.com. [default: PhysioNet]",
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="5,000 patients and a larger encoder; takes much longer."),
    ] = False,
    subjects: Annotated[
        int | None,
        typer.Option(
            help="Number of patients in the synthetic cohort. [default: 1500; 5000 with --full]",
            min=100,
        ),
    ] = None,
    label_fraction: Annotated[
        float | None,
        typer.Option(
            help="Share of patients with known diagnoses. "
            "[default: 0.2; 0.1 with --full; 1 with --mimic-ecg or --open-data]"
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Processes that fit arms side by side. [default: one for each core, at most 3]",
            min=1,
        ),
    ] = None,
    seed: Seed = 0,
    open_report: Annotated[
        bool, typer.Option("--open", help="Open the report in the browser.")
    ] = False,
) -> None:
    """Run all three stages and all arms on one cohort, and write a report.

    The cohort is **synthetic** by default: ECGs, laboratory values and diagnoses
    share latent causes, and few patients have labels. First an ECG is explained,
    then each arm reports its score, in one to two minutes on two cores:

        ecgsk demo --open

    With the folders of MIMIC-IV it runs on those:

        ecgsk demo --mimic-ecg mimic-iv-ecg --hosp mimiciv/hosp --ed mimic-iv-ed/ed

    Or it downloads the open demo of MIMIC-IV (about 100 MB), and writes the report of its
    cohort too:

        ecgsk demo --open-data mimic-iv-demo

    Writes report.html, tables, figures, one explanation, and the model for
    `ecgsk explain`.
    """
    if (mimic_ecg is None) != (hosp is None):
        raise typer.BadParameter("--mimic-ecg and --hosp need each other; --ed is optional.")
    if mimic_ecg is None and ed is not None:
        raise typer.BadParameter("--ed needs --mimic-ecg and --hosp.")
    if open_data and mimic_ecg is not None:
        raise typer.BadParameter("--open-data and --mimic-ecg exclude each other.")
    if not open_data and (data_home or mirror):
        raise typer.BadParameter("--data-home and --mirror need --open-data.")
    if label_fraction is not None and not 0 < label_fraction <= 1:
        raise typer.BadParameter(f"--label-fraction must be in (0, 1], got {label_fraction:g}.")
    from ecgsk.cli._workers import resolve_jobs, start_workers

    start = time.perf_counter()
    say("Loading libraries and patients ...")
    n_jobs = resolve_jobs(_MAX_DEMO_JOBS) if jobs is None else jobs
    start_workers(n_jobs)
    from ecgsk.cli._demo import FULL, QUICK, mimic_study, open_study, run, synthetic_study

    size = FULL if full else QUICK
    if open_data:
        study = open_study(size, data_home, mirror, label_fraction)
    elif mimic_ecg is not None and hosp is not None:
        study = mimic_study(size, mimic_ecg, hosp, ed, label_fraction)
    else:
        study = synthetic_study(size, subjects, label_fraction, seed)
    run(study, out, seed, n_jobs, start=start, open_report=open_report)


@command(
    "{out}/checkpoints holds the finished epochs. The same command goes on from there; delete "
    "the folder to begin anew."
)
def evaluate(
    cohort: CohortFolder,
    out: Annotated[
        Path, typer.Option(help="Folder for report, tables, figures and model.", file_okay=False)
    ] = Path("ecgsk-evaluation"),
    arm: Annotated[
        list[str] | None,
        typer.Option(help="Arm to fit; may be repeated. [default: those of --arms]"),
    ] = None,
    arms: Annotated[
        Literal["default", "ablation"],
        typer.Option(
            help="Set of arms to fit: those of a paper's table, or all, which change one part of "
            "the joint embedding at a time."
        ),
    ] = "default",
    label_fraction: Annotated[
        list[float] | None,
        typer.Option(
            help="Share of training patients with known diagnoses; may be repeated. [default: 1]"
        ),
    ] = None,
    test_size: Annotated[
        float | None,
        typer.Option(
            help="Share of records in the test set. [default: the cohort's split, or 0.25]"
        ),
    ] = None,
    encoder: Annotated[str, typer.Option(help="Encoder of every arm.")] = "resnet18",
    max_epochs: MaxEpochs = None,
    resamples: Resamples = 1000,
    jobs: Jobs = 1,
    seed: Seed = 0,
) -> None:
    """Compare all arms on one cohort and write tables, figures and a model card.

    Every arm is fitted on the same training patients and scored on the same test
    patients, with patient-bootstrap confidence intervals:

        ecgsk evaluate mimic-cohort --out results --label-fraction 1 --label-fraction 0.1

    Writes report.html, tables as CSV and LaTeX, figures as PNG, model_card.md in
    the order of TRIPOD+AI, and the joint-embedding model.
    """
    from ecgsk.cli._evaluate import Settings, run
    from ecgsk.evaluation import ARMS

    fractions = label_fraction or [1.0]
    for share in fractions:
        if not 0 < share <= 1:
            raise typer.BadParameter(f"--label-fraction must be in (0, 1], got {share:g}.")
    if test_size is not None and not 0 < test_size < 1:
        raise typer.BadParameter(f"--test-size must be in (0, 1), got {test_size:g}.")
    if encoder not in (names := encoder_names()):
        raise typer.BadParameter(f"--encoder must be one of {', '.join(names)}; got {encoder}.")
    if unknown := [name for name in arm or () if name not in ARMS]:
        raise typer.BadParameter(f"--arm must be one of {'; '.join(ARMS)}; got {unknown[0]}.")
    if arm and arms == "ablation":
        raise typer.BadParameter("--arm and --arms ablation exclude each other.")
    fitted = "ablation" if arms == "ablation" else arm
    run(
        cohort,
        out,
        Settings(fitted, fractions, test_size, encoder, max_epochs, resamples, jobs, seed),
    )
