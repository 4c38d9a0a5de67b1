"""``ecgsk check``: checksums of a folder, and checks of a cohort's table."""

import warnings
from pathlib import Path
from typing import Any

import typer

from ecgsk.checks import check_table
from ecgsk.cli._ending import FAILED
from ecgsk.cli._ingest import describe_folder, summary
from ecgsk.cli._output import show
from ecgsk.datasets import read_cohort
from ecgsk.exceptions import RecordReadError, TableWarning


def run(folder: Path) -> None:
    """Verify the checksums and print a summary; of a cohort, print the findings too."""
    facts: dict[str, Any] = describe_folder(folder, verify=True)
    text = f"{summary(facts)}\nAll checksums match."
    document = {"folder": str(folder.resolve()), "checksums_match": True} | facts
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TableWarning)  # the report has them
            cohort = read_cohort(folder)
    except RecordReadError:
        show(text, document)  # records alone
        return
    report = check_table(cohort, signals=False)
    show(f"{text}\n{report}", document | {"findings": report.to_frame().to_dict("records")})
    if report.errors:
        raise typer.Exit(FAILED)
