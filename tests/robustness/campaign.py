"""Feed mutated files to the readers, and report every answer that is not allowed.

``python -m tests.robustness.campaign --seconds 3600 --seed 1`` prints the inputs tried and what was
found, by subject. A finding names its seed and number: ``--subject wfdb --seed 1 --only 4711``
repeats it.
"""

import argparse
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ecgsk.exceptions import ECGError
from tests.robustness.kills import QUICK_FOLDER
from tests.robustness.mutation import mutate

MEMORY_LIMIT = 2 << 30
TIME_LIMIT = 20.0


class Subject(Protocol):
    """A reader, a valid input for it and a verdict on what it returns."""

    name: str
    files: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Write a valid input."""

    def judge(self, folder: Path, file: str) -> str:
        """Read the input with `file` changed; return "same", "refused" or what is wrong."""


@dataclass
class Tally:
    """Inputs tried and findings of one subject."""

    tried: int = 0
    verdicts: Counter = field(default_factory=Counter)
    findings: dict[str, list[int]] = field(default_factory=dict)

    def add(self, number: int, verdict: str) -> None:
        """Count one input; keep the first five numbers of each kind of finding."""
        self.tried += 1
        is_allowed = verdict in ("same", "refused", "read")
        self.verdicts[verdict if is_allowed else "found"] += 1
        if not is_allowed:
            numbers = self.findings.setdefault(verdict, [])
            if len(numbers) < 5:
                numbers.append(number)


class _TooLong(BaseException):
    """Not an Exception: no reader's ``except Exception`` may swallow it."""


def try_input(subject: Subject, folder: Path, seed: int, number: int) -> str:
    """Change one file of a valid input, read it, restore it, and return the verdict."""
    rng = random.Random(f"{seed}:{number}")
    file = rng.choice(subject.files)
    path = folder / file
    original = path.read_bytes()
    changed = mutate(original, rng)
    path.write_bytes(changed)
    signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verdict = subject.judge(folder, file)
            if verdict not in ("same", "refused", "read") and changed == original:
                verdict = "same"
    except ECGError:
        verdict = "refused"
    except _TooLong:
        verdict = f"took more than {TIME_LIMIT:g} s"
    except MemoryError:
        verdict = "MemoryError"
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frame if "ecgsk/" in f.filename and "tests/" not in f.filename]
        where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"
        verdict = f"{type(error).__module__}.{type(error).__name__} at {where}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if path.exists() or path.is_symlink():
            path.unlink()
        path.write_bytes(original)
    return verdict


def _alarm(*_: object) -> None:
    raise _TooLong


def _work(subject: Subject, seed: int, numbers: Iterator[int], until: float, out) -> None:
    """Try inputs in this process until the time is up, with bounded memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = int(Path("/proc/self/statm").read_text("utf-8").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_LIMIT, used + MEMORY_LIMIT))
    signal.signal(signal.SIGALRM, _alarm)
    # Native libraries print about the files that they refuse.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    folder = Path(tempfile.mkdtemp(prefix="ecgsk-robustness-", dir=QUICK_FOLDER))
    try:
        subject.write(folder)
        for number in numbers:
            if time.monotonic() > until:
                break
            out.send((number, None))
            out.send((number, try_input(subject, folder, seed, number)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        out.close()


def run_campaign(
    subject: Subject, seed: int, *, seconds: float, max_inputs: int | None = None
) -> Tally:
    """Try inputs in a child process; one that dies is a finding, and another one goes on."""
    tally, start, until = Tally(), 0, time.monotonic() + seconds
    stop = sys.maxsize if max_inputs is None else max_inputs
    context = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory() as name:  # made once, before the limit of memory
        subject.write(Path(name))
        file = subject.files[0]
        if (verdict := subject.judge(Path(name), file)) not in ("same", "read"):
            raise RuntimeError(f"{subject.name}: the unchanged input gives {verdict!r}")
    while start < stop and time.monotonic() < until:
        receiver, sender = context.Pipe(duplex=False)
        numbers = iter(range(start, stop))
        child = context.Process(target=_work, args=(subject, seed, numbers, until, sender))
        child.start()
        sender.close()
        last = None
        try:
            while True:
                number, verdict = receiver.recv()
                start, last = number + 1, verdict
                if verdict is not None:
                    tally.add(number, verdict)
        except EOFError:
            pass
        child.join()
        if child.exitcode and last is None:
            tally.add(start - 1, f"process ended with {child.exitcode}")
        elif child.exitcode:
            raise RuntimeError(f"{subject.name}: exit code {child.exitcode} outside of an input")
    return tally


def main() -> int:
    from tests.robustness.subjects import SUBJECTS

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="time for all subjects")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subject", action="append", choices=[s.name for s in SUBJECTS])
    parser.add_argument("--max-inputs", type=int, help="inputs for each subject")
    parser.add_argument("--only", type=int, help="repeat one input of one subject, with traceback")
    options = parser.parse_args()
    chosen = [s for s in SUBJECTS if not options.subject or s.name in options.subject]
    if options.only is not None:
        return _repeat(chosen[0], options.seed, options.only)
    n_found = n_tried = 0
    for subject in chosen:
        began = time.monotonic()
        seconds = options.seconds / len(chosen)
        tally = run_campaign(subject, options.seed, seconds=seconds, max_inputs=options.max_inputs)
        took = time.monotonic() - began
        print(f"{subject.name}: {tally.tried:,} inputs in {took:.0f} s; {dict(tally.verdicts)}")
        for verdict, numbers in sorted(tally.findings.items()):
            print(f"  {verdict}: inputs {numbers}")
        sys.stdout.flush()
        n_tried += tally.tried
        n_found += tally.verdicts["found"]
    print(f"{n_tried:,} inputs, {n_found:,} findings, seed {options.seed}")
    return 1 if n_found else 0


def _repeat(subject: Subject, seed: int, number: int) -> int:
    """Read one changed input, outside of any limit."""
    rng = random.Random(f"{seed}:{number}")
    file = rng.choice(subject.files)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subject.write(folder)
        path = folder / file
        original = path.read_bytes()
        path.write_bytes(changed := mutate(original, rng))
        print(f"{file}: {len(original)} bytes before, {len(changed)} after")
        differ = (i for i, (a, b) in enumerate(zip(original, changed, strict=False)) if a != b)
        start = max(next(differ, 0) - 30, 0)
        print(f"at {start}: {original[start:][:70]!r}")
        print(f"     -> {changed[start:][:70]!r}")
        print(subject.judge(folder, file))
    return 0


if __name__ == "__main__":
    sys.exit(main())
