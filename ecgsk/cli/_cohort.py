"""Options of ``ecgsk cohort``: a cohort folder and its report from a database or own tables."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import typer

from ecgsk.cli._ending import command, end_incomplete

cohort_app = typer.Typer(
    help="Build a cohort folder and its report from an open database or your own tables.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_KEPT = "the cohort in {out} is not finished. Run the command again; it begins anew."

Source = Annotated[
    Path, typer.Argument(help="Folder of the database.", exists=True, file_okay=False)
]
Out = Annotated[Path, typer.Argument(help="Folder to write.", file_okay=False)]
Overwrite = Annotated[bool, typer.Option(help="Replace the cohort in OUT.")]
Leads = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="I,II,...", help="Leads to read, in this order. [default: the standard 12]"
    ),
]
Errors = Annotated[
    Literal["list", "raise"],
    typer.Option(help="List records that cannot be read, or end with an error."),
]
MinCount = Annotated[int, typer.Option(help="Minimum number of ECGs per label.", min=1)]
Rate = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(help="Hz; other records are resampled. [default: as recorded]"),
]
Duration = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        help="Seconds; longer records are cropped, shorter ones padded. [default: as recorded]"
    ),
]
Columns = Optional[list[str]]  # noqa: UP045


@cohort_app.callback()
def cohort() -> None:
    """Build a cohort folder and its report from an open database or your own tables."""


@cohort_app.command("mimic-iv")
@command(_KEPT)
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
    _build(
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
@command(_KEPT)
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

        ecgsk cohort ptb-xl ptb-xl OUT --task diagnostic --min-count 50

    PATH holds ptbxl_database.csv and records100 or records500. Folds are the database's own.
    """
    options = {"sampling_rate": sampling_rate, "task": task, "min_count": min_count}
    _build("load_ptbxl", out, overwrite, "PTB-XL", path, leads=leads, errors=errors, **options)


@cohort_app.command()
@command(_KEPT)
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

        ecgsk cohort challenge challenge-2021 OUT --sampling-rate 500 --duration 10

    Patients are not stated: each record counts as its own patient.
    """
    _build(
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
@command(_KEPT)
def code15(
    path: Source,
    out: Out,
    gain: Annotated[float, typer.Option(help="Stored units per millivolt.")] = 1.0,
    leads: Leads = None,
    overwrite: Overwrite = False,
) -> None:
    """Load CODE-15 %, or the parts of it that are in a folder: six diagnoses, 400 Hz.

        ecgsk cohort code15 code-15 OUT

    PATH holds exams.csv and exams_part0.hdf5 to exams_part17.hdf5. The database does not state
    the unit: see --gain. Needs `pip install 'ecgsk[hdf5]'`.
    """
    _build("load_code15", out, overwrite, "CODE-15 %", path, gain=gain, leads=leads)


@cohort_app.command()
@command(_KEPT)
def ludb(
    path: Source,
    out: Out,
    min_count: MinCount = 1,
    leads: Leads = None,
    errors: Errors = "list",
    overwrite: Overwrite = False,
) -> None:
    """Load LUDB: 200 ECGs of 200 subjects with cardiologists' statements.

        ecgsk cohort ludb ludb/1.0.1 OUT --min-count 20

    PATH holds ludb.csv and data.
    """
    options = {"min_count": min_count, "leads": leads, "errors": errors}
    _build("load_ludb", out, overwrite, "LUDB", path, **options)


@cohort_app.command()
@command(_KEPT)
def brugada(
    path: Source,
    out: Out,
    leads: Leads = None,
    errors: Errors = "list",
    overwrite: Overwrite = False,
) -> None:
    """Load Brugada-HUCA: 363 ECGs of subjects examined for Brugada syndrome.

        ecgsk cohort brugada brugada-huca OUT

    PATH holds metadata.csv and files.
    """
    _build("load_brugada_huca", out, overwrite, "Brugada-HUCA", path, leads=leads, errors=errors)


@cohort_app.command()
@command(_KEPT)
def csv(
    recordings: Annotated[
        Path,
        typer.Argument(
            help="Folder of WFDB records, or one that `ecgsk ingest` wrote.",
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
    labels: Annotated[Columns, typer.Option(help="Columns of 0, 1 or missing. *")] = None,
    statements: Annotated[
        Columns,
        typer.Option(
            help="Columns of text or codes: each value becomes a label. A cell may hold several, "
            "one per line. *"
        ),
    ] = None,
    labs: Annotated[Columns, typer.Option(help="Columns of laboratory targets. *")] = None,
    ranges: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="Reference ranges: a table with laboratory, low, high and unit.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    drop: Annotated[
        Columns,
        typer.Option(help="Columns to leave out: what was not known when the ECG was taken. *"),
    ] = None,
    missing: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            metavar="COLUMN=VALUE",
            help="A value that means missing or not known; may be repeated.",
        ),
    ] = None,
    fold: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Column of folds. [default: ten, drawn by patient]"),
    ] = None,
    header_columns: Annotated[
        Columns,
        typer.Option(help="Clinical columns to take from the recordings, such as age,sex. *"),
    ] = None,
    min_count: MinCount = 1,
    leads: Leads = None,
    sampling_rate: Rate = None,
    duration: Duration = None,
    errors: Errors = "list",
    population: Annotated[str, typer.Option(help="Who the patients are, in words.")] = "",
    overwrite: Overwrite = False,
) -> None:
    """Join a folder of recordings to one table of your own by a declared key.

    Columns without a role become clinical columns, which is printed before anything is
    written, with what `ecgsk check` finds in them:

        ecgsk cohort csv ecg visits.csv OUT --key record --patient mrn --labels AF,stroke
        --labs potassium,troponin --ranges ranges.csv --drop discharge_date

    Options with * take several columns, separated by commas, and may be repeated. LUDB, for
    example, has one label per statement of two columns, and ages above 89 as text:

        ecgsk cohort csv ludb/data ludb/ludb.csv OUT --key ID --patient ID
        --statements Rhythms,Hypertrophies --missing "Age=>89"
    """
    _build(
        "load_csv",
        out,
        overwrite,
        table.name,
        recordings,
        table,
        key=key,
        patient=patient,
        labels=_names(labels),
        statements=_names(statements),
        labs=_names(labs),
        ranges=ranges,
        drop=_names(drop),
        missing=_missing(missing or []),
        fold=fold,
        header_columns=_names(header_columns),
        min_count=min_count,
        leads=leads,
        sampling_rate=sampling_rate,
        duration=duration,
        errors=errors,
        population=population,
    )


def _build(
    loader: str,
    out: Path,
    overwrite: bool,
    title: str,
    *sources: Path,
    leads: Any = None,
    **options: Any,
) -> None:
    """Load a cohort with a loader of `ecgsk.datasets`, and write it with its report."""
    from ecgsk import datasets
    from ecgsk.cli._build_cohort import build

    load: Callable[..., Any] = getattr(datasets, loader)
    if leads is not None:
        options["leads"] = _leads(leads)
    n_broken = build(lambda: load(*sources, **options), out, title=title, overwrite=overwrite)
    end_incomplete(n_broken)


def _leads(text: str) -> list[str] | dict[str, str]:
    """Return the leads of a text such as ``I,II``, or ``MLII=II,V5=V5``."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if any("=" in part for part in parts):
        return dict(part.partition("=")[::2] if "=" in part else (part, part) for part in parts)
    return parts


def _names(texts: list[str] | None) -> list[str]:
    """Return names of columns, several of which may be separated by commas in one text."""
    return [name.strip() for text in texts or [] for name in text.split(",") if name.strip()]


def _missing(texts: list[str]) -> dict[str, list[str]]:
    """Return the values that mean missing of each column, from COLUMN=VALUE texts."""
    values: dict[str, list[str]] = {}
    for text in texts:
        column, sign, value = text.partition("=")
        if not (column and sign):
            raise typer.BadParameter(f"--missing must be COLUMN=VALUE; got {text}.")
        values.setdefault(column, []).append(value)
    return values


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
