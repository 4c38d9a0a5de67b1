"""Faithfulness of attributions by lead and beat: ablation against integrated gradients.

    python benchmarks/attribution.py
    python benchmarks/attribution.py --data PTBXL_SUBSET --encoder random_convolution

Fits a classifier and explains the most probable diagnosis of held-out records by
`ecgsk.explain.attribute` and, where the encoder has gradients, by captum's integrated
gradients (32 steps from 0 mV), summed over the same beats and leads. Prints per method, with
bootstrap intervals over records: the loss of log odds when the top tenth of the lead-beats is
flattened, and the log odds left when that tenth alone is kept, as shares of the total loss on
a flat record; the rank correlation with a model of shuffled weights; the completeness gap of
the gradients; seconds per record and diagnosis.
"""

import argparse
import warnings
from time import perf_counter

import numpy as np
import torch
from scipy.stats import spearmanr

from ecgsk import ECGDiagnosisClassifier
from ecgsk.datasets import make_clinical_ecg
from ecgsk.explain import attribute
from ecgsk.explain.attribution import shuffled_copy

COLUMNS = ["ecg", "subject_id"]
TENTH, N_RANDOM, N_STEPS = 0.1, 20, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="folder of the PTB-XL subset; else a synthetic cohort")
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--records", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    X, Y, X_test = load(options.data)
    model = ECGDiagnosisClassifier(
        options.encoder, max_epochs=options.epochs, random_state=0, verbose=False, device="cpu"
    ).fit(X, Y)
    explain(model, X_test, options.records)


def load(data: str | None):
    if data is None:
        seen, unseen = (
            make_clinical_ecg(n_subjects=n, random_state=seed) for seed, n in enumerate([1000, 150])
        )
        return seen.X[COLUMNS], seen.Y, unseen.X[COLUMNS]
    from ptbxl_subset import load_ptbxl_subset

    cohort = load_ptbxl_subset(data)
    train, test = (cohort.folds < 9).to_numpy(), (cohort.folds == 9).to_numpy()
    return cohort.X.loc[train, COLUMNS], cohort.Y[train], cohort.X.loc[test, COLUMNS]


def explain(model: ECGDiagnosisClassifier, X, n_records: int) -> None:
    """Explain the records with the most probable diagnosis, one record per patient."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logits = model.decision_function(X)
    order = np.argsort(-logits.max(axis=1))
    _, first = np.unique(X["subject_id"].to_numpy()[order], return_index=True)
    rows = order[np.sort(first)[:n_records]]
    module, dtype = model.net_.module_.eval(), X["ecg"].dtype
    random = shuffled_copy(module, 0)
    found: dict[str, list] = {}
    for row in rows:
        number = int(logits[row].argmax())
        signal = X["ecg"].array.read(np.array([row]))[0]
        start = perf_counter()
        (map_,) = attribute(module, signal, dtype.leads, dtype.sampling_rate, {"": number})
        seconds = (perf_counter() - start) / 2  # the other half is the randomisation test
        starts = np.round([beat[0] * dtype.sampling_rate for beat in map_.beats]).astype(int)
        record = Record(module, signal, number, starts)
        effects = np.add.reduceat(map_.values, starts, axis=1)
        note(found, "ablation", record, effects, map_.randomisation, seconds)
        if model.encoder_spec_.trains:
            start = perf_counter()
            effects, gap = gradients(module, record)
            seconds = perf_counter() - start
            other, _ = gradients(random, record)
            similarity = abs(spearmanr(np.abs(effects).ravel(), np.abs(other).ravel())[0])
            note(found, "integrated gradients", record, effects, similarity, seconds)
            found.setdefault("completeness gap of the gradients", []).append([gap])
        rng = np.random.default_rng(row)
        parts = [record.taken(rng.permutation(effects.size)) for _ in range(N_RANDOM)]
        found.setdefault("at random", []).append(np.mean(parts, axis=0))
    show(found)


class Record:
    """One record cut into lead-beats, and a model's logit with some of them flat."""

    def __init__(self, module, signal, number, starts):
        self.module, self.number, self.starts = module, number, starts
        self.signal = torch.from_numpy(signal)
        lengths = np.diff([*starts, signal.shape[1]])
        beat = np.repeat(np.arange(len(starts)), lengths)
        self.segment = np.arange(len(signal))[:, None] * len(starts) + beat
        everything = np.ones_like(self.segment, dtype=bool)
        self.whole, self.nothing = self.logit(~everything), self.logit(everything)

    def logit(self, flat) -> float:
        with torch.no_grad():
            x = self.signal.masked_fill(torch.from_numpy(flat), 0.0)[None]
            return float(self.module(x)[0, self.number])

    def taken(self, order) -> list[float]:
        """Return the share lost without the first tenth, and the share kept with it alone."""
        named = np.isin(self.segment, order[: max(round(TENTH * len(order)), 1)])
        span = self.whole - self.nothing
        return [
            (self.whole - self.logit(named)) / span,
            (self.logit(~named) - self.nothing) / span,
        ]


def gradients(module, record: Record) -> tuple[np.ndarray, float]:
    """Return integrated gradients per lead and beat, and their gap as a share of the change."""
    from captum.attr import IntegratedGradients

    ecg = record.signal.nan_to_num(0.0)[None]
    values, gap = IntegratedGradients(module).attribute(
        ecg,
        torch.zeros_like(ecg),
        target=record.number,
        n_steps=N_STEPS,
        internal_batch_size=16,
        return_convergence_delta=True,
    )
    with torch.no_grad():
        change = module(ecg) - module(torch.zeros_like(ecg))
    effects = np.add.reduceat(values[0].detach().numpy(), record.starts, axis=1)
    return effects, abs(float(gap) / float(change[0, record.number]))


def note(found, name, record, effects, similarity, seconds) -> None:
    found.setdefault(name, []).append(
        [*record.taken(np.argsort(-effects.ravel())), similarity, seconds]
    )


def show(found) -> None:
    """Print medians and their 95 % intervals from 2,000 resamples of the records."""
    columns = ["lost without", "kept with alone", "shuffled weights", "seconds"]
    print(f"{'':<36}" + "".join(f"{name:>24}" for name in columns))
    rng = np.random.default_rng(0)
    for name, values in found.items():
        values = np.array(values)
        draws = rng.integers(len(values), size=(2000, len(values)))
        low, high = np.quantile(np.median(values[draws], axis=1), [0.025, 0.975], axis=0)
        cells = zip(np.median(values, axis=0), low, high, strict=True)
        line = "".join(f"{f'{m:.3f} ({a:.3f} to {b:.3f})':>24}" for m, a, b in cells)
        print(f"{name:<36}{line}")


if __name__ == "__main__":
    main()
