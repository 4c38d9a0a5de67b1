"""Linear heads against scikit-learn's LogisticRegression, one label at a time, in one run.

    python benchmarks/linear_probe.py --records 8000 --labels 29

Both choose among five penalties on three folds of patients, then fit all records.
"""

import argparse
from time import perf_counter

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from ecgsk.estimators._linear_head import C_VALUES, N_FOLDS, fit_linear_heads


def one_by_one(z: np.ndarray, targets: np.ndarray, groups: np.ndarray) -> None:
    folds = [kept for kept, _ in GroupKFold(N_FOLDS).split(z, groups=groups)]
    jobs = [(rows, c) for rows in folds for c in C_VALUES] + [(np.arange(len(z)), C_VALUES[2])]
    for rows, c in jobs:
        for target in targets.T:
            known = rows[~np.isnan(target[rows])]
            LogisticRegression(C=c, max_iter=1000).fit(z[known], target[known])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=8000)
    parser.add_argument("--features", type=int, default=256)
    parser.add_argument("--labels", type=int, default=29)
    parser.add_argument("--measured", type=float, default=0.5, help="share of known targets")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = (options.records, options.features)
    hidden = rng.normal(size=(options.records, 20)) @ rng.normal(size=(20, options.features))
    # As after a ReLU: correlated, none negative.
    z = np.maximum(hidden / 4 + rng.normal(size=shape), 0).astype(np.float32)
    logits = z @ rng.normal(size=(options.features, options.labels)) * 0.1 - 1.5
    targets = (rng.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    targets[rng.random(logits.shape) > options.measured] = np.nan
    groups = np.arange(options.records) // 2

    start = perf_counter()
    fit_linear_heads(z, targets, groups, multinomial=False)
    ours = perf_counter() - start
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    start = perf_counter()
    one_by_one(z, targets, groups)
    theirs = perf_counter() - start
    print(f"together {ours:.1f} s; one by one {theirs:.1f} s; ratio {theirs / ours:.1f}")


if __name__ == "__main__":
    main()
