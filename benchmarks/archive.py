"""Stage (i) and teachers in an archive: longer, wider, and three encoders as one teacher.

    python benchmarks/archive.py --cohort 0

The archive setting of ablation.py: ECGs and tables of 26,500 subjects, labels of a sixth. Each
variant of stage (i) is judged by a linear probe of its embedding and by the mean AUROC of its
laboratory heads, both on test patients. Students are distilled from late fusion of embedding and
table; the share of the gap is that from the signal alone to late fusion of the default. Of three
encoders the probes' log odds are averaged, and the embeddings are side by side in the teacher.
"""

import argparse
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from time import process_time

import numpy as np
import pandas as pd
import torch
from scipy.special import expit, logit
from sklearn.frozen import FrozenEstimator
from torch import Tensor, nn

from ecgsk import ECGDiagnosisClassifier, JointEmbeddingPretrainer, LabAbnormalityExplainer
from ecgsk.datasets import make_clinical_ecg
from ecgsk.encoders import Encoder, ResNet1d
from ecgsk.metrics import masked_roc_auc, paired_difference
from ecgsk.model_selection import patient_split
from ecgsk.preprocessing import BandpassFilter, LabAbnormality

WIDE = ResNet1d(depth=18, width=32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=26_500)
    parser.add_argument("--label-fraction", type=float, default=1 / 6)
    parser.add_argument("--epochs", type=int, default=12, help="of the default stage (i)")
    parser.add_argument("--cohort", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    archive = make_archive(options.subjects, options.label_fraction, options.cohort)
    print(f"{len(archive.train)} records with tables, {len(archive.labelled)} with labels, "
          f"{len(archive.test)} to test on", flush=True)  # fmt: skip

    longer, seed = 2 * options.epochs, options.cohort
    members = [pretrain(archive, "resnet18", options.epochs, seed)]
    default = archive.show_stage_one("default", members)
    members += [pretrain(archive, "resnet18", options.epochs, seed + i) for i in (100, 200)]
    archive.show_stage_one("three encoders", members, default)

    signal = archive.predict(archive.labelled, encoder="resnet18")
    encoder = FrozenEstimator(members[0])
    late_fusion = archive.predict(
        archive.labelled, encoder=encoder, inputs="ecg+clinical", fine_tune="late_fusion"
    )
    archive.bounds = signal, late_fusion
    archive.show("signal only", signal)
    archive.show("late fusion, default", late_fusion)
    archive.show("student of the default", archive.distill(members[0]))
    archive.show("fresh student of the default", archive.distill(members[0], student="resnet18"))
    three = side_by_side(members)
    archive.show("fresh student of three encoders", archive.distill(three, student="resnet18"))
    of_longer = pretrain(archive, "resnet18", longer, seed)
    archive.show_stage_one(f"{longer} epochs", [of_longer], default)
    wide = pretrain(archive, WIDE, options.epochs, seed)
    archive.show_stage_one("twice as wide", [wide], default)
    archive.show("student of the wide one", archive.distill(wide))


@dataclass
class Archive:
    """A cohort of records with tables, of which some have labels, and the scores of models."""

    X: pd.DataFrame
    Y: pd.DataFrame
    labs: pd.DataFrame
    patients: np.ndarray
    train: np.ndarray
    labelled: np.ndarray
    test: np.ndarray
    seed: int
    bounds: tuple[np.ndarray, np.ndarray] | None = None
    start: float = 0.0

    def predict(self, rows: np.ndarray, **parameters) -> np.ndarray:
        """Fit a classifier on some rows; return the probabilities of the test records."""
        model = ECGDiagnosisClassifier(**parameters, random_state=self.seed, verbose=False)
        known = self.Y.iloc[self.labelled].reindex(self.Y.index)
        model.fit(self.X.iloc[rows], known.iloc[rows])
        return model.predict_proba(self.X.iloc[self.test])

    def distill(self, teacher: JointEmbeddingPretrainer, **parameters) -> np.ndarray:
        """Return the probabilities of a student of an embedding and the table."""
        encoder = FrozenEstimator(teacher)
        return self.predict(self.train, encoder=encoder, fine_tune="distill", **parameters)

    def show(self, name: str, P: np.ndarray) -> None:
        """Print AUROC, paired difference to the signal alone and share of the gap."""
        assert self.bounds is not None
        known = self.Y.iloc[self.test].to_numpy()
        low, high = (masked_roc_auc(known, of) for of in self.bounds)
        auroc = masked_roc_auc(known, P)
        gain = paired_difference(
            known, P, self.bounds[0], groups=self.patients[self.test], random_state=0
        )
        print(f"{name:<36}{auroc:.4f}  minus signal {gain.estimate:+.3f} "
              f"[{gain.low:+.3f}, {gain.high:+.3f}]  gap {(auroc - low) / (high - low):.0%}  "
              f"{self._seconds():.0f} CPU s", flush=True)  # fmt: skip

    def show_stage_one(
        self,
        name: str,
        members: Sequence[JointEmbeddingPretrainer],
        default: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Print and return the scores of probes and laboratory heads, against the default's."""
        both = self._score_embeddings(members)
        known = self.Y.iloc[self.test].to_numpy(), self.labs.iloc[self.test].to_numpy()
        cells = [f"{masked_roc_auc(y, P):.4f}" for y, P in zip(known, both, strict=True)]
        if default is not None:
            groups = self.patients[self.test]
            for i, (y, P, other) in enumerate(zip(known, both, default, strict=True)):
                d = paired_difference(y, P, other, groups=groups, random_state=0)
                cells[i] += f" ({d.estimate:+.3f} [{d.low:+.3f}, {d.high:+.3f}])"
        print(f"{name:<36}probe {cells[0]}  laboratory heads {cells[1]}  "
              f"{self._seconds():.0f} CPU s", flush=True)  # fmt: skip
        return both

    def _score_embeddings(
        self, members: Sequence[JointEmbeddingPretrainer]
    ) -> tuple[np.ndarray, np.ndarray]:
        probes, heads = [], []
        for member in members:
            encoder = FrozenEstimator(member)
            probes.append(self.predict(self.labelled, encoder=encoder, fine_tune="probe"))
            explainer = LabAbnormalityExplainer(encoder, random_state=self.seed)
            explainer.fit(self.X.iloc[self.train], self.labs.iloc[self.train])
            heads.append(explainer.predict_proba(self.X.iloc[self.test]))
        return mean_log_odds(probes), mean_log_odds(heads)

    def _seconds(self) -> float:
        """Return CPU seconds since the last line."""
        before, self.start = self.start, process_time()
        return self.start - before


def make_archive(n_subjects: int, label_fraction: float, seed: int) -> Archive:
    """Simulate a cohort, split its patients and choose those with labels."""
    cohort = make_clinical_ecg(n_subjects, random_state=seed)
    X = BandpassFilter(0.5, 40).fit_transform(cohort.X)
    patients = cohort.groups.to_numpy()
    train, test = patient_split(patients, random_state=seed, Y=cohort.Y)
    order = np.random.default_rng(seed).permutation(np.unique(patients[train]))
    chosen = order[: round(label_fraction * len(order))]
    labelled = train[np.isin(patients[train], chosen)]
    labs = LabAbnormality(cohort.reference_ranges).fit_transform(cohort.labs)
    return Archive(X, cohort.Y, labs, patients, train, labelled, test, seed, start=process_time())


def pretrain(
    archive: Archive, encoder: Encoder | str, epochs: int, seed: int
) -> JointEmbeddingPretrainer:
    """Pre-train on the tables of all training records."""
    pretrainer = JointEmbeddingPretrainer(
        encoder, max_epochs=epochs, random_state=seed, verbose=False
    )
    return pretrainer.fit(archive.X.iloc[archive.train])


class SideBySide(nn.Module):
    """Embeddings of several pre-trained modules, concatenated."""

    def __init__(self, modules: Sequence[nn.Module]):
        super().__init__()
        self.members = nn.ModuleList(modules)

    def features(self, ecg: Tensor) -> Tensor:
        """Return embeddings of shape (n_samples, n_features of all members)."""
        return torch.cat([member.features(ecg) for member in self.members], dim=1)


def side_by_side(members: Sequence[JointEmbeddingPretrainer]) -> JointEmbeddingPretrainer:
    """Return a pretrainer with the embeddings of several, to teach a fresh student."""
    joined = copy(members[0])
    joined.net_ = copy(joined.net_)
    joined.net_.module_ = SideBySide([member.net_.module_ for member in members])
    return joined


def mean_log_odds(probabilities: Sequence[np.ndarray]) -> np.ndarray:
    """Return the probabilities of the mean log odds; NaN stays."""
    return expit(np.mean([logit(P.clip(1e-6, 1 - 1e-6)) for P in probabilities], axis=0))


if __name__ == "__main__":
    main()
