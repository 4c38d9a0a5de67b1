"""Objectives of stage (i) and ways to fine-tune in stage (ii), side by side on one cohort.

    python benchmarks/recipes.py --subjects 5000 --label-fraction 0.1

One patient split of the synthetic cohort; macro AUROC over its diagnoses on the test
patients, and seconds. Rows share split, seed and labelled patients.
"""

import argparse
from time import perf_counter

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.metrics import masked_roc_auc
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import BandpassFilter, Resample

OBJECTIVES = ("clip", "table_prediction", "ecg_contrast")
MODES = ("probe", "probe_then_full", "full")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=5000)
    parser.add_argument("--label-fraction", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, nargs="+", default=[12])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    cohort = make_clinical_ecg(options.subjects, random_state=options.seed)
    X = make_pipeline(Resample(100), BandpassFilter(0.5, 40)).fit_transform(cohort.X)
    patients = cohort.groups.to_numpy()
    train, test = patient_split(patients, random_state=options.seed, Y=cohort.Y)
    order = np.random.default_rng(options.seed).permutation(np.unique(patients[train]))
    labelled = train[np.isin(patients[train], order[: round(options.label_fraction * len(order))])]
    print(f"{len(train)} records to pre-train on, {len(labelled)} labelled, {len(test)} to score")

    def report(name: str, mode: str, seconds: float, model: ECGDiagnosisClassifier) -> None:
        P = model.predict_proba(X.iloc[test])
        auroc = masked_roc_auc(cohort.Y.iloc[test].to_numpy(), P)
        print(f"{name:<28}{mode:<18}{auroc:.4f}  {seconds:.0f} s", flush=True)

    def fit(**parameters) -> tuple[ECGDiagnosisClassifier, float]:
        start = perf_counter()
        model = ECGDiagnosisClassifier(verbose=False, random_state=options.seed, **parameters)
        model.fit(X.iloc[labelled], cohort.Y.iloc[labelled])
        return model, perf_counter() - start

    for epochs in options.epochs:
        for objective in OBJECTIVES:
            start = perf_counter()
            pretrainer = JointEmbeddingPretrainer(
                objective=objective, max_epochs=epochs, random_state=options.seed, verbose=False
            ).fit(X.iloc[train])
            pretraining = perf_counter() - start
            for mode in MODES:
                model, seconds = fit(encoder=FrozenEstimator(pretrainer), fine_tune=mode)
                report(f"{objective}, {epochs} epochs", mode, pretraining + seconds, model)
    model, seconds = fit()
    report("signal only", "from scratch", seconds, model)


if __name__ == "__main__":
    main()
