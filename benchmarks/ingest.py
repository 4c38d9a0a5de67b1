"""Ingest beside a straightforward script: wfdb.rdrecord, sosfiltfilt, resample_poly.

    python benchmarks/ingest.py [--records 2000] [--jobs 2]

Records are as MIMIC-IV-ECG's: 12 leads, 500 Hz, 10 s, WFDB format 16. Both read, resample
to 100 Hz, band-pass 0.5-40 Hz and write int16, in as many processes; ours describes the quality
of each record, writes a table and checksums too. Each runs once to warm up its processes.
With --jobs 1 it prints processor time too, for a machine that others use.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import wfdb
from joblib import Parallel, delayed
from scipy.signal import butter, resample_poly, sosfiltfilt
from sklearn.pipeline import make_pipeline

from ecgsk.datasets import make_clinical_ecg
from ecgsk.io import ingest
from ecgsk.preprocessing import BandpassFilter, Resample
from ecgsk.signals import STANDARD_12_LEADS


def write_records(folder: Path, n_records: int) -> None:
    signals = make_clinical_ecg(20, sampling_rate=500, random_state=0).X["ecg"].ecg.to_numpy()
    for number in range(n_records):
        place = folder / f"p{number // 100:04d}"
        place.mkdir(parents=True, exist_ok=True)
        samples = np.rint(200 * signals[number % len(signals)]).astype("<i2")
        samples.T.tofile(place / f"r{number:06d}.dat")
        lines = [f"r{number:06d} {len(samples)} 500 {samples.shape[1]} 10:00:00 01/01/2150"]
        lines += [
            f"r{number:06d}.dat 16 200.0(0)/mV 16 0 {lead[0]} 0 0 {name}"
            for lead, name in zip(samples, STANDARD_12_LEADS, strict=True)
        ]
        text = "\n".join([*lines, f"# <subject_id>: {10_000_000 + number}"]) + "\n"
        (place / f"r{number:06d}.hea").write_text(text)


def one_record(path: str) -> np.ndarray:
    signal = wfdb.rdrecord(path).p_signal.T
    sos = butter(3, [0.5, 40], "bandpass", fs=500, output="sos")
    return np.rint(1000 * resample_poly(sosfiltfilt(sos, signal), 1, 5, axis=1)).astype(np.int16)


def script(folder: Path, out: Path, n_jobs: int) -> None:
    paths = sorted(str(path.with_suffix("")) for path in folder.glob("**/*.hea"))
    np.save(out, np.stack(Parallel(n_jobs)(delayed(one_record)(path) for path in paths)))


def seconds(work, *arguments) -> tuple[float, float]:
    """Wall clock and processor time of this process."""
    start, used = time.perf_counter(), time.process_time()
    work(*arguments)
    return time.perf_counter() - start, time.process_time() - used


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_records(place / "few", 50)
        write_records(place / "records", options.records)

        transform = make_pipeline(Resample(100), BandpassFilter(0.5, 40))

        def ours(folder: Path, out: Path, n_jobs: int, chunk_size: int = 512) -> None:
            settings = {"n_jobs": n_jobs, "chunk_size": chunk_size, "progress": False}
            ingest(folder, out, transform, **settings)

        # Every process has work, and has imported what it needs.
        script(place / "few", place / "script-few", options.jobs)
        ours(place / "few", place / "few-out", options.jobs, chunk_size=5)
        theirs = seconds(script, place / "records", place / "script.npy", options.jobs)
        mine = seconds(ours, place / "records", place / "out", options.jobs)
        for what, (took, _) in (("script", theirs), ("ecgsk ingest", mine)):
            rate = options.records / took
            print(
                f"{what:13s} {took:6.1f} s  {1000 / rate:5.2f} ms a record  {rate:6.0f} records/s"
            )
        print(f"{theirs[0] / mine[0]:.1f} times as fast")
        if options.jobs == 1:
            print(f"{theirs[1] / mine[1]:.1f} times in processor time")
