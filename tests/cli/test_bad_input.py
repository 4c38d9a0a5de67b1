"""No bad input of any command ends in a traceback, and a message says what is wrong."""

import numpy as np
import pytest

from ecgsk.datasets import make_clinical_ecg, write_cohort


@pytest.fixture(scope="module")
def place(tmp_path_factory, write_record_into):
    """Folders and files that are wrong in every way, and some that are right."""
    root = tmp_path_factory.mktemp("inputs")
    write_record_into(root / "records", "a", rate=100, seconds=2)
    write_record_into(root / "records", "sub/b", rate=100, seconds=2)
    (root / "empty").mkdir()
    (root / "file").write_text("text")
    (root / "garbage").mkdir()
    for name in ("ecg.json", "manifest.json", "x.hea", "record_list.csv", "labevents.csv.gz"):
        (root / "garbage" / name).write_bytes(b"\x00\xff{]")
    (root / "listed").mkdir()
    (root / "listed" / "ecg.json").write_text("[1]")
    cohort = make_clinical_ecg(20, random_state=0)
    write_cohort(cohort, root / "cohort", progress=False)
    write_cohort(cohort, root / "cut", progress=False)
    (root / "cut" / "ecg.npy").write_bytes((root / "cut" / "ecg.npy").read_bytes()[:1000])
    write_cohort(cohort, root / "swapped", progress=False)
    np.save(root / "swapped" / "ecg.npy", np.zeros((2, 3)))
    return root


FOLDERS = ["absent", "file", "empty", "garbage", "listed", "cut", "swapped", "file/below"]
OUTS = ["file", "file/below", "/proc/ecgsk"]
CASES = [
    *[f"ingest {{{folder}}} {{new}} --jobs 1" for folder in ("absent", "file", "empty", "garbage")],
    *[f"ingest {{records}} {{{out}}} --jobs 1" for out in (*OUTS, "garbage", "cohort")],
    *[f"ingest {{records}} {{new}} --jobs {jobs}" for jobs in (0, "x", "1.5")],
    *[f"ingest {{records}} {{new}} --sampling-rate {hz}" for hz in (0, -1, "nan", "inf", "1e12")],
    *[f"ingest {{records}} {{new}} --band {band}" for band in ("40 1", "nan 1", "1 90", "-1 2")],
    *[f"ingest {{records}} {{new}} --duration {s}" for s in (0, -1, "nan", "inf", "1e15")],
    *[f"check {{{folder}}}" for folder in FOLDERS],
    *[f"evaluate {{{folder}}} --out {{new}}" for folder in FOLDERS],
    *[f"evaluate {{cohort}} --out {{{out}}}" for out in OUTS],
    *[f"evaluate {{cohort}} --out {{new}} --label-fraction {x}" for x in (0, 2, "nan", "x", "inf")],
    *[f"evaluate {{cohort}} --out {{new}} --test-size {x}" for x in (0, 1, "nan", "1e-9")],
    *[f"evaluate {{cohort}} --out {{new}} --seed {x}" for x in (-1, "x", 2**32, 2**70)],
    "evaluate {cohort} --out {new} --arm none",
    "evaluate {cohort} --out {new} --encoder none",
    "evaluate {cohort} --out {new} --max-epochs 0",
    "evaluate {cohort} --out {new} --resamples 0",
    *[f"explain {{records}}/a --model {{{folder}}}" for folder in FOLDERS],
    *[f"explain {{{record}}} --model {{model}}" for record in ("absent", "file", "records")],
    "explain {garbage}/x --model {model}",
    *[f"explain {{records}}/a --model {{model}} --out {{{out}}}" for out in OUTS],
    *[f"demo --out {{new}} --subjects {n}" for n in (0, 99, "x")],
    *[f"demo --out {{new}} --label-fraction {x}" for x in (0, 2, "nan", "x")],
    *[f"demo --out {{new}} --seed {x}" for x in (-1, "x", 2**32, 2**70)],
    *[f"demo --subjects 100 --out {{{out}}}" for out in OUTS],
    "demo --mimic-ecg {empty}",
    "demo --hosp {empty}",
    "demo --ed {empty}",
    *[f"demo --out {{new}} --mimic-ecg {{{x}}} --hosp {{{x}}}" for x in FOLDERS[:4]],
    *[f"cohort mimic-iv {{new}} --ecg {{{x}}} --hosp {{{x}}}" for x in FOLDERS[:4]],
    *[f"cohort mimic-iv {{{out}}} --ecg {{empty}} --hosp {{empty}}" for out in (*OUTS, "cohort")],
    *[
        f"cohort mimic-iv {{new}} --ecg {{empty}} --hosp {{empty}} --set {x}"
        for x in ("none=1", "min_count", "min_count=x", "min_count=-1", "=")
    ],
    "cohort mimic-iv {new} --ecg {empty} --hosp {empty} --memory-limit banana",
    *[f"info {{{folder}}}" for folder in FOLDERS],
    "unknown",
    "ingest",
    "check {cohort} --unknown",
]


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_a_message(fail, place, tmp_path, model, case):
    names = {"new": tmp_path / "new", "model": model}
    arguments = [
        part.replace("{", "").replace("}", "")
        if "{" not in part
        else str(names.get(part[1 : part.index("}")], place / part[1 : part.index("}")]))
        + part[part.index("}") + 1 :]
        for part in case.split()
    ]
    message = fail(*arguments)
    assert len(message) > 10
    assert "mistake in ecgsk" not in message
