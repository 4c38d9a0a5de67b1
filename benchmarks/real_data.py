"""Brugada-HUCA and LUDB by nested cross-validation over patients.

    python benchmarks/real_data.py --brugada BRUGADA_HUCA --ludb LUDB --folder RESULTS

Five outer folds of patients, for three seeds of folds and weights. Every choice (features,
penalty, epochs, thresholds) is made inside the training patients of a fold, by the defaults of
`ECGDiagnosisClassifier`; nothing was tuned on these data. Peers: random convolutions, and
logistic regression on simple features and on the average beat, with the penalty chosen by
cross-validation inside the training patients. Scores are of the pooled out-of-fold
probabilities: mean over seeds, patient-bootstrap 95 % interval of that mean, spread over seeds.
Out-of-fold probabilities are kept in ``--folder``, so that a stopped run goes on.
"""

import argparse
import warnings
from itertools import pairwise
from pathlib import Path
from time import process_time

import numpy as np
import torch
from scipy.signal import find_peaks
from scipy.stats import kurtosis, skew
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import load_brugada_huca, load_ludb
from ecgsk.metrics import (
    masked_brier_score,
    masked_calibration_error,
    masked_roc_auc,
    paired_difference,
    patient_bootstrap,
)
from ecgsk.model_selection import MultilabelGroupKFold
from ecgsk.preprocessing import BandpassFilter, Resample

MIN_PATIENTS = 8  # with and without a label
RATE = 100  # Hz
LUDB_LABELS = [
    "Sinus rhythm",
    "Sinus bradycardia",
    "Sinus arrhythmia",
    "Atrial fibrillation",
    "Incomplete right bundle branch block",
    "Left anterior hemiblock",
    "Complete right bundle branch block",
    "Complete left bundle branch block",
    "I degree AV block",
]
BEFORE, AFTER = 25, 45  # samples of the average beat around the R peak
BANDS = [0.5, 1, 2, 4, 7, 11, 16, 24, 40]  # Hz


def load_brugada(path):
    cohort = load_brugada_huca(path, progress=False)
    known = cohort.Y["brugada"].notna()  # four cases are "other or atypical"
    return cohort.X[known], cohort.Y.loc[known, ["brugada"]]


def load_rhythm_and_conduction(path):
    cohort = load_ludb(path, progress=False)
    Y = cohort.Y[[name for name in LUDB_LABELS if name in cohort.Y]]
    few = np.minimum(Y.sum(), (1 - Y).sum()) < MIN_PATIENTS
    return cohort.X[["ecg", "subject_id"]], Y.loc[:, ~few]


def r_peaks(record):
    """Find R peaks in the steepness of all leads together; record: (n_leads, n_samples)."""
    steep = np.sqrt((np.diff(record, axis=1) ** 2).sum(axis=0))
    steep = np.convolve(steep, np.ones(7) / 7, mode="same")
    peaks, _ = find_peaks(steep, distance=int(0.3 * RATE), height=0.4 * np.quantile(steep, 0.98))
    return peaks


def rhythm(record):
    """Mean, SD and median absolute successive difference of the RR interval, s."""
    rr = np.diff(r_peaks(record)) / RATE
    if len(rr) < 2:
        return [1.0, 0.0, 0.0]
    return [rr.mean(), rr.std(), np.median(np.abs(np.diff(rr)))]


def simple_features(x):
    """Moments and band powers of each lead, and rhythm: (n_records, n_features)."""
    moments = [x.std(axis=2), x.min(axis=2), x.max(axis=2), skew(x, axis=2), kurtosis(x, axis=2)]
    power = np.abs(np.fft.rfft(x, axis=2)) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(x.shape[2], 1 / RATE), BANDS)
    bands = [np.log(power[:, :, start:stop].mean(axis=2) + 1e-9) for start, stop in pairwise(edges)]
    return np.hstack([*moments, *bands, np.array([rhythm(record) for record in x])])


def average_beats(x):
    """Average beat of each lead around the R peak, and rhythm: (n_records, n_features)."""
    rows = []
    for record in x:
        inside = [
            p for p in r_peaks(record) if BEFORE <= p < x.shape[2] - AFTER
        ] or [x.shape[2] // 2]  # fmt: skip
        beats = np.stack([record[:, p - BEFORE : p + AFTER] for p in inside])
        rows.append(np.concatenate([np.median(beats, axis=0).ravel(), rhythm(record)]))
    return np.array(rows)


def logistic_regression(features, Y, train, test, seed):
    """Predict each label by itself; penalty by cross-validation over the training patients."""
    P = np.empty((len(test), Y.shape[1]))
    for j in range(Y.shape[1]):
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        head = LogisticRegressionCV(
            Cs=np.logspace(-5, 1, 7), cv=folds, scoring="neg_log_loss", max_iter=2000,
            l1_ratios=(0,), use_legacy_attributes=False,
        )  # fmt: skip
        model = make_pipeline(StandardScaler(), head).fit(features[train], Y[train, j])
        P[:, j] = model.predict_proba(features[test])[:, 1]
    return P


def classifier(encoder, X, Y, train, test, seed):
    """Predict by the estimator with its defaults."""
    model = ECGDiagnosisClassifier(
        **({} if encoder is None else {"encoder": encoder}), random_state=seed, verbose=False
    )
    P = model.fit(X.iloc[train], Y.iloc[train]).predict_proba(X.iloc[test])
    return P[:, -1:] if Y.shape[1] == 1 and P.shape[1] == 2 else P


def out_of_fold(predict, Y, patients, seed):
    """Return pooled out-of-fold probabilities of one seed."""
    P = np.full(Y.shape, np.nan)
    splitter = MultilabelGroupKFold(5, shuffle=True, random_state=seed)
    for train, test in splitter.split(Y, Y.to_numpy(), groups=patients):
        P[test] = predict(train, test, seed)
    return P


def report(name, Y, patients, kept):
    """Print a table of one data set: macro scores, differences and scores by label."""
    print(f"\n{name}: {len(Y)} patients; positives: "
          + ", ".join(f"{label} {int(n)}" for label, n in Y.sum().items()))  # fmt: skip
    first = next(iter(kept))
    # Each seed's probabilities are further columns: their macro mean is the mean over seeds.
    truth = {model: np.hstack([Y.to_numpy()] * len(P)) for model, P in kept.items()}
    for model, P in kept.items():
        each = [masked_roc_auc(Y, p) for p in P]
        stacked = np.hstack(P)
        auroc = patient_bootstrap(truth[model], stacked, groups=patients, random_state=0)
        line = f"{model:<28} {auroc.estimate:.3f} [{auroc.low:.3f}, {auroc.high:.3f}]"
        line += "  seeds " + " ".join(f"{x:.3f}" for x in each)
        line += f"  Brier {masked_brier_score(truth[model], stacked):.4f}"
        line += f"  calibration error {masked_calibration_error(truth[model], stacked):.3f}"
        if model != first:
            shared = min(len(P), len(kept[first]))
            gain = paired_difference(
                np.hstack([Y.to_numpy()] * shared), np.hstack(kept[first][:shared]),
                np.hstack(P[:shared]), groups=patients, random_state=0,
            )  # fmt: skip
            line += f"  {first} minus it {gain.estimate:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
        print(line)
    for j, label in enumerate(Y):
        scores = [
            np.mean([masked_roc_auc(Y.iloc[:, j], p[:, j]) for p in P]) for P in kept.values()
        ]
        print(f"  {label:<40}" + " ".join(f"{s:8.3f}" for s in scores))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brugada", help="folder of Brugada-HUCA")
    parser.add_argument("--ludb", help="folder of LUDB")
    parser.add_argument("--folder", type=Path, default=Path("real_data"))
    parser.add_argument("--models", nargs="*", help="some of the models alone")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)
    # With eight positives some inner folds lack one; labels that cannot be calibrated say so.
    warnings.simplefilter("ignore")

    data = [("Brugada-HUCA", load_brugada, options.brugada),
            ("LUDB", load_rhythm_and_conduction, options.ludb)]  # fmt: skip
    for name, load, path in data:
        if path is None:
            continue
        X, Y = load(path)
        X = BandpassFilter(0.5, 40).fit_transform(X)
        if name == "LUDB":  # 500 Hz; Brugada-HUCA has 100 Hz
            X = Resample(RATE).fit_transform(X)
        patients, x = X["subject_id"].to_numpy(), X["ecg"].array.read()
        simple, beats, labels = simple_features(x), average_beats(x), Y.to_numpy()
        models = {
            "default": lambda *fold, X=X, Y=Y: classifier(None, X, Y, *fold),
            "random convolutions": lambda *fold, X=X, Y=Y: classifier(
                "random_convolution", X, Y, *fold
            ),
            "logistic, simple features": lambda *fold, f=simple, y=labels: logistic_regression(
                f, y, *fold
            ),
            "logistic, average beat": lambda *fold, f=beats, y=labels: logistic_regression(
                f, y, *fold
            ),
        }
        kept = {}
        for model in options.models or models:
            for seed in options.seeds:
                file = options.folder / f"{name} {model} {seed}.npy"
                if not file.exists():
                    start = process_time()
                    np.save(file, out_of_fold(models[model], Y, patients, seed))
                    print(f"{file.stem}: {process_time() - start:.0f} CPU s", flush=True)
                kept.setdefault(model, []).append(np.load(file))
        report(name, Y, patients, kept)


if __name__ == "__main__":
    main()
