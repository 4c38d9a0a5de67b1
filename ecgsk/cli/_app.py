"""Command line ``ecgsk``: its commands in the order of the help."""

import gc

import typer

from ecgsk.cli._cohort import cohort_app
from ecgsk.cli._data_commands import check, ingest
from ecgsk.cli._ending import run_to_end
from ecgsk.cli._model_commands import explain, export, info, predict, train
from ecgsk.cli._study_commands import demo, evaluate

app = typer.Typer(
    name="ecgsk",
    help="Pre-train ECG encoders with clinical tables; predict from the ECG alone.",
    epilog="Research software. Not a medical device: it must not guide the care of a patient.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)


@app.callback()
def ecgsk() -> None:
    """Pre-train ECG encoders with clinical tables; predict from the ECG alone."""


app.command()(demo)
app.command()(ingest)
app.add_typer(cohort_app, name="cohort")
app.command()(check)
app.command()(train)
app.command()(evaluate)
app.command()(predict)
app.command()(explain)
app.command()(info)
app.command()(export)


def main() -> None:
    """Run the command line; print errors about input without a traceback."""
    # Imports leave a million objects. Each search for garbage among them takes a tenth of a second,
    # and Python's last one, when a command ends, most of one.
    gc.set_threshold(50_000, 20, 20)
    try:
        run_to_end(app)
    finally:
        gc.freeze()
