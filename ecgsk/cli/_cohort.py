"""``ecgsk cohort``: build a cohort folder and its report from a hospital's tables."""

import time
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ecgsk.cli._ending import command
from ecgsk.cli._output import say

cohort_app = typer.Typer(
    help="Join ECGs to a hospital's tables: a cohort folder and its report.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@cohort_app.callback()
def cohort() -> None:
    """Join ECGs to a hospital's tables: a cohort folder and its report."""


@cohort_app.command("mimic-iv")
@command("the cohort in {out} is not finished. Run the command again; it begins anew.")
def mimic_iv(
    out: Annotated[Path, typer.Argument(help="Folder to write.", file_okay=False)],
    ecg: Annotated[
        Path,
        typer.Option(help="MIMIC-IV-ECG, with record_list.csv.", exists=True, file_okay=False),
    ],
    hosp: Annotated[
        Path,
        typer.Option(help="MIMIC-IV's hosp, with labevents.csv.gz.", exists=True, file_okay=False),
    ],
    ed: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="MIMIC-IV-ED's ed, with triage.csv.gz.", exists=True, file_okay=False),
    ] = None,
    store: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Folder that `ecgsk ingest` wrote from --ecg.", exists=True, file_okay=False
        ),
    ] = None,
    settings: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A field of MimicInputs, MimicTargets or MimicFolds; may be repeated. Separate "
            "several values by commas. An unknown name lists all names and defaults.",
        ),
    ] = None,
    memory_limit: Annotated[str, typer.Option(help="Memory of the database.")] = "2GB",
    overwrite: Annotated[bool, typer.Option(help="Replace the cohort in OUT.")] = False,
) -> None:
    """Join MIMIC-IV-ECG to MIMIC-IV and MIMIC-IV-ED, as PhysioNet ships them.

    Adds laboratory values, vital signs, body measures, ICD-10 labels and folds by
    patient, out of core. Inputs are never later than the ECG:

        ecgsk cohort mimic-iv --ecg mimic-iv-ecg --hosp mimiciv/hosp --ed mimic-iv-ed/ed OUT

        ecgsk cohort mimic-iv ... --set min_count=2000 --set lab_aggregates=nearest,slope OUT

    Writes the cohort (ecg.npy, records.parquet, ecg.json), and in OUT/report
    report.html with its pictures and tables.
    """
    from ecgsk.datasets import load_mimic_iv, write_cohort, write_cohort_report
    from ecgsk.exceptions import ECGError

    if (out / "ecg.json").exists() and not overwrite:  # before hours of work
        raise ECGError(
            f"ecgsk cohort: {out} already holds a cohort. Choose another folder, or --overwrite."
        )
    start = time.perf_counter()
    specs = _specs(settings or [])
    built = load_mimic_iv(ecg, hosp, ed, store=store, memory_limit=memory_limit, **specs)
    say(f"{built}\n\n{built.DESCR}\n")
    write_cohort(built, out, overwrite=overwrite)
    report = write_cohort_report(built, out / "report", title="MIMIC-IV cohort")
    say(f"{time.perf_counter() - start:.0f} s. Written to {out.resolve()}; its report is {report}.")


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
