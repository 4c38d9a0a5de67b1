"""Run every code block of README and of the guide: a pytest plugin made of Sybil's parts.

The blocks of a page run in order, in one namespace and in one temporary folder:

* ``python`` blocks run; a ``text`` block after one is compared with what it printed
  (``...`` stands for any text; decimals may differ by 2 in their last digit, because another
  processor trains to other digits).
* ``bash`` blocks run line by line in a shell. Lines that begin with a command of ``NOT_RUN``
  are left out.
* ``json`` and ``toml`` blocks are parsed. A TOML block whose first line is a comment with a
  file name, such as ``# study.toml``, is written to that file.

A block that cannot run at all follows ``<!-- skip: next "reason" -->``. They are counted in
``tests/docs/test_code_blocks.py``, which also compares options of commands that do not run with
those of the command line. `write_files` says which files lie in the folder, and `provide` which
names each page finds. Run one page with ``pytest -n 0 docs/guide/training.md``.
"""

import atexit
import contextlib
import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import warnings
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from functools import cache
from pathlib import Path

from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

PAGES = ["README.md", "docs/index.md", "docs/get_started.md", "docs/guide/*.md"]
# First words of commands that no block runs, and the reason.
NOT_RUN = {
    "pip install": "CI installs in environments of its own",
    "python -m venv": "CI installs in environments of its own",
    ". .venv/bin/activate": "CI installs in environments of its own",
    "ecgsk demo": "tests/cli/test_demo.py runs it",
}
LOGGERS = ("root", "ecgsk")  # a page may set their levels
SECONDS_PER_BLOCK = 300
LABS = ["potassium", "creatinine", "haemoglobin"]  # of the provided cohort
_PRINTED = "_printed_by_the_block_above"
_DECIMAL = re.compile(r"-?\d*\.\d+")


def run_python(example):
    """Run a block, and keep what it prints for a block of output after it."""
    __tracebackhide__ = True
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        PythonEvaluator()(example)
    example.namespace[_PRINTED] = printed.getvalue()


def compare_output(example):
    """Compare a ``text`` block with what the ``python`` or ``bash`` block before it printed."""
    got = _round_as(example.parsed, example.namespace.get(_PRINTED, ""))
    if OutputChecker().check_output(example.parsed, got, ELLIPSIS | NORMALIZE_WHITESPACE):
        return None
    return f"Expected:\n{example.parsed}\nGot:\n{got}"


def split_lines(text):
    """Return the command lines of a block: those that run, and those of `NOT_RUN`."""
    lines = text.replace("\\\n", " ").splitlines()
    left_out = [line for line in lines if line.strip().startswith(tuple(NOT_RUN))]
    return [line for line in lines if line not in left_out], left_out


def _round_as(expected, got):
    """Replace decimals in `got` by those of `expected` that are nearly equal."""
    shown = _DECIMAL.findall(expected)
    if len(shown) != len(_DECIMAL.findall(got)):
        return got
    numbers = iter(shown)

    def replace(match):
        number = next(numbers)
        tolerance = 2.5 * 10.0 ** -len(number.partition(".")[2])
        return number if abs(float(number) - float(match[0])) < tolerance else match[0]

    return _DECIMAL.sub(replace, got)


def run_bash(example):
    """Run the lines of a block that this machine can run; a failing one fails the block."""
    lines, _ = split_lines(example.parsed)
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        timeout=SECONDS_PER_BLOCK,
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        },
    )
    example.namespace[_PRINTED] = run.stdout
    return None if run.returncode == 0 else f"exit code {run.returncode}\n{run.stdout}{run.stderr}"


def parse_json(example):
    """Parse a block of JSON."""
    json.loads(example.parsed)


def parse_toml(example):
    """Parse a block of TOML, and write it to the file that its first line names."""
    tomllib.loads(example.parsed)
    first = example.parsed.splitlines()[0]
    if first.startswith("# ") and first.endswith(".toml"):
        Path(first.removeprefix("# ")).write_text(example.parsed, encoding="utf-8")


def provide(namespace):
    """Move into a temporary folder with the files of `write_files`, and provide a cohort's names.

    ``cohort`` holds simulated patients; ``X``, ``Y``, ``labs`` are its table, diagnoses and
    laboratory values, and ``X_new`` is the table of other patients.
    """
    folder = Path(tempfile.mkdtemp(prefix="page-"))
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    namespace["_before"] = (Path.cwd(), folder, levels)
    shutil.copytree(_template(), folder, dirs_exist_ok=True)
    os.chdir(folder)
    cohort = _cohort()
    namespace.update(
        cohort=cohort,
        X=cohort.X.copy(),
        Y=cohort.Y.copy(),
        labs=cohort.labs.copy(),
        X_new=_cohort(1).X.head(20).copy(),
    )


def leave(namespace):
    """Delete a page's folder, and undo what it said of logging: other tests share the process."""
    before, folder, levels = namespace["_before"]
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    os.chdir(before)
    shutil.rmtree(folder, ignore_errors=True)


@cache
def _cohort(seed=0):
    from ecgsk.datasets import make_clinical_ecg

    cohort = make_clinical_ecg(n_subjects=80, random_state=seed)
    labels = ["atrial fibrillation", "diabetes", "sepsis"]
    table = ["ecg", "age", "sex", "heart_rate", "potassium", "troponin", "subject_id"]
    cohort.X, cohort.Y, cohort.labs = cohort.X[table], cohort.Y[labels], cohort.labs[LABS]
    cohort.reference_ranges = cohort.reference_ranges.loc[LABS]
    return cohort


@cache
def _template():
    folder = Path(tempfile.mkdtemp(prefix="pages-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_files(folder)
    return folder


def write_files(folder):
    """Write the files that pages name.

    ``recordings/`` holds WFDB records of 12 leads, and ``new-records/`` those of other patients.
    ``visits.csv`` has their table, ``cohort/`` the same as a cohort folder, ``store/`` the
    recordings as a store, and ``trained/model`` a small model. ``st-elsewhere/`` is a hospital
    with a table of other columns.
    """
    from sklearn.pipeline import make_pipeline

    import ecgsk
    from ecgsk.datasets import write_cohort
    from ecgsk.encoders import ResNet1d
    from ecgsk.io import ingest
    from ecgsk.preprocessing import BandpassFilter, Resample

    cohort, new = _cohort(), _cohort(1)
    _write_records(cohort, folder / "recordings", len(cohort.X))
    _write_records(new, folder / "new-records", 5)
    visits = cohort.X.drop(columns=["ecg"]).rename(columns={"subject_id": "mrn"})
    visits.insert(0, "record", [f"p{row}" for row in range(len(visits))])
    visits["AF"], visits["stroke"] = cohort.Y["atrial fibrillation"], cohort.Y["diabetes"]
    visits["creatinine"] = cohort.labs["creatinine"]
    visits.to_csv(folder / "visits.csv", index=False)
    _write_records(cohort, folder / "st-elsewhere" / "ecg", 20)
    elsewhere = visits.rename(columns={"mrn": "patient", "AF": "atrial_fibrillation"}).head(20)
    elsewhere["heart_failure"] = elsewhere.pop("stroke")
    elsewhere.to_csv(folder / "st-elsewhere" / "visits.csv", index=False)
    write_cohort(cohort, folder / "cohort")
    ingest(folder / "recordings", folder / "store", BandpassFilter(0.5, 40), progress=False)
    model = ecgsk.ECGDiagnosisClassifier(
        ResNet1d(10, width=4), max_epochs=1, random_state=0, verbose=False
    )
    pipe = make_pipeline(Resample(100), BandpassFilter(0.5, 40), model)
    ecgsk.save(pipe.fit(cohort.X, cohort.Y), folder / "trained" / "model")


def _write_records(cohort, folder, n_records):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of wfdb with pandas 3.1
        import wfdb

    folder.mkdir(parents=True)
    leads = cohort.X["ecg"].ecg.leads
    samples = cohort.X["ecg"].iloc[:n_records].ecg.to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for row, signal in enumerate(samples):
            wfdb.wrsamp(
                f"p{row}",
                fs=int(cohort.X["ecg"].ecg.sampling_rate),
                units=["mV"] * len(leads),
                sig_name=list(leads),
                p_signal=signal.T.astype(float),
                fmt=["16"] * len(leads),
                write_dir=str(folder),
            )


EVALUATORS = {
    "python": run_python,
    "bash": run_bash,
    "text": compare_output,
    "json": parse_json,
    "toml": parse_toml,
}

blocks = Sybil(
    parsers=[
        SkipParser(),
        *(CodeBlockParser(language, evaluate) for language, evaluate in EVALUATORS.items()),
    ],
    path=str(Path(__file__).parents[1]),
    patterns=PAGES,
    setup=provide,
    teardown=leave,
)
pytest_collect_file = blocks.pytest()
