"""What a user could pick on PTB-XL: macro AUROC and seconds, in one table.

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
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch
from skorch import NeuralNetBinaryClassifier
from torch import nn

from ecgsk import ECGDiagnosisClassifier
from ecgsk.encoders.registry import ENCODERS, resolve_encoder
from ecgsk.metrics import masked_roc_auc, paired_difference

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
from ptbxl_subset import load_ptbxl_subset

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


def show(name: str, auroc: float, wall: float, cpu: float, each: float, n_weights: int | str):
    print(
        f"{name:<34}{n_weights:>12}{wall:9.1f}{cpu:9.1f}{each * 1e3:10.2f}{auroc:9.3f}", flush=True
    )


def count(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def cross_validate(cohort, encoders, seeds: int, n_models: int) -> None:
    """Print out-of-fold scores of each encoder; patients are split anew for each seed."""
    Y, groups = cohort.Y.to_numpy(), cohort.groups.to_numpy()
    patients = np.unique(groups)
    scores, found = {}, {}
    for seed in range(seeds):
        order = np.random.default_rng(1000 + seed).permutation(len(patients)) % N_FOLDS
        folds = order[np.searchsorted(patients, groups)]
        for encoder in encoders:
            P = np.zeros_like(Y)
            for k in range(N_FOLDS):
                start = process_time()
                model = ECGDiagnosisClassifier(
                    encoder, n_models=n_models, random_state=10 * seed + k, verbose=0
                ).fit(cohort.X[folds != k], cohort.Y[folds != k])
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
    parser.add_argument("--encoders", nargs="*", default=["resnet18"], choices=[*ENCODERS, []])
    parser.add_argument("--skorch", action="store_true", help="also skorch by itself")
    parser.add_argument("--aeon", metavar="PYTHON", help="interpreter that has aeon")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cv", action="store_true", help="cross-validation inside folds 1 to 9")
    parser.add_argument("--n-models", type=int, default=1, help="networks to average, with --cv")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    cohort = load_ptbxl_subset(options.data)
    if options.cv:
        cross_validate(cohort, options.encoders, options.seeds, options.n_models)
        return
    train, test = (cohort.folds < 9).to_numpy(), (cohort.folds == 9).to_numpy()
    X, X_test = cohort.X[train], cohort.X[test]
    y, y_test = (cohort.Y[rows].to_numpy(np.float32) for rows in (train, test))
    print(f"{'':<34}{'weights':>12}{'fit s':>9}{'CPU s':>9}{'ms/record':>10}{'AUROC':>9}")

    def timed(name, fit, predict, n_weights):
        wall, cpu = perf_counter(), process_time()
        model = fit()
        wall, cpu = perf_counter() - wall, process_time() - cpu
        start = perf_counter()
        P = predict(model)
        each = (perf_counter() - start) / len(P)
        show(name, masked_roc_auc(y_test, P), wall, cpu, each, n_weights(model))

    def fit(encoder, seed):
        model = ECGDiagnosisClassifier(encoder, random_state=seed, verbose=False)
        return model.fit(X, cohort.Y[train])

    for encoder in options.encoders:
        for seed in range(options.seeds):
            timed(
                f"ecgsk {encoder}, seed {seed}",
                partial(fit, encoder, seed),
                lambda model: model.predict_proba(X_test),
                lambda model: count(model.net_.module_),
            )
    x, x_test = (frame["ecg"].array.read() for frame in (X, X_test))
    for seed in range(options.seeds if options.skorch else 0):
        torch.manual_seed(seed)
        net = MultilabelNet(
            Network,
            module__encoder="resnet18",
            module__n_labels=y.shape[1],
            optimizer=torch.optim.Adam,
            lr=1e-3,
            max_epochs=20,
            train_split=None,
            verbose=0,
        )
        timed(
            f"skorch, resnet18, seed {seed}",
            partial(net.fit, x, y),
            lambda model: torch.sigmoid(model.forward(x_test)).numpy(),
            lambda model: count(model.module_),
        )
    if options.aeon:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "data.npz"
            np.savez(path, x=x, y=y, x_test=x_test)
            command = [options.aeon, "-c", MINIROCKET, str(path), str(options.seeds)]
            lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for seed, line in enumerate(lines.splitlines()):
            wall, cpu, each, *scores = map(float, line.split())
            auroc = masked_roc_auc(y_test, np.reshape(scores, y_test.shape))
            show(f"aeon MiniRocket + ridge, seed {seed}", auroc, wall, cpu, each, "50,000")


if __name__ == "__main__":
    main()
