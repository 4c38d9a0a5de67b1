"""Ablation of the joint embedding on synthetic cohorts: plan, resumable runs, and tables.

    python benchmarks/ablation.py plan
    python benchmarks/ablation.py run --cohort 0 --start 0 --setting 10 --out FOLDER
    python benchmarks/ablation.py table FOLDER

A run fits the arms of `compare_arms(arms="ablation")` in one setting: labels of 10, 25 or 100 %
of the training patients among 5,000 subjects, or an archive of 26,500 subjects with labels of a
sixth. A cohort has one patient split and one order of labelled patients. A start is another seed
of every training. Each arm's test probabilities are saved as it ends, and pre-trainings have
checkpoints, so that the same command goes on after an interruption.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch
from ablation_table import print_table

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, compare_arms
from ecgsk.datasets import make_clinical_ecg
from ecgsk.evaluation import ARMS
from ecgsk.preprocessing import BandpassFilter
from ecgsk.training import Trainer


@dataclass(frozen=True)
class Setting:
    """Size of a cohort, share of labels, starts of each cohort, and arms that are left out."""

    subjects: int
    label_fraction: float
    n_pretraining: int  # expected training records
    n_labelled: int
    n_starts: int = 1
    left_out: tuple[str, ...] = ()

    @property
    def arms(self):
        """Names of the fitted arms."""
        return [name for name in ARMS if name not in self.left_out]


# Left out where an arm is long and another setting answers its question.
SETTINGS = {
    "10": Setting(5_000, 0.1, 6_800, 650, n_starts=2),
    "25": Setting(5_000, 0.25, 6_800, 1_700),
    "100": Setting(5_000, 1.0, 6_800, 6_800),
    "archive": Setting(
        26_500,
        1 / 6,
        36_100,
        6_000,
        left_out=(
            "ECG-only self-supervision, self-training",
            "joint embedding, fresh student",
        ),
    ),
}
# CPU milliseconds of a record's training pass on a 2.5 GHz Xeon in float32 with AVX-512.
MS_JOINT, MS_SELF_SUPERVISED, MS_TRAINING, S_OF_AN_ARM = 0.54, 1.03, 0.55, 3
# Epochs of stage (ii) over the labelled records, and over all records; an early-stopped arm by
# the epochs that it took in trials.
EPOCHS = {
    "signal only": (20, 0),
    "signal only, compute-matched, early stopping": (40, 0),
    "no pre-training, table teacher": (0, 20),
    "ECG-only self-supervision": (10, 0),
    "ECG-only self-supervision, self-training": (0, 10),
    "ECG-only self-supervision, table teacher": (0, 10),
    "joint embedding": (0, 10),
    "joint embedding, fully fine-tuned": (10, 0),
    "joint embedding, self-training": (0, 10),
    "joint embedding, fresh student": (0, 20),
    "multimodal, fully trained": (10, 0),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan", help="settings, arms and expected CPU seconds")
    plan.add_argument("--cohorts", type=int, default=3, help="number of cohorts")
    run = commands.add_parser("run", help="fit the arms of one cohort, start and setting")
    run.add_argument("--cohort", type=int, required=True)
    run.add_argument("--start", type=int, default=0)
    run.add_argument("--setting", choices=SETTINGS, required=True)
    run.add_argument("--arms", nargs="+", help="some of the arms")
    run.add_argument("--out", type=Path, required=True)
    run.add_argument("--threads", type=int, default=1)
    table = commands.add_parser("table", help="print the table of all finished runs")
    table.add_argument("folder", type=Path)
    table.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args()
    if options.command == "plan":
        print_plan(options.cohorts)
    elif options.command == "run":
        run_setting(options)
    else:
        print_table(options.folder, list(SETTINGS), list(ARMS), options.resamples)


def expected_seconds(setting):
    """Return CPU seconds of each arm, and of both pre-trainings, by setting."""
    arms = {}
    for name in setting.arms:
        of_labelled, of_all = EPOCHS.get(name, (0, 0))
        if "compute-matched" in name:  # at most the records of 12 and 10 epochs
            of_labelled = min(of_labelled, 22 * setting.n_pretraining / setting.n_labelled)
        passes = of_labelled * setting.n_labelled + of_all * setting.n_pretraining
        arms[name] = S_OF_AN_ARM + passes * MS_TRAINING / 1000
    both = 12 * setting.n_pretraining * (MS_JOINT + MS_SELF_SUPERVISED) / 1000
    return arms, both


def print_plan(n_cohorts):
    """Print settings, starts, arms and expected CPU seconds."""
    total, pretrained = 0.0, {}
    for name, setting in SETTINGS.items():
        arms, both = expected_seconds(setting)
        runs = n_cohorts * setting.n_starts
        # Label fractions of one cohort and start share their pre-trainings.
        shared = pretrained.get(setting.subjects, 0)
        pretrained[setting.subjects] = max(shared, setting.n_starts)
        seconds = runs * sum(arms.values())
        seconds += n_cohorts * both * (pretrained[setting.subjects] - shared)
        total += seconds
        print(f"\nsetting {name}: {setting.subjects:,} subjects, {n_cohorts} cohorts x "
              f"{setting.n_starts} starts, {seconds / 60:.0f} CPU minutes")  # fmt: skip
        for arm, of_one in arms.items():
            print(f"  {arm:<60}{of_one:6.0f} s a run")
        for arm in setting.left_out:
            print(f"  {arm:<60}  left out")
    print(f"\ntotal: {total / 60:.0f} CPU minutes")


def run_setting(options):
    """Fit the arms that have no file yet, and save each as it ends."""
    torch.set_num_threads(options.threads)
    setting = SETTINGS[options.setting]
    name = f"cohort{options.cohort}-start{options.start}"
    folder = options.out / options.setting / name
    folder.mkdir(parents=True, exist_ok=True)
    asked = options.arms or setting.arms
    missing = [arm for arm in asked if not arm_file(folder, arm).exists()]
    print(f"{folder}: {len(asked) - len(missing)} of {len(asked)} arms are done", flush=True)
    if not missing:
        return
    cohort = make_clinical_ecg(setting.subjects, random_state=options.cohort)
    X = BandpassFilter(0.5, 40).fit_transform(cohort.pop("X"))
    # Settings of one cohort and start share a folder: stage (i) sees no labels.
    checkpoints = options.out / "pretraining" / f"{setting.subjects}-{name}"
    seed = 1000 * options.cohort + options.start
    Saver(folder, cohort.Y, cohort.groups.to_numpy()).fit(
        X,
        cohort.Y,
        pretrainer=JointEmbeddingPretrainer(
            trainer=Trainer(checkpoint_folder=checkpoints), random_state=seed, verbose=0
        ),
        classifier=ECGDiagnosisClassifier(random_state=seed, verbose=0),
        arms=missing,
        label_fractions=[setting.label_fraction],
        n_resamples=20,  # the table resamples
        random_state=options.cohort,
        verbose=False,
    )


def arm_file(folder, arm):
    """Return the file of an arm's test probabilities."""
    return folder / f"{''.join(c if c.isalnum() else '-' for c in arm)}.npz"


class Saver:
    """Save the test patients once, and each arm as it ends."""

    def __init__(self, folder, Y, groups):
        self.folder, self.Y, self.groups = folder, Y, groups
        self.wall, self.cpu = perf_counter(), process_time()

    def fit(self, *data, **parameters):
        """Compare the arms; `data` and `parameters` are those of compare_arms."""
        compare_arms(*data, callback=self.on_score, **parameters)

    def on_score(self, comparison, score):
        """Save one arm, with the seconds since the last one."""
        wall, cpu = perf_counter() - self.wall, process_time() - self.cpu
        test = comparison.test
        if not (self.folder / "test.npz").exists():
            self.save_test(comparison, score)
        save(
            arm_file(self.folder, score.arm),
            P=score.probabilities,
            test=test,
            arm=score.arm,
            cpu_seconds=cpu,
            wall_seconds=wall,
            n_epochs=len(score.model.history_),
        )
        print(f"{score.arm:<60} {score.auroc.estimate:.4f} {cpu:6.0f} CPU s {wall:6.0f} s",
              flush=True)  # fmt: skip
        self.wall, self.cpu = perf_counter(), process_time()

    def save_test(self, comparison, score):
        """Save labels and patients of the test records, and the numbers of all sides."""
        train, test, labelled = comparison.train, comparison.test, score.labelled
        counts = {
            side: [len(rows), len(np.unique(self.groups[rows]))]
            for side, rows in (("labelled", labelled), ("pretraining", train), ("test", test))
        }
        save(
            self.folder / "test.npz",
            Y=self.Y.iloc[test].to_numpy(np.float32),
            patients=self.groups[test],
            test=test,
            counts=json.dumps(counts),
        )


def save(path, **arrays):
    """Write an npz file at once, so that an interrupted run leaves none that is cut off."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(file, **arrays)
    part.replace(path)


if __name__ == "__main__":
    main()
