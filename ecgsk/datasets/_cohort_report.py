"""Cohort report: flow diagram, Table 1, missing values and prevalences."""

from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from ecgsk._safe_text import without_controls, write_csv, write_text
from ecgsk.datasets import cohort_tables as tables
from ecgsk.datasets._cohort import Cohort
from ecgsk.datasets._cohort_report_flow import flow_diagram

_HEADINGS = {
    "prevalences": "Prevalence of diagnoses",
    "lab_prevalences": "Prevalence of laboratory abnormalities",
}
_MAX_LABELS = 40  # on the page; the CSV file has all


def write_cohort_report(
    cohort: Cohort, folder: str | Path, *, title: str = "Cohort report"
) -> Path:
    """Write a cohort report: one HTML page, two SVG pictures and CSV tables.

    .. versionadded:: 0.1

    Parameters
    ----------
    cohort : Cohort
        Of any loader, or your own. Shown if present: ``flow`` (records left after
        each step; else made from ``broken`` and ``records_left_out``), ``split`` (train,
        validation, test), ``label_titles``, ``steps``, ``lab_counts`` and
        ``clock_drift``.
    folder : path-like
        Created if absent; a report in it is replaced.
    title : str, default="Cohort report"
        Heading of the page.

    Returns
    -------
    Path
        ``report.html``, a self-contained page. Beside it are ``flow.svg`` and
        ``missingness.svg``; ``flow.csv`` (records left after each step and in each
        part), ``characteristics.csv`` (Table 1), ``missingness.csv``,
        ``prevalences.csv`` (of diagnoses, per fold) and, where the cohort has them,
        ``lab_prevalences.csv`` (of laboratory values below and above their reference
        range) and ``clock_drift.csv`` (counts if all ECGs had been recorded earlier or
        later).

    Notes
    -----
    All shares are of records, not of patients; prevalences are of the records in
    which a label is known.

    Examples
    --------
    >>> import tempfile
    >>> from ecgsk.datasets import make_clinical_ecg, write_cohort_report
    >>> cohort = make_clinical_ecg(20, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_cohort_report(cohort, folder)
    ...     sorted(path.name for path in page.parent.iterdir())
    ['characteristics.csv', 'flow.csv', 'flow.svg', 'lab_prevalences.csv', 'missingness.csv',
     'missingness.svg', 'prevalences.csv', 'report.html']
    """
    flow, parts = tables.flow_table(cohort), tables.part_table(cohort)
    table_one = tables.characteristics(cohort)
    missing = tables.missingness(cohort)
    labels = {"prevalences": tables.prevalences(cohort, cohort.Y)}
    if (abnormal := tables.lab_abnormalities(cohort)).shape[1]:
        labels["lab_prevalences"] = tables.prevalences(cohort, abnormal)

    drift = cohort.get("clock_drift")
    every_step = pd.concat([flow, parts]).rename_axis("step")
    every_step["left_out"] = every_step["left_out"].fillna(0).astype("int64")
    environment = Environment(
        loader=PackageLoader("ecgsk.datasets"),
        autoescape=True,
        finalize=without_controls,
        trim_blocks=True,
    )
    pictures = {
        "flow": _render_svg(
            environment, "flow", diagram=flow_diagram(flow, parts, cohort.get("flow_unit", "ECG"))
        ),
        "missingness": _render_svg(environment, "missingness", rows=missing.to_dict("records")),
    }
    page = environment.get_template("cohort_report.html").render(
        title=title,
        cohort=cohort,
        pictures=pictures,
        table_one=table_one,
        missing=missing.to_dict("records"),
        labels=[
            (_HEADINGS[name], f"{name}.csv", len(table), _most_frequent_labels(table))
            for name, table in labels.items()
        ],
        steps=cohort.get("steps"),
        lab_counts=cohort.get("lab_counts"),
        drift=drift,
        drift_changes=None if drift is None else _changes(drift),
    )
    # Write only once everything is made, and the page last.
    folder = Path(folder)
    write_csv(every_step, folder / "flow.csv", index=True)
    for name, table in {"characteristics": table_one, "missingness": missing, **labels}.items():
        write_csv(table, folder / f"{name}.csv")
    if drift is not None:
        write_csv(drift, folder / "clock_drift.csv", index=True)
    for name, picture in pictures.items():
        write_text(folder / f"{name}.svg", picture)
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _changes(drift: pd.DataFrame) -> pd.DataFrame:
    """Return the changes of counts in percent of those without drift; NaN where these are 0."""
    stated = drift.loc[[0]].astype("float64").iloc[0]
    return 100 * (drift - stated) / stated.replace(0, float("nan"))


def _render_svg(environment: Environment, name: str, **values: object) -> Markup:
    # The template has escaped its values, so the picture needs no escaping.
    return Markup(environment.get_template(f"cohort_{name}.svg").render(**values))


def _most_frequent_labels(prevalences: pd.DataFrame) -> list[dict[str, object]]:
    """Return the most frequent labels, with bar heights relative to the highest fold."""
    folds = [name for name in prevalences.columns if name.startswith("fold ")]
    known = ("label", "positive", "known", "prevalence")
    parts = [name for name in prevalences.columns if name not in (*known, "title", *folds)]
    rows = []
    for row in prevalences.head(_MAX_LABELS).to_dict("records"):
        shares = [row[name] for name in folds]
        highest = max([share for share in shares if share > 0], default=1.0)
        rows.append(
            {name: row[name] for name in known}
            | {
                "title": row.get("title", ""),
                "parts": {name: row[name] for name in parts},
                "folds": [
                    {"name": name, "share": row[name], "height": 100 * row[name] / highest}
                    for name in folds
                ],
            }
        )
    return rows
