"""Objectives of stage (i) and ways to fine-tune in stage (ii), side by side on one cohort.

    python benchmarks/recipes.py --seed 0 --fractions 0.1 0.25 1

One patient split of the synthetic cohort, every training record to pre-train on and the
labels of a share of its patients; macro AUROC over the diagnoses on the test patients,
and the difference to the signal alone, paired, with its patient-bootstrap 95 % interval.
"""

import argparse
from time import process_time

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.metrics import masked_roc_auc, paired_difference
from ecgsk.model_selection import patient_split
from ecgsk.objectives import ECGContrast, InfoNCE, ObjectiveSum, TablePrediction
from ecgsk.objectives.registry import OBJECTIVES
from ecgsk.preprocessing import BandpassFilter

SPECS = {
    **{name: make() for name, make in OBJECTIVES.items()},
    "clip + table_prediction": ObjectiveSum(InfoNCE(), TablePrediction()),
    "clip + ecg_contrast": ObjectiveSum(InfoNCE(), ECGContrast(), weight=0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=5000)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.1])
    parser.add_argument("--objectives", nargs="+", default=list(SPECS), choices=SPECS)
    parser.add_argument("--modes", nargs="+", default=["probe", "probe_then_full", "distill"])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    cohort = make_clinical_ecg(options.subjects, random_state=options.seed)
    X = BandpassFilter(0.5, 40).fit_transform(cohort.X)
    patients = cohort.groups.to_numpy()
    train, test = patient_split(patients, random_state=options.seed, Y=cohort.Y)
    order = np.random.default_rng(options.seed).permutation(np.unique(patients[train]))
    Y_test, groups = cohort.Y.iloc[test].to_numpy(), patients[test]
    print(f"{len(train)} records to pre-train on, {len(test)} to score")

    def predict(fraction: float, **parameters) -> tuple[np.ndarray, float]:
        chosen = order[: max(round(fraction * len(order)), 1)]
        labelled = np.isin(patients, chosen)
        Y = cohort.Y[labelled].reindex(cohort.Y.index)
        # Of rows without labels a teacher still tells something.
        rows = (
            train
            if parameters.get("fine_tune") in ("distill", "self_train")
            else train[labelled[train]]
        )
        start = process_time()
        own = {"encoder": "resnet18", "verbose": False, "random_state": options.seed}
        model = ECGDiagnosisClassifier(**(own | parameters))
        model.fit(X.iloc[rows], Y.iloc[rows])
        return model.predict_proba(X.iloc[test]), process_time() - start

    def show(name: str, fraction: float, P: np.ndarray, seconds: float) -> None:
        auroc = masked_roc_auc(Y_test, P)
        gain = paired_difference(Y_test, P, alone[fraction], groups=groups, random_state=0)
        interval = f"{gain.estimate:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
        print(
            f"{name:<44}{fraction:6.0%}  {auroc:.4f}  {interval}  {seconds:.0f} CPU s", flush=True
        )

    alone = {}
    for fraction in options.fractions:
        alone[fraction], seconds = predict(fraction)
        show("signal only, 20 epochs", fraction, alone[fraction], seconds)
        P, seconds = predict(fraction, max_epochs=20 + options.epochs)
        show(f"signal only, {20 + options.epochs} epochs", fraction, P, seconds)
    for name in options.objectives:
        start = process_time()
        pretrainer = JointEmbeddingPretrainer(
            objective=SPECS[name],
            max_epochs=options.epochs,
            random_state=options.seed,
            verbose=False,
        ).fit(X.iloc[train])
        print(f"{name}: pre-training {process_time() - start:.0f} CPU s, effective rank "
              f"{pretrainer.history_['effective_rank'].iloc[-1]:.0f}", flush=True)  # fmt: skip
        for fraction in options.fractions:
            for mode in options.modes:
                encoder = FrozenEstimator(pretrainer)
                P, seconds = predict(fraction, encoder=encoder, fine_tune=mode)
                show(f"{name}, {mode}", fraction, P, seconds)


if __name__ == "__main__":
    main()
