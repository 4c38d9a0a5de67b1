"""Encoders and settings on PTB-XL: macro AUROC and seconds, in one table.

    python benchmarks/ptbxl.py PTBXL_SUBSET --cv --encoders resnet18 ensemble --seeds 2
    python benchmarks/ptbxl.py PTBXL_SUBSET --encoders resnet18 random_convolution --seeds 3
    python benchmarks/ptbxl.py PTBXL_SUBSET --aeon PYTHON

With --cv, three-fold cross-validation over the patients of folds 1 to 9, split anew for each
seed: mean and standard deviation over folds and seeds, and the difference to the first encoder
of the same split, with a patient-bootstrap interval for each seed. Choose by this, not by one
fold. Else it trains on folds 1 to 8 and scores fold 9. Default parameters. Peers: skorch with
the same network and its own defaults (Adam, no augmentation), and aeon's MiniRocket with
scikit-learn's ridge classifier, run by an interpreter that has aeon, as it does not install
beside ours.
"""

import argparse
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch
from ptbxl_subset import load_ptbxl_subset
from skorch import NeuralNetBinaryClassifier
from torch import nn

from ecgsk import ECGDiagnosisClassifier
from ecgsk.encoders.registry import ENCODERS, resolve_encoder
from ecgsk.metrics import masked_roc_auc, paired_difference

N_FOLDS = 3  # of the cross-validation

# Run by another interpreter: it may import nothing of ours.
MINIROCKET = """
import sys, time
import numpy as np
from aeon.transformations.collection.convolution_based import MiniRocket
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
data = np.load(sys.argv[1])
for seed in range(-1, int(sys.argv[2])):
    wall, cpu = time.perf_counter(), time.process_time()
    head = RidgeClassifierCV(alphas=np.logspace(-3, 6, 10))
    rocket = MiniRocket(random_state=max(seed, 0))  # takes no labels but of one class
    model = make_pipeline(StandardScaler(with_mean=False), head)
    model.fit(rocket.fit_transform(data["x"]), data["y"])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    start = time.perf_counter()
    scores = model.decision_function(rocket.transform(data["x_test"]))
    each = (time.perf_counter() - start) / len(scores)
    if seed >= 0:  # the first compiles
        np.savetxt(sys.stdout, np.concatenate([[wall, cpu, each], scores.ravel()])[None])
"""


class Network(nn.Module):
    """An encoder of ours and a linear layer, as one would hand it to skorch."""

    def __init__(self, encoder: str, n_labels: int):
        super().__init__()
        self.encoder = resolve_encoder(encoder).build(12, 1000)
        self.head = nn.Linear(self.encoder.n_features, n_labels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(x))


class MultilabelNet(NeuralNetBinaryClassifier):
    """skorch's binary classifier takes one label only because of its checks."""

    def check_data(self, X, y):
        pass

    def infer(self, x, **fit_params):
        return self.module_(x, **fit_params)


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def cross_validate(cohort, encoders, seeds: int, n_models: int, n_patients: int | None) -> None:
    """Print out-of-fold scores of each encoder; patients are split anew for each seed.

    Each fold trains on `n_patients` of its training patients, None is all.
    """
    Y, groups = cohort.Y.to_numpy(), cohort.groups.to_numpy()
    patients = np.unique(groups)
    scores, found = {}, {}
    for seed in range(seeds):
        order = np.random.default_rng(1000 + seed).permutation(len(patients)) % N_FOLDS
        folds = order[np.searchsorted(patients, groups)]
        for encoder in encoders:
            P, rng = np.zeros_like(Y), np.random.default_rng(seed)
            for k in range(N_FOLDS):
                others = rng.permutation(patients[order != k])[:n_patients]
                train = np.isin(groups, others)
                start = process_time()
                model = ECGDiagnosisClassifier(
                    encoder, n_models=n_models, random_state=10 * seed + k, verbose=0
                ).fit(cohort.X[train], cohort.Y[train])
                fitted = process_time()
                P[folds == k] = model.predict_proba(cohort.X[folds == k])
                each = (process_time() - fitted) / (folds == k).sum()
                auroc = masked_roc_auc(Y[folds == k], P[folds == k])
                scores.setdefault(encoder, []).append((auroc, fitted - start, each))
                print(f"{encoder}, seed {seed}, fold {k}: {auroc:.4f}", flush=True)
            found[encoder] = P
            difference = paired_difference(Y, P, found[encoders[0]], groups=groups, random_state=0)
            if encoder != encoders[0]:
                print(f"{encoder} - {encoders[0]}, seed {seed}: {difference}", flush=True)
    first = np.array(scores[encoders[0]])[:, 0]
    for encoder, values in scores.items():
        auroc, cpu, each = np.array(values).T
        gain = auroc - first
        print(
            f"{encoder:<24} AUROC {auroc.mean():.4f} SD {auroc.std(ddof=1):.4f}, difference "
            f"{gain.mean():+.4f} SD {gain.std(ddof=1):.4f}, fit {cpu.mean():.1f} CPU s, "
            f"{each.mean() * 1e3:.2f} ms a record"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder of the PTB-XL subset")
    parser.add_argument("--encoders", nargs="*", default=["ensemble"], choices=[*ENCODERS, []])
    parser.add_argument("--skorch", action="store_true", help="also skorch by itself")
    parser.add_argument("--aeon", metavar="PYTHON", help="interpreter that has aeon")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cv", action="store_true", help="cross-validation inside folds 1 to 9")
    parser.add_argument("--n-models", type=int, default=1, help="networks to average, with --cv")
    parser.add_argument("--patients", type=int, help="training patients of a fold, with --cv")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cohort = load_ptbxl_subset(options.data)
    if options.cv:
        cross_validate(cohort, options.encoders, options.seeds, options.n_models, options.patients)
        return
    print(f"{'':<34}{'weights':>12}{'fit s':>9}{'CPU s':>9}{'ms/record':>10}{'AUROC':>9}")
    fold_nine = FoldNine(cohort)
    for encoder in options.encoders:
        for seed in range(options.seeds):
            fold_nine.score_ours(encoder, seed)
    for seed in range(options.seeds if options.skorch else 0):
        fold_nine.score_skorch(seed)
    if options.aeon:
        fold_nine.score_aeon(options.aeon, options.seeds)


class FoldNine:
    """Training on folds 1 to 8 and scores of fold 9, one printed line for each model."""

    def __init__(self, cohort):
        train, test = (cohort.folds < 9).to_numpy(), (cohort.folds == 9).to_numpy()
        self.X, self.X_test, self.Y = cohort.X[train], cohort.X[test], cohort.Y[train]
        self.y_test = cohort.Y[test].to_numpy(np.float32)

    def score_ours(self, encoder: str, seed: int) -> None:
        model = ECGDiagnosisClassifier(encoder, random_state=seed, verbose=False)
        self.time(
            f"ecgsk {encoder}, seed {seed}",
            partial(model.fit, self.X, self.Y),
            lambda model: model.predict_proba(self.X_test),
            lambda model: count(model.net_.module_),
        )

    def score_skorch(self, seed: int) -> None:
        x, x_test = (frame["ecg"].array.read() for frame in (self.X, self.X_test))
        torch.manual_seed(seed)
        net = MultilabelNet(
            Network,
            module__encoder="resnet18",
            module__n_labels=self.Y.shape[1],
            optimizer=torch.optim.Adam,
            lr=1e-3,
            max_epochs=20,
            train_split=None,
            verbose=0,
        )
        self.time(
            f"skorch, resnet18, seed {seed}",
            partial(net.fit, x, self.Y.to_numpy(np.float32)),
            lambda model: torch.sigmoid(model.forward(x_test)).numpy(),
            lambda model: count(model.module_),
        )

    def score_aeon(self, python: str, seeds: int) -> None:
        x, x_test = (frame["ecg"].array.read() for frame in (self.X, self.X_test))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "data.npz"
            np.savez(path, x=x, y=self.Y.to_numpy(np.float32), x_test=x_test)
            command = [python, "-c", MINIROCKET, str(path), str(seeds)]
            lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for seed, line in enumerate(lines.splitlines()):
            wall, cpu, each, *scores = map(float, line.split())
            name = f"aeon MiniRocket + ridge, seed {seed}"
            self.show(name, np.reshape(scores, self.y_test.shape), wall, cpu, each, "50,000")

    def time(self, name: str, fit, predict, n_weights) -> None:
        wall, cpu = perf_counter(), process_time()
        model = fit()
        wall, cpu = perf_counter() - wall, process_time() - cpu
        start = perf_counter()
        P = predict(model)
        each = (perf_counter() - start) / len(P)
        self.show(name, P, wall, cpu, each, n_weights(model))

    def show(self, name: str, P, wall: float, cpu: float, each: float, n_weights) -> None:
        auroc = masked_roc_auc(self.y_test, P)
        print(
            f"{name:<34}{n_weights:>12}{wall:9.1f}{cpu:9.1f}{each * 1e3:10.2f}{auroc:9.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
