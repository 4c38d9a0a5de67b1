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
#: Folders that are there and hold no cohort, or a damaged one; and paths that are no folder.
_BROKEN = ("{empty}", "{garbage}", "{listed}", "{cut}", "{swapped}")
_NO_FOLDERS = ("{absent}", "{file}", "{file}/below")
_BAD_SEEDS = ("-1", "x", str(2**32), str(2**70))

COMMANDS: dict[str, Example] = {
    "ingest": Example(
        good="{records} {new} --jobs 1",
        work="ecgsk.cli._ingest.run",
        failing=(
            "{empty} {new} --jobs 1",
            "{garbage} {new} --jobs 1",
            *(f"{{records}} {out} --jobs 1" for out in ("{garbage}", "{cohort}", *BAD_OUTS)),
            *(
                f"{{records}} {{new}} --sampling-rate {x}"
                for x in ("0", "-1", "nan", "inf", "1e12")
            ),
            *(f"{{records}} {{new}} --duration {x}" for x in ("0", "-1", "nan", "inf", "1e15")),
            *(f"{{records}} {{new}} --band {x}" for x in ("40 1", "1 90")),
        ),
        wrong=(
            *(f"{folder} {{new}}" for folder in _NO_FOLDERS),
            *(f"{{records}} {{new}} --jobs {x}" for x in ("0", "x", "1.5")),
            "{records} {file}",
            *(f"{{records}} {{new}} --band {x}" for x in ("-1 2", "nan 1")),
            "{records}",
            "",
        ),
    ),
    "check": Example(
        good="{cohort}",
        work="ecgsk.cli._check.run",
        failing=(*_BROKEN, "{records}", "{dated}"),
        wrong=(*_NO_FOLDERS, "{cohort} --unknown", ""),
        prints=True,
    ),
    "cohort mimic-iv": Example(
        good="{new} --ecg {empty} --hosp {empty}",
        work="ecgsk.cli._build_cohort.build",
        failing=(
            "{new} --ecg {empty} --hosp {empty}",
            "{cohort} --ecg {empty} --hosp {empty}",
            "{new} --ecg {garbage} --hosp {garbage}",
            *(
                f"{{new}} --ecg {{empty}} --hosp {{empty}} --set {x}"
                for x in ("none=1", "min_count", "min_count=x", "min_count=-1", "=")
            ),
            "{new} --ecg {empty} --hosp {empty} --memory-limit banana",
            *(f"{out} --ecg {{empty}} --hosp {{empty}}" for out in BAD_OUTS),
        ),
        wrong=(
            "{new}",
            *(f"{{new}} --ecg {folder} --hosp {{empty}}" for folder in _NO_FOLDERS),
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
    "cohort vitaldb": _database(
        "load_vitaldb", failing=("--tolerance soon", "--leads V1", "--max-amplitude 0")
    ),
    "cohort music": _database(
        "load_music",
        failing=("--horizon soon", "--start -1", "--duration 0", "--leads V99"),
        wrong=("{empty} {new} --recording none",),
    ),
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
        good="--out {new} --subjects 100 --jobs 1",
        work="ecgsk.cli._demo.run",
        failing=(
            *(f"--subjects 100 --jobs 1 --out {out}" for out in BAD_OUTS),
            *(
                f"--out {{new}} --jobs 1 --mimic-ecg {x} --hosp {x}"
                for x in ("{empty}", "{garbage}")
            ),
        ),
        wrong=(
            *(f"--out {{new}} --subjects {n}" for n in ("0", "99", "x")),
            *(f"--out {{new}} --label-fraction {x}" for x in ("0", "2", "nan", "x")),
            *(f"--out {{new}} --seed {x}" for x in _BAD_SEEDS),
            *(f"--out {{new}} --mimic-ecg {x} --hosp {x}" for x in _NO_FOLDERS),
            *("--mimic-ecg {empty}", "--hosp {empty}", "--ed {empty}"),
            "--subjects 100 --out {file}",
            *(f"--out {{new}} --jobs {n}" for n in ("0", "-1", "x")),
        ),
        marks=("slow",),
    ),
    "train": Example(
        good="{cohort} --out {new} --encoder resnet10 --max-epochs 1 --resamples 20 --val-size 0.5",
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
            "{cohort} --band 0.5 70",
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
        failing=(
            *(f"{folder} --out {{new}}" for folder in _BROKEN),
            *(f"{{cohort}} --out {out}" for out in BAD_OUTS),
            "{cohort} --out {new} --test-size 1e-9",
        ),
        wrong=(
            *(f"{folder} --out {{new}}" for folder in _NO_FOLDERS),
            *(f"{{cohort}} --label-fraction {x}" for x in ("0", "2", "nan", "x", "inf")),
            *(f"{{cohort}} --test-size {x}" for x in ("0", "1", "nan")),
            *(f"{{cohort}} --seed {x}" for x in _BAD_SEEDS),
            *("{cohort} --arm none", "{cohort} --encoder none", "{cohort} --out {file}"),
            *("{cohort} --max-epochs 0", "{cohort} --resamples 0", "{cohort} --jobs 0", ""),
        ),
        marks=("slow",),
    ),
    "predict": Example(
        good="{model} {records} --out {new}.csv",
        work="ecgsk.cli._predict.run",
        failing=(
            *(f"{{model}} {records} --out {{new}}.csv" for records in ("{absent}", "{file}")),
            *(f"{{model}} {folder} --out {{new}}.csv" for folder in _BROKEN),
            *(f"{folder} {{records}} --out {{new}}.csv" for folder in (*_BROKEN, "{cohort}")),
            *(f"{{model}} {{records}} --out {out}.csv" for out in BAD_OUTS),
            "{model} {records} --out {new}.txt",
        ),
        wrong=(
            *(f"{folder} {{records}}" for folder in _NO_FOLDERS),
            *(f"{{model}} {{records}} --jobs {x}" for x in ("0", "x", "1.5")),
            *(f"{{model}} {{records}} --chunk-size {x}" for x in ("0", "x")),
            *("{model} {records} --out {empty}", "{model}", ""),
        ),
    ),
    "export": Example(
        good="{model} {new}.onnx",
        work="ecgsk.cli._export.run",
        failing=(
            *(f"{folder} {{new}}.onnx" for folder in (*_BROKEN, "{cohort}")),
            "{model} {file}/below.onnx",
        ),
        wrong=(*(f"{folder} {{new}}.onnx" for folder in _NO_FOLDERS), "{model} {empty}", "{model}"),
    ),
    "explain": Example(
        good="{records}/a --model {model}",
        work="ecgsk.cli._explain.run",
        failing=(
            *(f"{record} --model {{model}}" for record in ("{absent}", "{file}", "{garbage}/x")),
            *(f"{{records}}/a --model {folder}" for folder in (*_BROKEN, "{cohort}")),
            *(f"{{records}}/a --model {{model}} --out {out}" for out in BAD_OUTS),
            "{records} --model {model} --record nobody",
        ),
        wrong=(
            *(f"{{records}}/a --model {folder}" for folder in _NO_FOLDERS),
            *("{records}/a", "{records}/a --model {model} --out {file}"),
            "{records}/a --model {model} --limit 0",
        ),
        by_name=("patient", "leads"),
        prints=True,
    ),
    "info": Example(
        good="{model}",
        work="ecgsk.cli._info.run",
        failing=(*_BROKEN, "{cohort}"),
        wrong=(*_NO_FOLDERS, ""),
        by_name=(
            "clinical_columns",
            "laboratories",
            "made_with",
            "mean_and_standard_deviation_of_each_lead_in_mv",
        ),
        prints=True,
    ),
}
