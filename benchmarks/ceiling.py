"""Ceiling of make_clinical_ecg: macro AUROC that its patients allow any model.

    python benchmarks/ceiling.py --subjects 100000 --curve 1000 3000 10000 30000

Labels and laboratory values carry noise, so no model reaches 1. The script scores, on all
patients of the cohorts in ``--cohorts``:

* the true latent state: ranking by the label's true probability, and by the laboratory value
  before its measurement error. Nothing that observes the state can do better in expectation;
* networks trained on many other simulated patients, from what an observation carries. An ECG
  gives its parameters without noise: amplitude of each wave in each lead, times and widths,
  QT, beats. A table gives values and masks. Nothing is drawn sample by sample, so 100,000
  subjects take minutes.

A network on finitely many patients is below its ceiling: the learning curve shows how far.
"""

import argparse
from time import process_time

import numpy as np
import pandas as pd
import torch
from torch import nn

from ecgsk.datasets import make_clinical_ecg
from ecgsk.datasets.clinical.diagnoses import diagnosis_probability, draw_diagnoses
from ecgsk.datasets.clinical.morphology import draw_waves
from ecgsk.datasets.clinical.patients import draw_state
from ecgsk.datasets.clinical.recording import DURATION, lead_vectors
from ecgsk.datasets.clinical.rhythm import draw_beats
from ecgsk.datasets.clinical.table import LABORATORY, REFERENCE_RANGES, draw_table, measure
from ecgsk.metrics import patient_bootstrap
from ecgsk.preprocessing import LabAbnormality

TRAINING_SEED = 1000  # of patients that no other figure uses
EPOCHS, BATCH, WIDTH, DROPOUT, PEAK_RATE = 20, 256, 256, 0.1, 2e-3
VALIDATION_SHARE = 0.05  # of the training patients, to choose the epoch


class NoError:
    """Random generator without randomness: measurements equal the latent value."""

    def standard_normal(self, n):
        return np.zeros(n)


def ecg_parameters(state, rng):
    """Draw the parameters of one ECG per record: all that a recording without noise shows."""
    state = {k: v if v.dtype.kind in "OU" else v.astype(np.float32) for k, v in state.items()}
    parts = []
    for start in range(0, len(state["age"]), 20_000):
        chunk = {name: values[start : start + 20_000] for name, values in state.items()}
        leads, beats, waves = (
            lead_vectors(chunk, rng), draw_beats(chunk, DURATION, rng), draw_waves(chunk, rng)
        )  # fmt: skip
        amplitude = np.matmul(leads, waves.height.transpose(0, 2, 1))  # of each wave in each lead
        seen = (beats.peak > 0) & (beats.peak < DURATION)
        rr = np.where(seen & ~beats.premature, np.log(beats.rr), np.nan)
        columns = [
            amplitude.reshape(len(amplitude), -1),
            waves.centre,
            waves.width,
            waves.qt[:, None],
            np.nanmean(rr, axis=1, keepdims=True),
            np.log(np.nanstd(rr, axis=1, keepdims=True) + 1e-3),
            (seen & beats.premature).sum(axis=1, keepdims=True),
            chunk["in_af"][:, None],  # fibrillatory waves are visible
        ]
        parts.append(np.concatenate(columns, axis=1).astype(np.float32))
    return np.concatenate(parts)


def with_masks(table):
    """Return values, 0 where missing, beside their masks; standard scores of log values."""
    positive = table.min() > 0
    values = table.where(~positive, np.log(table.where(table > 0)))
    values = (values - values.mean()) / values.std()
    return np.hstack([values.fillna(0), table.isna()]).astype(np.float32)


def targets_of(Y, labs):
    """Return diagnoses and laboratory abnormalities side by side, and the number of diagnoses."""
    abnormal = LabAbnormality(REFERENCE_RANGES).fit(labs).transform(labs)
    return np.hstack([Y, abnormal]).astype(np.float32), list(abnormal), Y.shape[1]


class Cohort:
    """Observations, targets and patients of simulated records, without waveforms."""

    def __init__(self, state, table, Y, patients, seed):
        self.state, self.patients = state, patients
        self.targets, self.lab_names, self.n_diagnoses = targets_of(Y, table[LABORATORY.index])
        ecg, table = ecg_parameters(state, np.random.default_rng(seed)), with_masks(table)
        self.inputs = {
            "ECG parameters": ecg,
            "table": table,
            "ECG parameters and table": np.hstack([ecg, table]),
        }

    @classmethod
    def drawn(cls, n_subjects, seed):
        rng = np.random.default_rng(seed)
        state = draw_state(n_subjects, rng)
        table, Y = draw_table(state, rng), draw_diagnoses(state, rng)
        return cls(state, table, Y, state["subject_id"], seed)

    @classmethod
    def of_benchmark(cls, n_subjects, seed):
        """Return the patients whom the arms are compared on, each with another ECG."""
        cohort = make_clinical_ecg(n_subjects, random_state=seed)
        state = {name: np.asarray(values) for name, values in cohort.latent.items()}
        table = cohort.X.drop(columns=["ecg", "subject_id"])
        table["sex"] = (table["sex"] == "male").astype(float)
        return cls(state, table.rename(columns={"sex": "male"}), cohort.Y,
                   cohort.groups.to_numpy(), seed)  # fmt: skip

    def state_scores(self):
        """Rank by the true state: the best possible score of each target."""
        values = measure(self.state, NoError())
        labs = []
        for name in self.lab_names:
            laboratory, side = name.rsplit(" ", 1)
            labs.append(values[laboratory] * (1 if side == "high" else -1))
        return np.column_stack([diagnosis_probability(self.state), *labs])


def train(x, targets, patients, seed):
    """Fit a network with an output for each target; return a function that scores inputs."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    names = np.unique(patients)
    held_out = np.isin(patients, rng.choice(names, max(int(VALIDATION_SHARE * len(names)), 50)))
    mean, spread = x[~held_out].mean(axis=0), x[~held_out].std(axis=0) + 1e-6

    def tensor(values):
        return torch.from_numpy(np.clip((values - mean) / spread, -8, 8))

    inside, outside = tensor(x[~held_out]), tensor(x[held_out])
    wanted, held_out_targets = (torch.from_numpy(targets[rows]) for rows in (~held_out, held_out))
    net = nn.Sequential(
        nn.Linear(x.shape[1], WIDTH), nn.GELU(), nn.Dropout(DROPOUT),
        nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Dropout(DROPOUT),
        nn.Linear(WIDTH, targets.shape[1]),
    )  # fmt: skip
    steps = -(-len(inside) // BATCH)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, PEAK_RATE, epochs=EPOCHS, steps_per_epoch=steps
    )

    def loss_of(outputs, wanted):
        known = ~wanted.isnan()
        each = nn.functional.binary_cross_entropy_with_logits(
            outputs, wanted.nan_to_num(), reduction="none"
        )
        return (each * known).sum() / len(wanted)

    best = None
    for _ in range(EPOCHS):
        net.train()
        for rows in torch.randperm(len(inside)).split(BATCH):
            optimiser.zero_grad()
            loss_of(net(inside[rows]), wanted[rows]).backward()
            optimiser.step()
            schedule.step()
        net.eval()
        with torch.no_grad():
            loss = loss_of(net(outside), held_out_targets).item()
        if best is None or loss < best[0]:
            best = loss, {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(best[1])

    def score(inputs):
        with torch.no_grad():
            return net(tensor(inputs)).numpy()

    return score


def show(name, n_subjects, scores, cohorts, *, laboratories=True):
    """Print macro AUROC and interval of diagnoses and laboratories, cohort by cohort."""
    cells, n = [], cohorts[0].n_diagnoses
    for part in [slice(n), slice(n, None)][: 1 + laboratories]:
        results = [
            patient_bootstrap(c.targets[:, part].astype(float), P[:, part], groups=c.patients,
                              n_resamples=400, random_state=0)
            for c, P in zip(cohorts, scores, strict=True)
        ]  # fmt: skip
        mean = np.mean([r.estimate for r in results])
        each = " ".join(f"{r.estimate:.3f} [{r.low:.3f}, {r.high:.3f}]" for r in results)
        cells.append(f"{mean:.3f} ({each})")
    print(f"{name:<26}|{n_subjects:>8} | {' | '.join(cells)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=100_000, help="training patients")
    parser.add_argument("--curve", type=int, nargs="*", default=[], help="fewer of them")
    parser.add_argument("--cohorts", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--inputs", nargs="*", help="default: ECG parameters, table, both")
    parser.add_argument("--by-target", action="store_true", help="AUROC of each target")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    cohorts = [Cohort.of_benchmark(5000, seed) for seed in options.cohorts]
    training = Cohort.drawn(options.subjects, TRAINING_SEED)
    print(f"{len(training.targets)} training records; {process_time():.0f} CPU s to simulate")
    print(f"{'':<26}|patients | {cohorts[0].n_diagnoses} diagnoses | laboratory abnormalities")
    by_target = {"state": [c.state_scores() for c in cohorts]}
    show("latent state", "", by_target["state"], cohorts)
    for name in options.inputs or training.inputs:
        for n in sorted({*options.curve, options.subjects}):
            start = process_time()
            rows = training.patients < n
            x, patients = training.inputs[name][rows], training.patients[rows]
            score = train(x, training.targets[rows], patients, 0)
            by_target[name] = [score(c.inputs[name]) for c in cohorts]
            show(name, n, by_target[name], cohorts, laboratories="table" not in name)
            print(f"    {process_time() - start:.0f} CPU s", flush=True)
    if options.by_target:
        print(per_target(by_target, cohorts).to_string(float_format="{:.3f}".format))


def per_target(scores, cohorts):
    """Return the AUROC of each target, mean over cohorts, for each input."""
    names = [*make_clinical_ecg(2, random_state=0).Y, *cohorts[0].lab_names]
    columns = {}
    for name, each in scores.items():
        aurocs = [
            patient_bootstrap(c.targets.astype(float), P, groups=c.patients, n_resamples=1,
                              random_state=0).label_estimate
            for c, P in zip(cohorts, each, strict=True)
        ]  # fmt: skip
        columns[name] = np.mean(aurocs, axis=0)
    return pd.DataFrame(columns, index=names)


if __name__ == "__main__":
    main()
