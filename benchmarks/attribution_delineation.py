"""Attributions against cardiologists' marks of P, QRS and T in LUDB, and over trainings.

    python benchmarks/attribution_delineation.py LUDB --models FOLDER

Trains small networks on LUDB by cross-validation over patients, five times with other seeds.
Explains each diagnosis whose wave is known in the held-out records that have it and in which it
is predicted. Prints, with bootstrap intervals over patients:

* pointing game: how often the part of the ECG with the largest effect lies in that wave, against
  a part at random and against a network of shuffled weights;
* agreement: correlation between the maps of two trainings, also of five networks trained on
  3,000 simulated patients, in others.

Models are read from FOLDER where they are there.
"""

import argparse
import warnings
from itertools import combinations
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch
import wfdb
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import load_ludb, make_clinical_ecg
from ecgsk.encoders import ResNet1d
from ecgsk.explain.attribution import shuffled_copy
from ecgsk.io import find_beats
from ecgsk.preprocessing import BandpassFilter, Resample

RATE, N_FOLDS, N_TRAININGS = 100, 5, 5
# Statements of each diagnosis by how they begin, and its wave.
DIAGNOSES = {
    "atrial fibrillation or flutter": (["Atrial fibrillation", "Atrial flutter"], "baseline"),
    "left atrial hypertrophy": (["Left atrial hypertrophy", "Left atrial overload"], "P"),
    "bundle branch block": (
        [
            "Incomplete right bundle branch block", "Complete right bundle branch block",
            "Incomplete left bundle branch block", "Complete left bundle branch block",
            "Non-specific intravintricular conduction delay",
        ],
        "QRS",
    ),
    "left anterior hemiblock": (["Left anterior hemiblock"], "QRS"),
    "left ventricular hypertrophy": (["Left ventricular hypertrophy"], "QRS"),
    "repolarisation or ischaemia": (
        [
            "Non-specific repolarization", "Ischemia", "Undefined ischemia", "Stemi",
            "Early repolarization",
        ],
        "ST-T",
    ),
}  # fmt: skip
TOLERANCE = 0.02  # s, on both sides of a wave
WINDOW = 0.05  # s
N_STEPS = 16  # of integrated gradients


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ludb")
    parser.add_argument("--models", required=True, help="folder to keep the trained models in")
    parser.add_argument("--trainings", type=int, default=N_TRAININGS)
    parser.add_argument("--epochs", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    cohort = load_ludb(options.ludb, progress=False)
    X = Resample(RATE).fit_transform(BandpassFilter(0.5, 40).fit_transform(cohort.X))
    X = X[["ecg", "subject_id"]]
    Y = pd.DataFrame({name: has(cohort.Y, begins) for name, (begins, _) in DIAGNOSES.items()})
    folds = np.random.default_rng(0).permutation(len(X)) % N_FOLDS
    models = [
        [load_or_fit(X, Y, folds, fold, seed, options) for fold in range(N_FOLDS)]
        for seed in range(options.trainings)
    ]
    log_odds = [predict(models_of_seed, X, folds) for models_of_seed in models]
    show_auroc(Y, log_odds)
    signals = X["ecg"].array.read()
    point(models[0], signals, folds, explained(Y, log_odds[0]), cohort, Path(options.ludb))
    agree(models, signals, folds, explained(Y, np.mean(log_odds, axis=0)))
    print("\ntrained on simulated patients")
    agree(*simulated(options))


def has(Y, begins) -> pd.Series:
    """Return whether one of the statements is there."""
    return Y[[name for name in Y if name.startswith(tuple(begins))]].max(axis=1)


def load_or_fit(X, Y, folds, fold, seed, options) -> torch.nn.Module:
    path = Path(options.models) / f"ludb_{options.epochs}_{seed}_{fold}.joblib"
    if path.exists():
        return joblib.load(path).net_.module_.eval()
    model = ECGDiagnosisClassifier(
        ResNet1d(depth=10, width=16),
        max_epochs=options.epochs,
        batch_size=32,
        random_state=seed,
        verbose=0,
        device="cpu",
    ).fit(X[folds != fold], Y[folds != fold])
    joblib.dump(model, path)
    return model.net_.module_.eval()


def predict(models, X, folds) -> np.ndarray:
    """Return out-of-fold log odds."""
    signals = torch.from_numpy(X["ecg"].array.read())
    with torch.no_grad():
        parts = [module(signals[folds == fold]).numpy() for fold, module in enumerate(models)]
    out = np.empty((len(X), parts[0].shape[1]))
    for fold, part in enumerate(parts):
        out[folds == fold] = part
    return out


def show_auroc(Y, log_odds) -> None:
    print(f"{'out-of-fold AUROC, mean and range of trainings':<50}patients with it")
    for i, name in enumerate(Y):
        scores = [roc_auc_score(Y[name], values[:, i]) for values in log_odds]
        scores = f"{np.mean(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})"
        print(f"{name:<32}{scores:<26}{int(Y[name].sum())}")


def explained(Y, log_odds) -> np.ndarray:
    """Return where a diagnosis is true and predicted, as often as it is present."""
    thresholds = [np.quantile(log_odds[:, i], 1 - p) for i, p in enumerate(Y.mean())]
    return (Y.to_numpy() == 1) & (log_odds > thresholds)


def simulated(options) -> tuple:
    """Return networks trained on simulated patients, and signals and diagnoses of others."""
    names = [
        "atrial fibrillation", "left bundle branch block", "right bundle branch block",
        "left ventricular hypertrophy", "acute myocardial infarction",
    ]  # fmt: skip
    cohort, others = (
        make_clinical_ecg(n, random_state=seed) for n, seed in [(3000, 0), (150, 110)]
    )
    X, X_new = (
        BandpassFilter(0.5, 40).fit_transform(c.X[["ecg", "subject_id"]]) for c in (cohort, others)
    )
    models = []
    for seed in range(options.trainings):
        path = Path(options.models) / f"syn_8_{seed}.joblib"
        if not path.exists():
            model = ECGDiagnosisClassifier(
                ResNet1d(depth=10, width=16),
                max_epochs=8,
                random_state=seed,
                verbose=0,
                device="cpu",
            )
            joblib.dump(model.fit(X, cohort.Y[names]), path)
        models.append([joblib.load(path).net_.module_.eval()])
    one_fold, Y = np.zeros(len(X_new), int), others.Y[names]
    log_odds = [predict(of_seed, X_new, one_fold) for of_seed in models]
    scores = [roc_auc_score(Y, values, average="macro") for values in log_odds]
    print(f"macro AUROC in new patients {np.mean(scores):.3f}")
    cases = explained(Y, np.mean(log_odds, axis=0))
    cases &= ~others.groups.duplicated().to_numpy()[:, None]  # a record per patient
    return models, X_new["ecg"].array.read(), one_fold, cases


# -- maps -------------------------------------------------------------------------------


def ablate(module, signal, segments) -> np.ndarray:
    """Return what each log odds loses without each segment: (n_outputs, n_segments)."""
    ecg, where = torch.from_numpy(signal)[None], torch.from_numpy(segments)
    numbers = torch.arange(int(segments.max()) + 1)
    with torch.no_grad():
        lost = [
            module(ecg) - module(torch.where(where == some[:, None, None], 0.0, ecg))
            for some in numbers.split(16)
        ]
    return torch.cat(lost).numpy().T


def gradients(module, signal, segments) -> np.ndarray:
    """Return integrated gradients from 0 mV, summed over each segment."""
    ecg = torch.from_numpy(signal)[None]
    steps = (torch.arange(N_STEPS) + 0.5) / N_STEPS
    scaled = (steps[:, None, None] * ecg).requires_grad_()
    outputs, n = module(scaled), int(segments.max()) + 1
    out = []
    for number in range(outputs.shape[1]):
        (slope,) = torch.autograd.grad(outputs[:, number].sum(), scaled, retain_graph=True)
        values = (slope.mean(dim=0) * ecg[0]).numpy()
        out.append(np.bincount(segments.ravel(), values.ravel(), minlength=n))
    return np.array(out)


def windows(signal, seconds, *, per_lead) -> np.ndarray:
    """Number windows of one length, of each lead or of all leads together."""
    column = np.arange(signal.shape[1]) // round(seconds * RATE)
    lead = np.arange(len(signal))[:, None] if per_lead else np.zeros((len(signal), 1), int)
    return lead * (column.max() + 1) + column


def lead_beats(signal) -> np.ndarray:
    """Number the beats of each lead, from midway to midway between R peaks, as `attribute`."""
    beats = find_beats(signal, RATE)
    middle = (beats[1:] + beats[:-1]) / 2 if len(beats) else np.arange(1, 10)
    column = np.searchsorted(np.round(middle * RATE), np.arange(signal.shape[1]), side="right")
    return np.arange(len(signal))[:, None] * (column.max() + 1) + column


# -- pointing game ------------------------------------------------------------------------


def read_waves(folder, number, leads, n_samples) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return where each wave is, and what is annotated, of shape (n_leads, n_samples)."""
    waves = {name: np.zeros((len(leads), n_samples), bool) for name in ("P", "QRS", "ST-T")}
    annotated = np.zeros((len(leads), n_samples), bool)
    time = np.arange(n_samples) / RATE
    for row, lead in enumerate(leads):
        marks = wfdb.rdann(str(folder / "data" / str(number)), lead.lower())
        at, symbols = marks.sample / marks.fs, marks.symbol
        annotated[row] = (time >= at[0]) & (time <= at[-1])
        end_of_qrs = None
        for i, symbol in enumerate(symbols):
            if symbol not in "pNt" or not 0 < i < len(symbols) - 1:
                continue
            start, end = at[i - 1], at[i + 1]
            if symbol == "t" and end_of_qrs is not None:
                start = end_of_qrs  # the ST segment belongs to repolarisation
            name = {"p": "P", "N": "QRS", "t": "ST-T"}[symbol]
            waves[name][row] |= (time >= start - TOLERANCE) & (time <= end + TOLERANCE)
            end_of_qrs = end if symbol == "N" else None
    waves["baseline"] = annotated & ~waves["QRS"] & ~waves["ST-T"]
    return waves, annotated


def point(models, signals, folds, cases, cohort, folder) -> None:
    """Print how often the segment of the largest effect lies in the diagnosis' wave."""
    leads, rows = cohort.X["ecg"].dtype.leads, []
    regions = [wave for _, wave in DIAGNOSES.values()]
    for record in np.flatnonzero(cases.any(axis=1)):
        module, signal = models[folds[record]], signals[record]
        waves, annotated = read_waves(folder, cohort.X.index[record], leads, signal.shape[1])
        everywhere = windows(signal, WINDOW, per_lead=False)
        for name, find, segments in (
            ("windows of all leads, ablation", ablate, everywhere),
            ("windows of a lead, gradients", gradients, windows(signal, WINDOW, per_lead=True)),
            ("windows of all leads, gradients", gradients, everywhere),
        ):
            found = find(module, signal, segments)
            random = find(shuffled_copy(module, 0), signal, segments)
            n = segments.max() + 1
            known = np.bincount(segments.ravel(), annotated.ravel(), n) > 0
            for number in np.flatnonzero(cases[record]):
                share = share_in(segments, waves[regions[number]] & annotated, annotated, n)
                rows.append(
                    {
                        "unit": name,
                        "diagnosis": list(DIAGNOSES)[number],
                        "patient": record,
                        "hit": share[np.where(known, found[number], -np.inf).argmax()],
                        "shuffled": share[np.where(known, random[number], -np.inf).argmax()],
                        "random": share[known].mean(),
                    }
                )
    show_pointing(pd.DataFrame(rows))


def share_in(segments, wave, annotated, n) -> np.ndarray:
    """Return which share of a segment's annotated samples lies in the wave."""
    inside = np.bincount(segments.ravel(), wave.ravel(), n)
    return inside / np.maximum(np.bincount(segments.ravel(), annotated.ravel(), n), 1)


def show_pointing(rows) -> None:
    columns = ["hit", "shuffled", "random", "less shuffled", "less random"]
    rows["less shuffled"], rows["less random"] = (rows["hit"] - rows[c] for c in columns[1:3])
    for unit, of_unit in rows.groupby("unit", sort=False):
        print(f"\n{unit}\n{'':<32}{'n':>4}" + "".join(f"{name:>24}" for name in columns))
        for name, table in [*of_unit.groupby("diagnosis", sort=False), ("all", of_unit)]:
            values = table.groupby("patient")[columns].mean() if name == "all" else table[columns]
            cells = "".join(f"{cell:>24}" for cell in intervals(values.to_numpy()))
            print(f"{name:<32}{len(values):>4}{cells}")


def intervals(values) -> list[str]:
    """Format means and their intervals from 2,000 resamples of the patients."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(2000, len(values)))].mean(axis=1)
    low, high = np.nanquantile(means, [0.025, 0.975], axis=0)
    return [
        f"{m:.2f} [{a:.2f}, {b:.2f}]"
        for m, a, b in zip(np.nanmean(values, axis=0), low, high, strict=True)
    ]


# -- agreement ------------------------------------------------------------------------------


def agree(models, signals, folds, cases) -> None:
    """Print the correlation of maps between trainings, by unit."""
    units = {
        "lead-beats": lead_beats,
        "windows of all leads": lambda x: windows(x, 0.1, per_lead=False),
        "leads": lambda x: np.repeat(np.arange(len(x))[:, None], x.shape[1], axis=1),
    }
    rows: dict[str, list] = {name: [] for name in units}
    for record in np.flatnonzero(cases.any(axis=1)):
        for name, cut in units.items():
            segments = cut(signals[record])
            maps = np.array([ablate(of[folds[record]], signals[record], segments) for of in models])
            rows[name] += [agreement(maps[:, i]) for i in np.flatnonzero(cases[record])]
    columns = ["rank correlation", "Pearson", "rank, means of two"]
    print(f"\n{'agreement of trainings':<24}{'n':>4}" + "".join(f"{name:>24}" for name in columns))
    for name, values in rows.items():
        cells = "".join(f"{cell:>24}" for cell in intervals(np.array(values)))
        print(f"{name:<24}{len(values):>4}{cells}")


def agreement(maps) -> list[float]:
    """Return mean correlations between two maps, and between means of two and two others."""
    pairs = list(combinations(range(len(maps)), 2))
    split = [(a, b) for a, b in combinations(pairs, 2) if not set(a) & set(b)]
    return [
        np.mean([correlation(rankdata(maps[a]), rankdata(maps[b])) for a, b in pairs]),
        np.mean([correlation(maps[a], maps[b]) for a, b in pairs]),
        np.mean(
            [
                correlation(*(rankdata(maps[list(pair)].mean(axis=0)) for pair in both))
                for both in split
            ]
            or [np.nan]
        ),
    ]


def correlation(a, b) -> float:
    return float(np.corrcoef(a, b)[0, 1])


if __name__ == "__main__":
    main()
