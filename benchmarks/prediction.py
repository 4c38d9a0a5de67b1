"""Prediction: predict_proba against a loop written by hand, and a large store in bulk.

    python benchmarks/prediction.py
    python benchmarks/prediction.py --bulk FOLDER --records 100000 --jobs 2

The loop by hand does what a model needs and no more: scale, network, sigmoid. predict_proba
also holds leads, sampling rate, unit and quality against what was fitted, by name.

In bulk: FOLDER gets a store of 12 leads at 100 Hz for 10 s in int16 (24 kB a record) and a
small model of diagnoses and laboratory findings, both made by the first call. The second prints
records/s, peak memory of this process and of its workers, and the largest difference to
predict_proba. Killed and started again it goes on, and counts the records of that run alone.
"""

import argparse
import resource
import warnings
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

import ecgsk
from ecgsk import ECGDiagnosisClassifier, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.deployment import write_predictions
from ecgsk.encoders import ResNet1d
from ecgsk.io import read_ecg_folder, write_ecg_folder
from ecgsk.preprocessing import Resample

BATCH = 256
SMALL = ResNet1d(10, width=8)  # as in `ecgsk demo`
N_DISTINCT = 2000  # simulated records, of which a large store holds copies


@torch.inference_mode()
def by_hand(module, x: torch.Tensor) -> torch.Tensor:
    backbone, parts = module.backbone, []
    for batch in x.split(BATCH):
        scaled = (batch - backbone.mean) / backbone.scale
        parts.append(module.head(backbone.encoder(scaled)).double().sigmoid())
    return torch.cat(parts)


def make_bulk(folder: Path, n_records: int, encoder: str) -> None:
    """Write the store and the model, unless they are there."""
    cohort = make_clinical_ecg(N_DISTINCT // 2, random_state=0)
    if not (folder / "store").exists():
        rows = np.arange(n_records) % min(len(cohort.X), N_DISTINCT)
        write_ecg_folder(cohort.X[["ecg"]].iloc[rows].reset_index(drop=True), folder / "store")
    if not (folder / encoder).exists():
        X = cohort.X[["ecg", "subject_id"]].iloc[:400]
        Y = cohort.Y.loc[:399, cohort.Y.iloc[:400].sum() > 20]
        spec = SMALL if encoder == "small" else encoder
        classifier = ECGDiagnosisClassifier(spec, max_epochs=1, random_state=0, verbose=0)
        explainer = LabAbnormalityExplainer(
            FrozenEstimator(classifier.fit(X, Y)), reference_ranges=cohort.reference_ranges
        )
        model = make_pipeline(Resample(100), explainer).fit(X, cohort.labs.iloc[:400])
        ecgsk.save(model, folder / encoder)


def in_bulk(options: argparse.Namespace) -> None:
    """Predict a store, and compare with predict_proba."""
    folder, encoder, jobs = options.bulk, options.encoder, options.jobs
    if not ((folder / "store").exists() and (folder / encoder).exists()):
        make_bulk(folder, options.records, encoder)
        print("made; start again to measure, in a process that has made nothing")
        return
    model, out = ecgsk.load(folder / encoder), folder / f"{encoder}-{jobs}.parquet"
    done = sum(1 for _ in (folder / f".parts-{out.name}").glob("*.part")) * 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_predictions(model, folder / "store", out, n_jobs=jobs, overwrite=True)
    seconds = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if jobs != 1:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)  # so that the workers' memory is known
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if jobs != 1 else 0
    n_records = options.records - done
    print(
        f"{encoder}, {jobs} jobs: {n_records:,} of {options.records:,} records in {seconds:.1f} s, "
        f"{n_records / seconds:,.0f} records/s; peak memory {peak / 1024:,.0f} MiB "
        f"({before / 1024:,.0f} before), of a worker {worker / 1024:,.0f} MiB; "
        f"{out.stat().st_size / 2**20:.0f} MiB written"
    )
    rows = np.random.default_rng(0).choice(options.records, min(options.records, 4096), False)
    frame, _ = read_ecg_folder(folder / "store")
    start = perf_counter()
    P = model.predict_proba(frame[["ecg"]].iloc[rows])
    seconds = perf_counter() - start
    found = pd.read_parquet(out, columns=[f"laboratory/{name}" for name in model[-1].label_names_])
    difference = np.abs(found.to_numpy()[rows] - P).max()
    print(
        f"predict_proba of {len(rows):,} of them: {len(rows) / seconds:,.0f} records/s; largest "
        f"difference {difference:.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", default="resnet18", help="or small, in bulk")
    parser.add_argument("--subjects", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--bulk", type=Path, help="folder for a store and its predictions")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    if options.bulk:
        return in_bulk(options)
    torch.set_num_threads(2)
    X, Y = make_clinical_ecg(options.subjects, random_state=0, return_X_y=True)
    X = X[["ecg"]]
    model = ECGDiagnosisClassifier(options.encoder, max_epochs=1, random_state=0, verbose=False)
    model.fit(X.iloc[:200], Y.iloc[:200])
    module, x = model.net_.module_.eval(), torch.from_numpy(X["ecg"].array.read())

    def timed(call, times: int = 1) -> float:
        start = perf_counter()
        for _ in range(times):
            call()
        return (perf_counter() - start) / times

    one, x_one = X.iloc[:1], x[:1]
    for what, frame, signals, times in (
        (f"{len(X)} records", X, x, 1),
        ("one record", one, x_one, 50),
    ):
        ours, hand = [], []
        for repeat in range(options.repeats + 1):
            pair = (
                timed(lambda: model.predict_proba(frame), times),  # noqa: B023
                timed(lambda: by_hand(module, signals), times),  # noqa: B023
            )
            if repeat:
                ours.append(pair[0])
                hand.append(pair[1])
        ratio = median(a / b for a, b in zip(ours, hand, strict=True))
        print(
            f"{what}: predict_proba {median(ours) * 1e3:.2f} ms, by hand {median(hand) * 1e3:.2f} "
            f"ms, {ratio:.2f} x"
        )


if __name__ == "__main__":
    main()
