"""Options of ``ecgsk cohort``: a cohort folder and its report from a database or own tables."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ecgsk.cli._cohort_csv import csv
from ecgsk.cli._cohort_options import (
    KEPT,
    Duration,
    Errors,
    Leads,
    MinCount,
    Out,
    Overwrite,
    Rate,
    Source,
    build_cohort,
)
from ecgsk.cli._ending import command
from ecgsk.cli._options import Jobs

cohort_app = typer.Typer(
    help="Build a cohort folder and its report from an open database or your own tables.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@cohort_app.callback()
def cohort() -> None:
    """Build a cohort folder and its report from an open database or your own tables."""


@cohort_app.command("mimic-iv")
@command(KEPT)
def mimic_iv(
    out: Out,
    ecg: Annotated[
        Path,
        typer.Option(help="MIMIC-IV-ECG, with record_list.csv.", exists=True, file_okay=False),
    ],
    hosp: Annotated[
        Path,
        typer.Option(help="MIMIC-IV's hosp, with labevents.csv.gz.", exists=True, file_okay=False),
    ],
    ed: Annotated[
        Path | None,
        typer.Option(help="MIMIC-IV-ED's ed, with triage.csv.gz.", exists=True, file_okay=False),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            help="Folder that `ecgsk ingest` wrote from --ecg.", exists=True, file_okay=False
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A field of MimicInputs, MimicTargets or MimicFolds; may be repeated. Separate "
            "several values by commas. An unknown name lists all names and defaults.",
        ),
    ] = None,
    memory_limit: Annotated[str, typer.Option(help="Memory of the database.")] = "2GB",
    overwrite: Overwrite = False,
) -> None:
    """Join MIMIC-IV-ECG to MIMIC-IV and MIMIC-IV-ED, as PhysioNet ships them.

    Adds laboratory values, vital signs, body measures, ICD-10 labels and folds by
    patient, out of core. Inputs are never later than the ECG:

        ecgsk cohort mimic-iv --ecg mimic-iv-ecg --hosp mimiciv/hosp --ed mimic-iv-ed/ed OUT

        ecgsk cohort mimic-iv ... --set min_count=2000 --set lab_aggregates=nearest,slope OUT

    Writes the cohort (ecg.npy, records.parquet, ecg.json), and in OUT/report
    report.html with its pictures and tables.
    """
    specs = _specs(settings or [])
    build_cohort(
        "load_mimic_iv",
        out,
        overwrite,
        "MIMIC-IV cohort",
        ecg=ecg,
        hosp=hosp,
        ed=ed,
        store=store,
        memory_limit=memory_limit,
        **specs,
    )


@cohort_app.command("ptb-xl")
@command(KEPT)
def ptb_xl(
    path: Source,
    out: Out,
    sampling_rate: Annotated[int, typer.Option(help="100 or 500 Hz: which records.")] = 100,
    task: Annotated[
        str,
        typer.Option(
            help="Labels: all, diagnostic, subdiagnostic, superdiagnostic, form or rhythm."
        ),
    ] = "superdiagnostic",
    min_count: MinCount = 1,
    leads: Leads = None,
    errors: Errors = "list",
    overwrite: Overwrite = False,
) -> None:
    """Load PTB-XL: 21,799 ECGs of 18,869 patients, with SCP-ECG statements.

    For example:

        ecgsk cohort ptb-xl ptb-xl OUT --task diagnostic --min-count 50

    PATH holds ptbxl_database.csv and records100 or records500. Folds are the database's own.
    """
    options = {"sampling_rate": sampling_rate, "task": task, "min_count": min_count}
    build_cohort(
        "load_ptbxl", out, overwrite, "PTB-XL", path, leads=leads, errors=errors, **options
    )


@cohort_app.command()
@command(KEPT)
def challenge(
    path: Source,
    out: Out,
    labels: Annotated[
        Literal["scored", "all"],
        typer.Option(help="The 26 scored classes, or all SNOMED CT codes."),
    ] = "scored",
    unstated: Annotated[
        Literal["missing", "negative"],
        typer.Option(help="A class that the record's source never states is missing, or 0."),
    ] = "missing",
    min_count: MinCount = 1,
    sampling_rate: Rate = None,
    duration: Duration = None,
    leads: Leads = None,
    errors: Errors = "list",
    overwrite: Overwrite = False,
) -> None:
    """Load records of the PhysioNet/CinC Challenges 2020 and 2021.

    For example:

        ecgsk cohort challenge challenge-2021 OUT --sampling-rate 500 --duration 10

    Patients are not stated: each record counts as its own patient.
    """
    build_cohort(
        "load_challenge",
        out,
        overwrite,
        "PhysioNet/CinC Challenge",
        path,
        labels=labels,
        unstated=unstated,
        min_count=min_count,
        sampling_rate=sampling_rate,
        duration=duration,
        leads=leads,
        errors=errors,
    )


@cohort_app.command()
@command(KEPT)
def code15(
    path: Source,
    out: Out,
    gain: Annotated[float, typer.Option(help="Stored units per millivolt.")] = 1.0,
    leads: Leads = None,
    overwrite: Overwrite = False,
) -> None:
    """Load CODE-15 %, or the parts of it that are in a folder: six diagnoses, 400 Hz.

    For example:

        ecgsk cohort code15 code-15 OUT

    PATH holds exams.csv and exams_part0.hdf5 to exams_part17.hdf5. The database does not state
    the unit: see --gain. Needs `pip install 'ecgsk[hdf5]'`.
    """
    build_cohort("load_code15", out, overwrite, "CODE-15 %", path, gain=gain, leads=leads)


@cohort_app.command()
@command(KEPT)
def ludb(
    path: Source,
    out: Out,
    min_count: MinCount = 1,
    leads: Leads = None,
    errors: Errors = "list",
    overwrite: Overwrite = False,
) -> None:
    """Load LUDB: 200 ECGs of 200 subjects with cardiologists' statements.

    For example:

        ecgsk cohort ludb ludb/1.0.1 OUT --min-count 20

    PATH holds ludb.csv and data.
    """
    options = {"min_count": min_count, "leads": leads, "errors": errors}
    build_cohort("load_ludb", out, overwrite, "LUDB", path, **options)


@cohort_app.command()
@command(KEPT)
def brugada(
    path: Source,
    out: Out,
    leads: Leads = None,
    errors: Errors = "list",
    overwrite: Overwrite = False,
) -> None:
    """Load Brugada-HUCA: 363 ECGs of subjects examined for Brugada syndrome.

    For example:

        ecgsk cohort brugada brugada-huca OUT

    PATH holds metadata.csv and files.
    """
    build_cohort(
        "load_brugada_huca", out, overwrite, "Brugada-HUCA", path, leads=leads, errors=errors
    )


@cohort_app.command()
@command(KEPT)
def vitaldb(
    path: Source,
    out: Out,
    tolerance: Annotated[
        str, typer.Option(help="How long after a laboratory draw a window may begin.")
    ] = "10min",
    max_amplitude: Annotated[
        float, typer.Option(help="Maximum amplitude of a clean window, mV.")
    ] = 5.0,
    lab_window: Annotated[
        str, typer.Option(help="How long before the window a laboratory input may be drawn.")
    ] = "30D",
    target_window: Annotated[
        str, typer.Option(help="How long after the window a laboratory target may be drawn.")
    ] = "1h",
    vitals_window: Annotated[
        str, typer.Option(help="How long before the window a vital sign may be measured.")
    ] = "5min",
    leads: Annotated[str, typer.Option(metavar="II,V5", help="Leads to read, of II and V5.")] = (
        "II,V5"
    ),
    jobs: Jobs = -1,
    errors: Errors = "list",
    overwrite: Overwrite = False,
) -> None:
    """Load VitalDB: a window of leads II and V5 for each laboratory draw of an operation.

    For example:

        ecgsk cohort vitaldb vitaldb/1.0.0 OUT --tolerance 5min

    PATH holds clinical_data.csv, lab_data.csv, lab_parameters.csv and vital_files. Laboratory
    inputs are from before the draw, targets from the draw on. Needs `pip install 'ecgsk[vitaldb]'`.
    """
    build_cohort(
        "load_vitaldb",
        out,
        overwrite,
        "VitalDB",
        path,
        tolerance=tolerance,
        max_amplitude=max_amplitude,
        lab_window=lab_window,
        target_window=target_window,
        vitals_window=vitals_window,
        leads=leads,
        n_jobs=jobs,
        errors=errors,
    )


@cohort_app.command()
@command(KEPT)
def music(
    path: Source,
    out: Out,
    recording: Annotated[
        Literal["high_resolution", "holter"], typer.Option(help="Which recording to read.")
    ] = "high_resolution",
    start: Annotated[float, typer.Option(help="Second of the recording to begin at.")] = 60.0,
    duration: Annotated[float, typer.Option(help="Seconds to read.")] = 10.0,
    horizon: Annotated[
        str | None,
        typer.Option(help="Time within which a death counts, such as 365D. [default: the study's]"),
    ] = None,
    leads: Annotated[str, typer.Option(metavar="X,Y,Z", help="Leads to read, of X, Y and Z.")] = (
        "X,Y,Z"
    ),
    errors: Errors = "list",
    overwrite: Overwrite = False,
) -> None:
    """Load MUSIC: 992 patients with heart failure, orthogonal leads, deaths by cause.

    For example:

        ecgsk cohort music music/1.0.1 OUT --recording holter --start 3600 --leads X,Y

    PATH holds subject-info.csv, Holter_ECG and High-resolution_ECG. One window per patient.
    """
    build_cohort(
        "load_music",
        out,
        overwrite,
        "MUSIC",
        path,
        recording=recording,
        start=start,
        duration=duration,
        horizon=horizon,
        leads=leads,
        errors=errors,
    )


cohort_app.command()(csv)


def _specs(settings: list[str]) -> dict[str, Any]:
    """Build the option specs of `load_mimic_iv` from NAME=VALUE texts."""
    from ecgsk.datasets import MimicFolds, MimicInputs, MimicTargets
    from ecgsk.exceptions import ECGError

    specs: dict[str, Any] = {"inputs": MimicInputs, "targets": MimicTargets, "folds": MimicFolds}
    values: dict[str, dict[str, Any]] = {role: {} for role in specs}
    known = {field.name: (role, field) for role, spec in specs.items() for field in fields(spec)}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in known or not text:
            names = ", ".join(f"{name}={field.default}" for name, (_, field) in known.items())
            raise ECGError(
                f"ecgsk cohort: expected --set NAME=VALUE, got {setting!r}. "
                f"Names and defaults: {names}."
            )
        parts = tuple(_value(part) for part in text.split(","))
        values[known[name][0]][name] = parts if len(parts) > 1 else parts[0]
    return {role: spec(**values[role]) for role, spec in specs.items()}


def _value(text: str) -> bool | int | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if text.isdecimal() else text
