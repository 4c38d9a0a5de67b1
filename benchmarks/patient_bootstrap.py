"""Patient bootstrap against scikit-learn called in a loop, side by side in one run.

scikit-learn is timed on a few resamples and scaled to all of them. Run with

    python benchmarks/patient_bootstrap.py --labels 200
"""

import argparse
from time import perf_counter

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from ecgsk.metrics import patient_bootstrap

REFERENCES = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}


def seconds(function, *args, **kwargs):
    start = perf_counter()
    function(*args, **kwargs)
    return perf_counter() - start


def loop(score, Y, P, weight):
    for y, p in zip(Y.T, P.T, strict=True):
        score(y, p, sample_weight=weight)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=20)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--timed-resamples", type=int, default=2, help="of the loop")
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    groups = rng.integers(args.patients, size=args.records)
    prevalence = rng.uniform(0.005, 0.3, args.labels)
    Y = (rng.random((args.records, args.labels)) < prevalence).astype(float)
    P = Y + rng.normal(size=Y.shape)
    weight = rng.poisson(1, args.patients)[groups].astype(float)
    for statistic, score in REFERENCES.items():
        timed = [seconds(loop, score, Y, P, weight) for _ in range(args.timed_resamples)]
        theirs = float(np.median(timed)) * args.resamples
        ours = seconds(
            patient_bootstrap,
            Y,
            P,
            groups,
            statistic=statistic,
            n_resamples=args.resamples,
            random_state=0,
        )
        print(f"{statistic}: {ours:.1f} s, loop {theirs:.0f} s, ratio {theirs / ours:.0f}")


if __name__ == "__main__":
    main()
