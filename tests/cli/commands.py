"""Every command of ``ecgsk`` with a call that works and calls that do not.

A new command needs an entry here; `test_commands.py` runs the same checks over all. Words in
braces are places of the fixture `place`; ``{new}`` is a path that does not exist.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """Calls of one command, without its name."""

    #: A call that ends with exit code 0.
    good: str
    #: The function to which the command hands its options, to interrupt it there.
    work: str
    #: Calls that end with exit code 1: an error about input or files.
    failing: tuple[str, ...] = ()
    #: Calls that end with exit code 2: wrong usage.
    wrong: tuple[str, ...] = ()
    #: Keys of the JSON document whose own keys are names of the user's, such as columns.
    by_name: tuple[str, ...] = ()
    #: The loader of `ecgsk.datasets` that is replaced by one that returns a small cohort.
    loader: str = ""
    #: Whether the result is printed; otherwise it is written, and --quiet prints nothing.
    prints: bool = False
    marks: tuple[str, ...] = field(default=())


#: What is wrong with a folder to write, whichever command writes it.
BAD_OUTS = ("{file}/below", "/proc/ecgsk")


def _database(loader: str, **more: tuple[str, ...]) -> Example:
    bad = more.get("failing", ())
    return Example(
        good="{empty} {new}",
        work="ecgsk.cli._build_cohort.build",
        failing=(
            "{empty} {new}",
            "{records} {new}",
            "{cohort} {cohort}",
            *(f"{{empty}} {out}" for out in BAD_OUTS),
            *(f"{{empty}} {{new}} {options}" for options in bad),
        ),
        wrong=(
            "{absent} {new}",
            "{file} {new}",
            "{empty} {file}",
            "{empty} {new} --unknown",
            *more.get("wrong", ()),
        ),
        loader=loader,
    )


_CSV = "{records} {table} {new} --key record --patient patient"
_MODEL_FOLDERS = ("{empty}", "{garbage}", "{cohort}")

COMMANDS: dict[str, Example] = {
    "ingest": Example(
        good="{records} {new} --jobs 1",
        work="ecgsk.cli._ingest.run",
        failing=(
            "{empty} {new} --jobs 1",
            "{garbage} {new} --jobs 1",
            "{records} {cohort} --jobs 1",
            "{records} {new} --jobs 1 --duration -1",
            "{records} {new} --jobs 1 --sampling-rate nan",
            *(f"{{records}} {out} --jobs 1" for out in BAD_OUTS),
        ),
        wrong=("{absent} {new}", "{file} {new}", "{records} {new} --jobs 0", "{records}", ""),
    ),
    "check": Example(
        good="{cohort}",
        work="ecgsk.cli._check.run",
        failing=("{empty}", "{garbage}", "{records}", "{dated}"),
        wrong=("{absent}", "{file}", ""),
        prints=True,
    ),
    "cohort mimic-iv": Example(
        good="{new} --ecg {empty} --hosp {empty}",
        work="ecgsk.cli._build_cohort.build",
        failing=(
            "{new} --ecg {empty} --hosp {empty}",
            "{cohort} --ecg {empty} --hosp {empty}",
            "{new} --ecg {empty} --hosp {empty} --set none=1",
            "{new} --ecg {empty} --hosp {empty} --memory-limit banana",
            *(f"{out} --ecg {{empty}} --hosp {{empty}}" for out in BAD_OUTS),
        ),
        wrong=(
            "{new}",
            "{new} --ecg {absent} --hosp {empty}",
            "{file} --ecg {empty} --hosp {empty}",
        ),
        loader="load_mimic_iv",
    ),
    "cohort ptb-xl": _database(
        "load_ptbxl",
        failing=("--sampling-rate 250", "--task none", "--leads V99"),
        wrong=("{empty} {new} --min-count 0", "{empty} {new} --errors none"),
    ),
    "cohort challenge": _database(
        "load_challenge",
        failing=("--sampling-rate -1", "--sampling-rate nan", "--duration 0", "--duration nan"),
        wrong=("{empty} {new} --labels none", "{empty} {new} --unstated none"),
    ),
    "cohort code15": _database("load_code15", failing=("--gain 0", "--gain nan", "--gain -1")),
    "cohort ludb": _database("load_ludb", wrong=("{empty} {new} --min-count x",)),
    "cohort brugada": _database("load_brugada_huca", failing=("--leads V99",)),
    "cohort csv": Example(
        good=_CSV + " --labels AF",
        work="ecgsk.cli._build_cohort.build",
        failing=(
            "{empty} {table} {new} --key record --patient patient",
            "{garbage} {table} {new} --key record --patient patient",
            "{cohort} {table} {new} --key record --patient patient --leads II",
            "{cohort} {table} {cohort} --key record --patient patient",
            "{records} {file} {new} --key record --patient patient",
            "{records} {bytes} {new} --key record --patient patient",
            "{records} {table} {new} --key none --patient patient",
            "{records} {table} {new} --key record --patient none",
            "{records} {table} {new} --key age --patient patient",
            *(f"{{records}} {{table}} {out} --key record --patient patient" for out in BAD_OUTS),
            _CSV + " --labels age",
            _CSV + " --labels AF,AF",
            _CSV + " --labels AF --drop AF",
            _CSV + " --labs sex",
            _CSV + " --labs age --ranges {table}",
            _CSV + " --fold sex",
            _CSV + " --missing age=999",
            _CSV + " --header-columns none",
            _CSV + " --leads V99",
            _CSV + " --duration nan",
            _CSV + " --sampling-rate 0",
            _CSV + " --statements sex --min-count 99",
        ),
        wrong=(
            "{records} {table} {new} --key record",
            "{records} {empty} {new} --key record --patient patient",
            "{absent} {table} {new} --key record --patient patient",
            "{records} {absent} {new} --key record --patient patient",
            _CSV + " --missing age",
            _CSV + " --errors none",
            _CSV + " --ranges {absent}",
        ),
        by_name=("columns",),
    ),
    "demo": Example(
        good="--out {new} --subjects 100",
        work="ecgsk.cli._demo.run",
        failing=("--mimic-ecg {empty} --hosp {empty} --out {new}",),
        wrong=("--subjects 0", "--subjects x", "--label-fraction nan", "--hosp {empty}"),
        marks=("slow",),
    ),
    "train": Example(
        good="{cohort} --out {new} --encoder resnet10 --max-epochs 1 --resamples 20",
        work="ecgsk.cli._train.run",
        failing=(
            "{empty} --out {new}",
            "{garbage} --out {new}",
            "{cohort} --out {new} --val-fold 99",
            "{cohort} --out {new} --config {table}",
            *(f"{{cohort}} --out {out}" for out in BAD_OUTS),
        ),
        wrong=(
            "{absent}",
            "{file}",
            "{cohort} --out {file}",
            "{cohort} --encoder none",
            "{cohort} --objective none",
            "{cohort} --max-epochs 0",
            "{cohort} --val-size nan",
            "{cohort} --high 70",
            "{cohort} --sampling-rate inf",
            "{cohort} --test-fold 1",
            "{cohort} --config {absent}",
            "",
        ),
        marks=("slow",),
    ),
    "evaluate": Example(
        good="{cohort} --out {new} --max-epochs 1 --resamples 20",
        work="ecgsk.cli._evaluate.run",
        failing=("{empty}", "{garbage}", *(f"{{cohort}} --out {out}" for out in BAD_OUTS)),
        wrong=("{absent}", "{file}", "{cohort} --test-size nan", "{cohort} --encoder none", ""),
        marks=("slow",),
    ),
    "explain": Example(
        good="{records}/a --model {model}",
        work="ecgsk.cli._explain.run",
        failing=(
            "{absent} --model {model}",
            "{garbage}/x --model {model}",
            *(f"{{records}}/a --model {folder}" for folder in _MODEL_FOLDERS),
        ),
        wrong=("{records}/a", "{records}/a --model {absent}", "{records}/a --model {file}"),
        by_name=("patient", "leads"),
        prints=True,
    ),
    "info": Example(
        good="{model}",
        work="ecgsk.cli._info.run",
        failing=_MODEL_FOLDERS,
        wrong=("{absent}", "{file}", ""),
        by_name=(
            "clinical_columns",
            "laboratories",
            "made_with",
            "mean_and_standard_deviation_of_each_lead_in_mv",
        ),
        prints=True,
    ),
}
