"""``ecgsk check``: checksums of a folder, and checks of a cohort's table."""

import warnings
from pathlib import Path

from ecgsk.checks import check_table
from ecgsk.cli._ingest import check_folder
from ecgsk.cli._output import say
from ecgsk.datasets import read_cohort
from ecgsk.exceptions import RecordReadError, TableWarning


def run(folder: Path) -> None:
    """Verify the checksums and print a summary; of a cohort, print the findings too."""
    check_folder(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TableWarning)  # the report has them
            cohort = read_cohort(folder)
    except RecordReadError:
        return  # records alone
    say(str(check_table(cohort, signals=False)))
