"""Build a cohort with a loader, and write its folder and its report."""

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from ecgsk._files import check_writable
from ecgsk._safe_text import write_csv
from ecgsk.checks import check_table
from ecgsk.cli._ending import FAILED, INCOMPLETE
from ecgsk.cli._output import finish, say
from ecgsk.datasets import Cohort, write_cohort, write_cohort_report
from ecgsk.exceptions import ECGError, TableWarning


def build(
    load: Callable[[], Cohort],
    out: Path,
    *,
    title: str,
    overwrite: bool,
) -> int:
    """Load a cohort, write it, and return the exit code of the command.

    The role of each column and what `check_table` finds are printed before anything
    is written. A cohort with an error is written all the same, so that its report shows the
    column; the exit code is that of `ecgsk check`.
    """
    _check_free(out, overwrite)  # before hours of work
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TableWarning)  # printed below, with the mends
        cohort = load()
    say(f"{cohort}\n\n{cohort.DESCR}\n")
    if "roles" in cohort:
        say(f"{_roles_text(cohort)}\n")
    found = check_table(cohort, signals=False)
    say(f"{found}\n")
    if found.errors:
        again = " To leave a column out, run the command again with --drop NAME --overwrite."
        say(
            "The cohort is written, but a model refuses it as it is: the exit code is "
            f"{FAILED}.{again if 'roles' in cohort else ''}\n"
        )
    write_cohort(cohort, out, overwrite=overwrite)
    report = write_cohort_report(cohort, out / "report", title=title)
    left_out = _left_out(cohort)
    write_csv(left_out, out / "report" / "left_out.csv")
    document = _document(cohort, out, report, time.perf_counter() - start)
    finish(_summary(document), document)
    if found.errors:
        return FAILED
    return INCOMPLETE if document["n_broken"] else 0


def _check_free(out: Path, overwrite: bool) -> None:
    if os.path.exists(out / "ecg.json") and not overwrite:
        raise ECGError(
            f"ecgsk cohort: {out} already holds a cohort. Choose another folder, or --overwrite."
        )
    check_writable(out, name="ecgsk cohort")


def _roles_text(cohort: Cohort) -> str:
    """Return a line per role with its columns."""
    roles = cohort.roles["role"]
    width = roles.str.len().max()
    lines = [
        f"  {role:<{width}}  {', '.join(map(str, columns.index))}"
        for role, columns in roles.groupby(roles, sort=False)
    ]
    return "\n".join(["Columns:", *lines])


def _left_out(cohort: Cohort) -> pd.DataFrame:
    """Return the records that are not in the cohort and the rows without a record."""
    broken = pd.DataFrame(cohort.get("broken", []), columns=["record", "reason"])
    parts = [broken]
    for keys, reason in (
        (cohort.get("records_left_out", []), "no row in the table"),
        (cohort.get("rows_left_out", []), "row without a recording"),
    ):
        parts.append(pd.DataFrame({"record": keys, "reason": reason}))
    return pd.concat(parts, ignore_index=True)


def _document(cohort: Cohort, out: Path, report: Path, seconds: float) -> dict[str, Any]:
    """Return what was written, as JSON values."""
    document = {
        "out": str(out.resolve()),
        "report": str(report.resolve()),
        "n_records": len(cohort.X),
        "n_patients": int(cohort.groups.nunique()),
        "labels": [str(name) for name in cohort.Y.columns],
        "laboratories": [str(name) for name in cohort.labs.columns],
        "clinical_columns": [
            str(name) for name in cohort.X.columns if name not in ("ecg", "subject_id")
        ],
        "population": str(cohort.get("population", "")),
        "n_broken": len(cohort.get("broken", [])),
        "seconds": round(seconds, 1),
    }
    if "roles" in cohort:
        document |= {
            "n_records_without_row": len(cohort.records_left_out),
            "n_rows_without_record": len(cohort.rows_left_out),
            "columns": {str(name): role for name, role in cohort.roles["role"].items()},
        }
    return document


def _summary(document: dict[str, Any]) -> str:
    counts = {
        "records that cannot be read": document["n_broken"],
        "records without a row": document.get("n_records_without_row", 0),
        "rows without a record": document.get("n_rows_without_record", 0),
    }
    left_out = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    left_out = f"Left out, listed in report/left_out.csv: {left_out}.\n" if left_out else ""
    return (
        f"{left_out}{document['seconds']:.0f} s. Written to {document['out']}; its report is "
        f"{document['report']}."
    )
