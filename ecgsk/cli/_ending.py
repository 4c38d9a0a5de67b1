"""Frame of a command: common options, errors, interrupts, and what a long one keeps."""

import functools
import inspect
import io
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer

from ecgsk._progress import shows_bars
from ecgsk.cli._output import Json, Quiet, printing
from ecgsk.exceptions import ECGError

CHECKPOINTS = "checkpoints"  # folder within the output, removed when a command is done
# Exit codes, beside 0 for a finished command and 2 for wrong usage, which is typer's.
FAILED = 1  # an error about input or files; or `ecgsk check` or `ecgsk cohort` found one
INCOMPLETE = 3  # done, but some records were left out
INTERRUPTED = 130  # as shells have it: 128 + SIGINT

Command = TypeVar("Command", bound=Callable[..., Any])


def fit_settings(checkpoints: Path) -> dict[str, Any]:
    """Return parameters of the estimators that a command fits for hours.

    The same command, after an interrupt, goes on; a log has a line per epoch.
    """
    from ecgsk.training import Trainer  # takes seconds: not before --help

    return {
        "trainer": Trainer(checkpoint_folder=checkpoints),
        "verbose": int(not shows_bars()),
    }


def command(kept: str) -> Callable[[Command], Command]:
    """Decorate a command: add --quiet and --json, and end well after Ctrl-C.

    `kept` says, after an interrupt, which results are kept and how to resume; it may name
    parameters of the command in braces.
    """

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def wrapped(*, quiet: bool, as_json: bool, **parameters: Any) -> None:
            try:
                with printing(quiet=quiet, as_json=as_json):
                    function(**parameters)
            except KeyboardInterrupt:
                _say(f"interrupted: {kept.format(**parameters)}")
                raise typer.Exit(INTERRUPTED) from None

        signature = inspect.signature(function)
        wrapped.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), *_COMMON_OPTIONS]
        )
        wrapped.__annotations__ = function.__annotations__ | {
            option.name: option.annotation for option in _COMMON_OPTIONS
        }
        return wrapped  # type: ignore[return-value]

    return decorate


def end_incomplete(n_left_out: int) -> None:
    """End a command that has done its work with exit code 3 if records were left out."""
    if n_left_out:
        raise typer.Exit(INCOMPLETE)


_COMMON_OPTIONS = [
    inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=option)
    for name, option in (("quiet", Quiet), ("as_json", Json))
]


def run_to_end(app: Callable[[], Any]) -> None:
    """Run a command line; only an error in ecgsk itself ends in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # In a console or file of another alphabet a letter is shown by its number.
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = lambda message, *_, **__: typer.secho(
        f"warning: {message}", fg=typer.colors.YELLOW, err=True
    )
    try:
        app()
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        _end_without_reader()
    except Exception as error:
        if _is_about_input(error):
            # Two commands call functions of Python whose messages name this parameter.
            message = str(error).replace("overwrite=True", "--overwrite")
            _fail(f"error: {message or type(error).__name__}")
        traceback.print_exc()
        _fail("error: this is a mistake in ecgsk. Please report it, with the lines above.")


def _is_about_input(error: Exception) -> bool:
    """Return whether an error is about input, files or memory; any other is a mistake of ours.

    A ValueError or TypeError that a function of ecgsk raises is about input; that of a library
    is not.
    """
    if isinstance(error, (ECGError, OSError, MemoryError)):
        return True
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    raised_in = str(frame.f_globals.get("__name__"))
    return isinstance(error, (ValueError, TypeError)) and raised_in.startswith("ecgsk.")


def _say(message: str) -> None:
    typer.secho(message, fg=typer.colors.RED, err=True)


def _fail(message: str, code: int = FAILED) -> NoReturn:
    _say(message)
    raise SystemExit(code) from None


def _end_without_reader() -> NoReturn:
    """End quietly where the reader of the output has gone, such as ``head``."""
    # At exit Python flushes the output, and would print an error.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(FAILED) from None
