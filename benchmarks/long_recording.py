"""Memory and seconds of one long recording, end to end: open, cut, predict, aggregate.

    python benchmarks/long_recording.py [--hours 24] [--leads 3] [--working-memory 64]

The WFDB record is synthetic (format 16): repeated beats with noise, two hours of it with all
electrodes off. A small model is fitted on 10 s records of the same leads, and predicts windows
of 10 s. Filtered windows are kept up to scikit-learn's working memory, and beyond it filtered as
they are read. Anonymous memory is what the process needs; the system can take back pages of the
file.
"""

import argparse
import tempfile
import warnings
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from larger_than_memory import Peak, anonymous_mib
from sklearn import set_config
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.exceptions import SignalQualityWarning
from ecgsk.io import read_wfdb_record
from ecgsk.metrics import aggregate_windows
from ecgsk.preprocessing import BandpassFilter, Resample, SelectLeads, cut_windows
from ecgsk.signals import STANDARD_12_LEADS

GAIN = 200  # units per mV
MINUTE = 60  # s


def write_record(folder: Path, beats: np.ndarray, leads, rate: int, hours: float) -> None:
    """Write a record minute by minute: ten-second strips after one another, and noise."""
    rng = np.random.default_rng(0)
    n_minutes = round(hours * 60)
    n_strips = MINUTE // 10
    with (folder / "holter.dat").open("wb") as file:
        for minute in range(n_minutes):
            strips = beats[rng.integers(len(beats), size=n_strips)]
            signal = np.concatenate(list(strips), axis=1)
            signal = signal + rng.normal(scale=0.01, size=signal.shape)
            if 180 <= minute < 300:
                signal[:] = 0  # electrodes off
            file.write(np.rint(GAIN * signal).T.astype("<i2").tobytes())
    lines = [f"holter {len(leads)} {rate} {n_minutes * MINUTE * rate}"]
    lines += [f"holter.dat 16 {GAIN}(0)/mV 16 0 0 0 0 {lead}" for lead in leads]
    (folder / "holter.hea").write_text("\n".join([*lines, ""]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--leads", type=int, default=3)
    parser.add_argument("--sampling-rate", type=int, default=200)
    parser.add_argument("--working-memory", type=int, help="MiB for filtered windows, else 1024")
    options = parser.parse_args()
    warnings.simplefilter("ignore", SignalQualityWarning)
    if options.working_memory is not None:
        set_config(working_memory=options.working_memory)
    leads, rate = STANDARD_12_LEADS[: options.leads], options.sampling_rate
    cohort = make_clinical_ecg(100, sampling_rate=rate, random_state=0)
    X = SelectLeads(leads).fit_transform(cohort.X[["ecg", "subject_id"]])
    classifier = ECGDiagnosisClassifier(
        ResNet1d(10, width=8), max_epochs=1, random_state=0, verbose=0
    )
    model = make_pipeline(Resample(100), BandpassFilter(0.5, 40), classifier)
    model.fit(X, cohort.Y.iloc[:, :5])
    with tempfile.TemporaryDirectory() as folder:
        write_record(Path(folder), X["ecg"].ecg.to_numpy(), leads, rate, options.hours)
        size = Path(folder, "holter.dat").stat().st_size / 2**20
        before, peak, start, cpu = anonymous_mib(), Peak(), perf_counter(), process_time()
        peak.start()

        def show(what: str) -> None:
            wall, seconds = perf_counter() - start, process_time() - cpu
            print(f"{what:<44}{wall:7.1f} s {seconds:7.1f} CPU s {peak.mib:7.0f} MiB", flush=True)

        ecg = read_wfdb_record(Path(folder, "holter"), leads=leads)
        show(f"opened, {ecg.n_samples:,} samples of {size:.0f} MiB")
        windows = cut_windows(pd.DataFrame({"ecg": ecg, "subject_id": [1]}, index=["holter"]))
        show(f"cut, {len(windows)} windows of quality")
        P = model.predict_proba(windows)
        show("predicted")
        P = pd.DataFrame(P, columns=classifier.label_names_)
        of_record = aggregate_windows(P, windows["record"].to_numpy())
        peak.running = False
        show(f"aggregated, {of_record.shape[1]} labels")
        print(f"anonymous memory {before:.0f} MiB before, {peak.mib:.0f} MiB at most")
        print(f"dropped: {windows.attrs['dropped_windows']}")


if __name__ == "__main__":
    main()
