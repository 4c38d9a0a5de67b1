"""Cost of checkpoints: seconds of a fit with and without `checkpoint_folder`, alternating.

    python benchmarks/checkpoints.py --encoder resnet18 --subjects 300 --epochs 3 --repeats 3

Prints the seconds of each fit, the ratio of the medians, the megabytes of a checkpoint and the
seconds that one write and its fsync take.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from ecgsk import ECGDiagnosisClassifier
from ecgsk._files import replace_file
from ecgsk.datasets import make_clinical_ecg
from ecgsk.training import Trainer


def seconds_of_fit(cohort, encoder: str, epochs: int, folder: str | None) -> float:
    """Train from scratch; return the seconds of ``fit``."""
    model = ECGDiagnosisClassifier(
        encoder,
        max_epochs=epochs,
        trainer=Trainer(checkpoint_folder=folder),
        random_state=0,
        verbose=0,
    )
    start = time.perf_counter()
    model.fit(cohort.X, cohort.Y)
    return time.perf_counter() - start


def seconds_of_write(content: bytes, folder: Path) -> float:
    """Replace a file as a checkpoint does; return the seconds."""
    start = time.perf_counter()
    with replace_file(folder / "copy.pt") as path:
        path.write_bytes(content)
    return time.perf_counter() - start


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--subjects", type=int, default=300)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    cohort = make_clinical_ecg(n_subjects=arguments.subjects, random_state=0)
    seconds_of_fit(cohort, arguments.encoder, 1, None)  # the first fit compiles kernels
    without, with_files = [], []
    for _ in range(arguments.repeats):
        without.append(seconds_of_fit(cohort, arguments.encoder, arguments.epochs, None))
        with tempfile.TemporaryDirectory() as folder:
            seconds = seconds_of_fit(cohort, arguments.encoder, arguments.epochs, folder)
            with_files.append(seconds)
            (file,) = Path(folder).glob("*.pt")
            content = file.read_bytes()
            write = median(seconds_of_write(content, Path(folder)) for _ in range(5))
        print(f"{len(cohort.X):,} records: {without[-1]:.2f} s without, {seconds:.2f} s with")
    print(
        f"{arguments.encoder}: ratio of medians {median(with_files) / median(without):.3f}; "
        f"{len(content) / 1e6:.1f} MB a checkpoint, {write:.3f} s to write one"
    )


if __name__ == "__main__":
    main()
