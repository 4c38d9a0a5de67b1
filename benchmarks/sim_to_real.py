"""From simulated patients to real ones: pre-train on synthetic ECGs, fine-tune on PTB-XL.

    python benchmarks/sim_to_real.py PTBXL_SUBSET --seeds 0 1 2

Five superclasses with labels of 10 %, 25 % and all of the training patients of folds 1 to
8, scored on fold 9: from scratch; after self-supervision on the synthetic signals alone;
and after a joint embedding of the same signals with their tables. Macro AUROC and the
difference to from scratch, paired, with its patient-bootstrap 95 % interval. The subset is
z-scored, each lead of each record; so are the synthetic records here.
"""

import argparse

import numpy as np
import pandas as pd
import torch
from ptbxl_subset import load_ptbxl_subset
from sklearn.frozen import FrozenEstimator

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.metrics import masked_roc_auc, paired_difference
from ecgsk.preprocessing import BandpassFilter
from ecgsk.signals import ECGArray

FRACTIONS = (0.1, 0.25, 1.0)


def z_scored(X: pd.DataFrame) -> pd.DataFrame:
    """Centre and scale each lead of each record, as the subset's authors did."""
    ecg = BandpassFilter(0.5, 40).fit_transform(X)["ecg"].array
    x = ecg.read()
    x -= x.mean(axis=2, keepdims=True)
    x /= np.maximum(x.std(axis=2, keepdims=True), 1e-3)
    described = {"sampling_rate": ecg.sampling_rate, "leads": ecg.leads}
    return X.assign(ecg=ECGArray.from_numpy(x, **described))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="folder of the PTB-XL subset")
    parser.add_argument("--subjects", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--modes", nargs="+", default=["probe", "probe_then_full", "full"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    real = load_ptbxl_subset(options.data)
    folds, patients = real.folds.to_numpy(), real.groups.to_numpy()
    test = folds == 9
    print(f"{'labels':>7}{'seed':>5}  {'pre-training':<15}{'fine-tuning':<17}"
          "macro AUROC, minus from scratch")  # fmt: skip
    for seed in options.seeds:
        simulated = z_scored(make_clinical_ecg(options.subjects, random_state=seed).X)
        pretrainers = {
            name: JointEmbeddingPretrainer(
                objective=objective, max_epochs=options.epochs, random_state=seed, verbose=False
            ).fit(simulated)
            for name, objective in (("ECG alone", "ecg_contrast"), ("ECG and table", "clip"))
        }
        models = {("none", "from scratch"): ECGDiagnosisClassifier("resnet18")}
        for name, pretrainer in pretrainers.items():
            for mode in options.modes:
                encoder = FrozenEstimator(pretrainer)
                models[name, mode] = ECGDiagnosisClassifier(encoder, fine_tune=mode)
        order = np.random.default_rng(seed).permutation(np.unique(patients[folds < 9]))
        for fraction in FRACTIONS:
            rows = np.isin(patients, order[: round(fraction * len(order))]) & (folds < 9)
            scratch = None
            for (name, mode), model in models.items():
                model.set_params(random_state=seed, verbose=False)
                P = model.fit(real.X[rows], real.Y[rows]).predict_proba(real.X[test])
                scratch = P if scratch is None else scratch
                auroc = masked_roc_auc(real.Y[test], P)
                gain = paired_difference(
                    real.Y[test], P, scratch, groups=patients[test], random_state=0
                )
                print(f"{fraction:7.0%}{seed:5}  {name:<15}{mode:<17}{auroc:.3f}  "
                      f"{gain.estimate:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]",
                      flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
