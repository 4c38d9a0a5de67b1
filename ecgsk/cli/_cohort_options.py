"""Options that the commands of ``ecgsk cohort`` share, and what they all do."""

import csv
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

KEPT = "the cohort in {out} is not finished. Run the command again; it begins anew."

Source = Annotated[
    Path, typer.Argument(help="Folder of the database.", exists=True, file_okay=False)
]
Out = Annotated[Path, typer.Argument(help="Folder to write.", file_okay=False)]
SEVERAL = "A,B,..."  # columns, separated by commas; the option may be repeated
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the cohort in OUT.")]
Leads = Annotated[
    str | None,
    typer.Option(
        metavar="I,II,...",
        help="Leads to read, in this order; MLII=II for a lead that the files call MLII. "
        "[default: the standard 12]",
    ),
]
Errors = Annotated[
    Literal["list", "raise"],
    typer.Option(help="List records that cannot be read, or end with an error."),
]
MinCount = Annotated[int, typer.Option(help="Minimum number of ECGs per label.", min=1)]
Rate = Annotated[
    float | None,
    typer.Option(help="Hz; other records are resampled. [default: as recorded]"),
]
Duration = Annotated[
    float | None,
    typer.Option(
        help="Seconds; longer records are cropped, shorter ones padded. [default: as recorded]"
    ),
]


def build_cohort(
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

    load = getattr(datasets, loader)
    if leads is not None:
        options["leads"] = _leads(leads)
    code = build(lambda: load(*sources, **options), out, title=title, overwrite=overwrite)
    if code:
        raise typer.Exit(code)


def _leads(text: str) -> list[str] | dict[str, str]:
    """Return the leads of a text such as ``I,II``, or ``MLII=II,V5=V5``."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if any("=" in part for part in parts):
        return dict(part.partition("=")[::2] if "=" in part else (part, part) for part in parts)
    return parts


def column_names(texts: list[str] | None) -> list[str]:
    """Return names of columns, several of which may be separated by commas in one text."""
    # A name with a comma is quoted, as in a CSV file.
    rows = csv.reader(texts or [], skipinitialspace=True)
    return [name.strip() for row in rows for name in row if name.strip()]


def missing_values(texts: list[str]) -> dict[str, list[str]]:
    """Return the values that mean missing of each column, from COLUMN=VALUE texts."""
    values: dict[str, list[str]] = {}
    for text in texts:
        column, sign, value = text.partition("=")
        if not (column and sign):
            raise typer.BadParameter(f"--missing must be COLUMN=VALUE; got {text}.")
        values.setdefault(column, []).append(value)
    return values
