"""The arms a joint embedding is judged by, each an estimator for one setting."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from ecgsk.estimators import ECGDiagnosisClassifier, JointEmbeddingPretrainer
from ecgsk.estimators.diagnosis import FINE_TUNING, FROM_PROBE
from ecgsk.objectives import ECGContrast

OURS = "joint embedding"
SIGNAL = "signal only"
MATCHED = "signal only, compute-matched"
SELF_SUPERVISED = "ECG-only self-supervision"
MULTIMODAL = "multimodal (ECG + table at inference)"


@dataclass(frozen=True)
class Recipe:
    """What all arms of a comparison share.

    Attributes
    ----------
    pretrainer : JointEmbeddingPretrainer
        Unfitted; its encoder is every arm's.
    classifier : ECGDiagnosisClassifier
        Unfitted; the parameters of stage (ii). What it sees is the arm's choice.
    pretrain : callable
        Takes an unfitted pretrainer, returns it fitted on the setting's
        pre-training rows; each is fitted once.
    n_pretraining, n_labelled : int
        Records of stage (i) and (ii).
    distils : bool
        Whether ours looks at the records of stage (i) in stage (ii) again.
    """

    pretrainer: JointEmbeddingPretrainer
    classifier: ECGDiagnosisClassifier
    pretrain: Callable[[JointEmbeddingPretrainer], JointEmbeddingPretrainer]
    n_pretraining: int
    n_labelled: int
    distils: bool

    def make(self, **changes: Any) -> ECGDiagnosisClassifier:
        """Return a fresh classifier from scratch with these parameters changed."""
        own = {"encoder": self.pretrainer.encoder, "inputs": "ecg"}
        if self.classifier.fine_tune == "distill":  # only ours has a table to be taught
            own["fine_tune"] = "auto"
        return clone(self.classifier).set_params(**(own | changes))

    def make_pretrained(
        self, pretrainer: JointEmbeddingPretrainer, **changes: Any
    ) -> ECGDiagnosisClassifier:
        """Return a fresh classifier over a pretrainer that is fitted once and reused."""
        return self.make().set_params(encoder=FrozenEstimator(self.pretrain(pretrainer)), **changes)


def random_encoder(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return a linear head on an encoder that learned nothing."""
    return recipe.make(fine_tune="probe")


def table_only(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return a model of the table without the ECG."""
    return recipe.make(inputs="clinical")


def signal_only(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return a model of the ECG, trained from scratch."""
    return recipe.make(fine_tune="full")


def compute_matched(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return the signal-only model, trained on as many records as stages (i) and (ii) together."""
    mode, own = recipe.classifier.fine_tune, recipe.classifier.max_epochs
    auto, _ = FINE_TUNING if recipe.distils or mode == "full" else FROM_PROBE
    n_seen = recipe.n_pretraining * recipe.pretrainer.max_epochs
    n_again = recipe.n_pretraining if recipe.distils else recipe.n_labelled
    n_seen += n_again * (auto if own == "auto" else int(own))
    return recipe.make(fine_tune="full", max_epochs=ceil(n_seen / recipe.n_labelled))


def ecg_only_self_supervision(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return a model whose encoder was pre-trained on signals without tables."""
    return recipe.make_pretrained(clone(recipe.pretrainer).set_params(objective=ECGContrast()))


def joint_embedding(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return ours: it learned from tables, and diagnoses from the ECG alone."""
    mode = recipe.classifier.fine_tune
    return recipe.make_pretrained(clone(recipe.pretrainer), fine_tune=mode)


def multimodal(recipe: Recipe) -> ECGDiagnosisClassifier:
    """Return the upper bound: pre-trained as ours, and given the table at inference too."""
    return recipe.make_pretrained(clone(recipe.pretrainer), inputs="ecg+clinical")


# The other arms are not shown the table, in training neither.
WITH_TABLE = ("table only", OURS, MULTIMODAL)

ARMS: dict[str, Callable[[Recipe], ECGDiagnosisClassifier]] = {
    "random encoder + linear": random_encoder,
    "table only": table_only,
    SIGNAL: signal_only,
    MATCHED: compute_matched,
    SELF_SUPERVISED: ecg_only_self_supervision,
    OURS: joint_embedding,
    MULTIMODAL: multimodal,
}
