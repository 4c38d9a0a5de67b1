"""``ecgsk cohort``: from a hospital's tables to a cohort folder and its report."""

import time
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

cohort_app = typer.Typer(
    help="Join ECGs to a hospital's tables: a cohort folder and its report.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@cohort_app.callback()
def cohort() -> None:
    """Join ECGs to a hospital's tables: a cohort folder and its report."""


@cohort_app.command("mimic-iv")
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
        typer.Option(help="What `ecgsk ingest` wrote of --ecg.", exists=True, file_okay=False),
    ] = None,
    lab_window: Annotated[str, typer.Option(help="Inputs: how long before the ECG.")] = "24h",
    lab_aggregate: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            help="Inputs: nearest, first, last, min, max, mean or slope; may be repeated. "
            "[default: nearest]"
        ),
    ] = None,
    vitals_window: Annotated[
        str, typer.Option(help="Vital signs and acuity: how long before the ECG.")
    ] = "24h",
    target_window: Annotated[
        str, typer.Option(help="Targets: how far from the ECG, on either side.")
    ] = "60min",
    machine_measurements: Annotated[
        bool, typer.Option(help="Add the recorder's intervals and axes.")
    ] = False,
    diagnoses: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="diagnoses_icd, or a column of records_w_diag_icd10.csv. [default: "
            "that file where it is there]"
        ),
    ] = None,
    setting: Annotated[str, typer.Option(help="Whose codes: both, hospital or ed.")] = "both",
    icd9: Annotated[str, typer.Option(help="ICD-9 of diagnoses_icd: map or leave.")] = "map",
    icd_digits: Annotated[int, typer.Option(help="Characters codes are cut to, 3 to 7.")] = 5,
    min_count: Annotated[int, typer.Option(help="ECGs a diagnosis must have.")] = 10,
    split: Annotated[
        tuple[int, int, int], typer.Option(help="Folds for training, validation and test.")
    ] = (18, 1, 1),
    first_per_stay: Annotated[
        bool, typer.Option(help="In validation and test only the first ECG of each stay.")
    ] = True,
    memory_limit: Annotated[str, typer.Option(help="Of the database.")] = "2GB",
    seed: Annotated[int, typer.Option(help="Equal seeds give equal folds.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option(help="Replace a cohort that lies in OUT.")] = False,
) -> None:
    """Join MIMIC-IV-ECG to MIMIC-IV and MIMIC-IV-ED, as they are shipped.

    Laboratory values, vital signs, body measures, ICD-10 labels and folds by
    patient, out of core; values later than the ECG cannot be inputs:

        ecgsk cohort mimic-iv --ecg mimic-iv-ecg --hosp mimiciv/hosp --ed mimic-iv-ed/ed OUT

    Writes the cohort (ecg.npy, records.parquet, ecg.json), and in OUT/report
    report.html with its pictures and tables.
    """
    parameters = {
        "lab_window": lab_window,
        "lab_aggregates": lab_aggregate or "nearest",
        "vitals_window": vitals_window,
        "target_window": target_window,
        "machine_measurements": machine_measurements,
        "diagnoses": diagnoses,
        "setting": setting,
        "icd9": icd9,
        "icd_digits": icd_digits,
        "min_count": min_count,
        "split": split,
        "first_per_stay": first_per_stay,
        "memory_limit": memory_limit,
        "random_state": seed,
    }
    _run(out, overwrite, ecg=ecg, hosp=hosp, ed=ed, store=store, **parameters)


def _run(out: Path, overwrite: bool, **parameters: Any) -> None:
    from ecgsk.datasets import build_mimic_iv_cohort, write_cohort, write_cohort_report
    from ecgsk.exceptions import ECGError

    if (out / "ecg.json").exists() and not overwrite:  # before hours of work
        raise ECGError(
            f"ecgsk cohort: {out} holds a cohort already. Choose another folder, or --overwrite."
        )
    start = time.perf_counter()
    built = build_mimic_iv_cohort(**parameters)
    typer.echo(f"{built}\n\n{built.DESCR}\n")
    write_cohort(built, out, overwrite=overwrite)
    report = write_cohort_report(built, out / "report", title="MIMIC-IV cohort")
    typer.echo(
        f"{time.perf_counter() - start:.0f} s. Written to {out.resolve()}; its report is {report}."
    )
