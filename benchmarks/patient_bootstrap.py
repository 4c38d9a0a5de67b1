"""Speed of the patient bootstrap against scikit-learn in a loop, in one run.

scikit-learn is timed on a few resamples of at most 50 labels; the time is scaled to all
resamples and labels. Seconds are CPU time, which other programs hardly change. Peak memory
includes the data. Run with

    python benchmarks/patient_bootstrap.py --labels 1000
"""

import argparse
import resource
import sys
from time import process_time

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    precision_recall_curve,
    roc_auc_score,
)

from ecgsk.metrics import masked_calibration_error, patient_bootstrap

MAX_TIMED_LABELS = 50


def f_max(y, p, sample_weight):
    precision, recall, _ = precision_recall_curve(y, p, sample_weight=sample_weight)
    return np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))


REFERENCES = {
    "roc_auc": roc_auc_score,
    "average_precision": average_precision_score,
    "f_max": f_max,
    "brier": brier_score_loss,
    "calibration_error": masked_calibration_error,  # scikit-learn has none
}


def seconds(function, *args, **kwargs):
    start = process_time()
    function(*args, **kwargs)
    return process_time() - start


def loop(score, Y, P, weight):
    for y, p in zip(Y.T[:MAX_TIMED_LABELS], P.T, strict=False):
        score(y, p, sample_weight=weight)


def peak_megabytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def make_data(n_records, n_labels, rng):
    Y, P = np.empty((2, n_records, n_labels))
    for y, p in zip(Y.T, P.T, strict=True):
        y[:] = rng.random(n_records) < rng.uniform(0.005, 0.3)
        p[:] = 1 / (1 + np.exp(-y - rng.normal(size=n_records)))
    return Y, P


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=20)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--timed-resamples", type=int, default=3, help="resamples of the loop")
    parser.add_argument("--statistics", nargs="+", default=list(REFERENCES), choices=REFERENCES)
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    groups = rng.integers(args.patients, size=args.records)
    Y, P = make_data(args.records, args.labels, rng)
    weight = rng.poisson(1, args.patients)[groups].astype(float)
    print(f"data and libraries: {peak_megabytes():.0f} MB")
    for statistic in args.statistics:
        score = REFERENCES[statistic]
        timed = [seconds(loop, score, Y, P, weight) for _ in range(args.timed_resamples)]
        scale = args.resamples * args.labels / min(args.labels, MAX_TIMED_LABELS)
        theirs = float(np.median(timed)) * scale
        ours = seconds(
            patient_bootstrap,
            Y,
            P,
            groups=groups,
            statistic=statistic,
            n_resamples=args.resamples,
            random_state=0,
        )
        print(
            f"{statistic}: {ours:.1f} s, loop {theirs:.0f} s, ratio {theirs / ours:.0f}, "
            f"peak {peak_megabytes():.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
