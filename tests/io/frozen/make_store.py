"""Write the frozen store: ``python tests/io/frozen/make_store.py`` from the checkout.

Run it only when the version of the format is raised, and keep the expected values of
``test_frozen_store.py``.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from ecgsk import io

STORE = Path(__file__).parent / "store"


def write_record(folder: Path, number: int) -> None:
    """Write a record of two leads, a ramp and a constant, in ADC units of 1 uV."""
    samples = np.stack([np.arange(100) * number, np.full(100, -10 * number)], axis=1).astype("<i2")
    samples[:5, 1] = -32768  # missing
    samples.tofile(folder / f"r{number}.dat")
    first, sums = samples[0], samples.sum(axis=0, dtype=np.int16)
    lines = [f"r{number} 2 100 100"]
    for lead, start, total in zip(("I", "V1"), first, sums, strict=True):
        lines.append(f"r{number}.dat 16 1000(0)/mV 16 0 {start} {total} 0 {lead}")
    lines += [f"#Age: {60 + number}", "#Sex: Female"]
    (folder / f"r{number}.hea").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Replace the frozen store."""
    shutil.rmtree(STORE, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        for number in (1, 2, 3):
            write_record(Path(name), number)
        (Path(name) / "broken.hea").write_text("nothing\n")
        io.ingest(name, STORE, leads=["V1", "I"], chunk_size=2, progress=False)


if __name__ == "__main__":
    main()
